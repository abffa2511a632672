"""Settings as stages receive them, a module for each part of the chain."""
