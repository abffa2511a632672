"""One thin module per rule: read tables, call, write tables."""
