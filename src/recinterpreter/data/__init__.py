"""From raw events to interactions, items, examples and an audit."""
