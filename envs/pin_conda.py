"""Write the conda environments anew from the pinned packages; `make lock` does it.

Snakemake copies an environment's file before conda reads it, so it cannot refer to another file
beside it. And pip checks hashes of all packages or of none, while PyTorch's build is open. So the
versions stand in the file itself.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = "3.11"
KINDS = {
    "python.yaml": ("Steps that need no tensors.", ["requirements.lock"]),
    "torch.yaml": (
        "Steps that train or run a network: the same, and PyTorch.",
        ["torch.txt", "requirements.lock"],
    ),
}


def main() -> None:
    """Write both files."""
    for name, (purpose, sources) in KINDS.items():
        lines = [f"# {purpose} Written by envs/pin_conda.py from {' and '.join(sources)}."]
        lines += ["channels: [conda-forge]", "dependencies:", f"  - python={PYTHON}", "  - pip"]
        lines += ["  - pip:", *(f"      - {pin}" for pin in pins(sources))]
        (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def pins(sources: list[str]) -> list[str]:
    """Return `package==version` of every line that pins one."""
    text = "\n".join((HERE / source).read_text(encoding="utf-8") for source in sources)
    return re.findall(r"^([A-Za-z0-9._-]+==[^\s\\;]+)", text, re.MULTILINE)


if __name__ == "__main__":
    main()
