"""What the paper reports, to stand beside our numbers (Yang et al., arXiv 2310.20487)."""

from __future__ import annotations

from itertools import pairwise

SOURCE = "Yang et al., arXiv 2310.20487"

RESIDUAL: dict[str, dict[str, float]] = {
    # Table 2: residual accuracy, in percent, with LLaMA-7B
    "ml-100k": {"gru4rec": 52.63, "caser": 78.95, "sasrec": 93.68, "dreamrec": 97.89},
    "steam": {"gru4rec": 17.11, "caser": 55.03, "sasrec": 52.60, "dreamrec": 86.33},
}

RECOVERY: dict[str, str] = {
    # Figure 4 and the text beside it
    "ml-100k": (
        "Caser, SASRec and DreamRec recover more than 5 items in over 35 % of the samples and "
        "more than 3 in about 80 %; the ten most popular items recover none in 74.74 %."
    ),
    "steam": "The ten most popular items recover none in 58.56 % of the samples.",
}

# Section 4.3: oracle items whose words are no title of the catalogue, in percent
ORACLE_OUTSIDE = {"ml-100k": 28.13, "steam": 48.67}

# The better one first: those of Table 2 that stand next to each other
NEIGHBOURS = {
    dataset: [
        (better, worse) for worse, better in pairwise(sorted(figures, key=lambda m: figures[m]))
    ]
    for dataset, figures in RESIDUAL.items()
}

# Table 3: data sets that were judged, and whose titles
PREFERENCE = ("ml-100k", "steam")
JUDGED = ("random", "sasrec", "dreamrec")

MODELS = {"gru4rec": "GRU4Rec", "caser": "Caser", "sasrec": "SASRec", "dreamrec": "DreamRec"}
