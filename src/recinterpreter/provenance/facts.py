"""With which software, on which machine: what is recorded of a job beside its files.

No name of a host or a person, nothing of the environment but the revision, and torch is not
imported for it.
"""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

# set by the Snakefile: see provenance/revision.py
REVISION = "RECINTERPRETER_REVISION"
DIRTY = "-dirty"

_PACKAGES = (
    "recinterpreter",
    "torch",
    "transformers",
    "numpy",
    "pyarrow",
    "polars",
    "scipy",
    "scikit-learn",
    "snakemake",
)


def versions() -> dict[str, str]:
    """Return the versions of Python, of this project and of what computes."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def source() -> dict[str, Any]:
    """Return the git revision of the sources and whether they differ from it; empty without."""
    noted = os.environ.get(REVISION, "")
    if not noted:
        return {}
    return {"revision": noted.removesuffix(DIRTY), "dirty": noted.endswith(DIRTY)}


def machine() -> str:
    """Return the system and the number of cores in a few words."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def hardware() -> dict[str, Any]:
    """Return what the job ran on; gpus: those that were used, by name."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
    }


def _processor(described: Path = Path("/proc/cpuinfo")) -> str:
    with suppress(OSError):
        for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):  # a system that does not tell
        return None


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")
    # before anything was computed on a GPU, to ask for its name would occupy it
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
