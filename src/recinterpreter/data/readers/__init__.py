"""Readers of raw files, a module for each kind: what they hold becomes events and items."""
