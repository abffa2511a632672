"""Recommenders made elsewhere: their states, lists and item vectors, read from files."""
