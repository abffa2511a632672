"""Judges say which of three titles a person would prefer (paper, Table 3); no torch here."""
