"""From answers to verdicts to scores with intervals; no torch here."""
