"""The settings as Snakemake reads them: config.yaml, files, single keys, one over the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from recinterpreter.configuration import load
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.origins import no_file

CONFIG = Path(__file__).parents[2] / "config.yaml"

Overlay = dict[str, Any]
_WANTED = "wanted a configuration in YAML, blocks of keys as in config.yaml"


def read_settings(files: Sequence[Path], overrides: Sequence[str]) -> Settings:
    """Merge config.yaml, the files and the overrides KEY=VALUE, and check the whole."""
    merged: Overlay = {}
    read: dict[str, Overlay] = {}
    for file in [CONFIG, *files]:
        read[os.path.relpath(file)] = _block(file)
    for overlay in [*read.values(), *map(_override, overrides)]:
        merged = _overlaid(merged, overlay)
    return load(merged, read)


def _block(file: Path) -> Overlay:
    """Read a file in YAML that is a block of keys, or empty."""
    if found := no_file(file):
        raise UserError(f"{file}: {found}; {_WANTED}")
    try:
        block = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: no UTF-8 text (byte {error.start + 1}); {_WANTED}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{file}: not YAML: {error}; {_WANTED}") from None
    if not isinstance(block, dict):
        raise UserError(f"{file}: got {str(block)[:60]!r}; {_WANTED}")
    return block


def _override(text: str) -> Overlay:
    key, mark, value = text.partition("=")
    if not mark:
        raise UserError(f"--config {text}: wanted KEY=VALUE, such as 'adapter={{epochs: 3}}'")
    try:
        return {key: yaml.safe_load(value)}
    except yaml.YAMLError as error:
        raise UserError(f"--config {text}: the value is not YAML: {error}") from None


def _overlaid(base: Overlay, over: Overlay) -> Overlay:
    """Overlay blocks key by key; anything but a block replaces what was there."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged
