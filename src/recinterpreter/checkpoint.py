"""Checkpoints: safetensors beside JSON in a folder; never a pickle.

A checkpoint is complete when its JSON is there: it is written last, and both files by rename.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recinterpreter.errors import UserError
from recinterpreter.partial import partial_name

if TYPE_CHECKING:
    import torch


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write a file under; when that went well, the file is moved to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    try:
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        # some writers leave a file to its owner alone; on a cluster others read it too
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)  # the system tells it only in exchange for another
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, keys sorted, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; UserError names the file when it is missing or broken."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from (
            error
        )
    if not isinstance(value, dict):
        raise UserError(f"{path}: wanted a JSON object, got {type(value).__name__}")
    return value


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write named tensors to a safetensors file, atomically."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replacing(path) as partial:
        held = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        try:
            save_file(held, partial)
        except SafetensorError as error:  # a full disk comes as this, and not as the system says it
            raise OSError(f"{path}: cannot be written ({error})") from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file; UserError names the file when it is missing or broken."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path}: cannot be read as safetensors ({error}); delete it and run again"
        ) from error


class Progress:
    """Where a training job keeps what it needs to go on after any death.

    The folder is keyed by all that determines the result (see `command.work_folder`), so that a
    change of settings, code or input never resumes from a foreign state. `save` replaces the
    last state; a death while saving leaves the one before.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
        """Return the last complete (notes, tensors), or None at a fresh start."""
        if self.folder is None or not (self.folder / "progress.json").is_file():
            return None
        notes = read_json(self.folder / "progress.json")
        return notes, read_tensors(self.folder / notes["tensors"])

    def save(self, notes: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep (notes, tensors) as the state to go on from."""
        if self.folder is None:
            return
        # Two names in turn: the JSON that points to the new one is renamed into place last.
        current = self.folder / "progress.json"
        old = read_json(current)["tensors"] if current.is_file() else ""
        name = "b.safetensors" if old == "a.safetensors" else "a.safetensors"
        write_tensors(self.folder / name, tensors)
        write_json(current, {**notes, "tensors": name})

    def clear(self) -> None:
        """Forget everything: the result is safely written."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
