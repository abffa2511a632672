"""Files of the user's own that jobs read: found, digested and missed before any job starts.

What is in them, the stages read and check.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from recinterpreter.contents import MADE, digest_of
from recinterpreter.errors import UserError
from recinterpreter.origins import no_file, parts_of

if TYPE_CHECKING:
    from recinterpreter.blocks import LLM
    from recinterpreter.experiment import Settings

_MODEL_FILES = ("*.json", "*.safetensors", "tokenizer.model", "merges.txt")
_PICKLES = "pytorch_model*.bin"
_TABLE = (
    "a table in CSV, TSV, JSON lines or Parquet, or a folder of its parts, without folders in it"
)


def contents_of(files: Iterable[str]) -> str | None:
    """Digest files by what is in them; None where there are none, or one is missing.

    Then either the workflow makes them itself, or the stage that reads them says what is missing.
    """
    found = [Path(file) for file in files]
    if not found or not all(file.is_file() for file in found):
        return None
    return digest_of(found)


def local_folder(source: str) -> str | None:
    """Return the folder that `llm.source` means, or None for a name (embedded, a hub id).

    A folder begins with a point, a slash or a tilde.
    """
    return str(Path(source).expanduser()) if source.startswith((".", "/", "~")) else None


def language_model_files(source: str) -> list[str]:
    """List what makes up a local LLM (configuration, weights, tokenizer); nothing for a name."""
    folder = local_folder(source)
    if folder is None:
        return []
    # pickles are read in place of safetensors alone, and where llm.allow_pickle admits them
    pickles = () if any(Path(folder).glob("*.safetensors")) else (_PICKLES,)
    kinds = (*_MODEL_FILES, *pickles)
    found = {file for kind in kinds for file in Path(folder).glob(kind)}
    return sorted(str(file) for file in found if file.name != MADE)


def language_model_identity(llm: LLM) -> str:
    """Say which LLM it is that `llm.source` names: the embedded one, a hub id, or a content."""
    if local_folder(llm.source) is None:
        return llm.source
    return str(contents_of(language_model_files(llm.source)))


def insist_on_files(settings: Settings) -> None:
    """Raise UserError with every file that the settings name and that cannot be read."""
    wanted = []
    data = settings.data
    for dataset in data.names:
        if dataset in data.public:
            origin, key = data.public[dataset], f"{data.block(dataset)}.path"
            wanted += [(key, file, origin.wanted) for file in data.parts(dataset)]
        elif dataset in data.origins:
            tables = zip(data.origins[dataset].files, data.places(dataset), strict=True)
            parts = [(key, part) for key, table in tables for part in parts_of(table)]
            wanted += [(f"events.{key}", part, _TABLE) for key, part in parts]
    missing = [
        f"data.{key}: {file}: {found}; wanted {words}"
        for key, file, words in wanted
        if (found := no_file(file))
    ]
    missing += _missing_from_outside(settings)
    missing += _missing_from_model(settings.llm)
    if missing:
        raise UserError(
            "the configuration names files that are missing or are none (paths are relative to the "
            "folder Snakemake works in):\n  " + "\n  ".join(missing)
        )


def _missing_from_outside(settings: Settings) -> list[str]:
    return [
        f"recommenders.outside.{name}.{key}: {file}: {found}; wanted Parquet or npz"
        for name, files in settings.recommenders.outside.items()
        for key, file in files.model_dump().items()
        if file is not None and (found := no_file(file))
    ]


def _missing_from_model(llm: LLM) -> list[str]:
    folder = local_folder(llm.source)
    where = f"llm.source: {llm.source}"
    if folder is None:
        if llm.source != "embedded" and Path(llm.source).is_dir():
            # transformers would take it for the model, and its content would count for nothing
            return [f"{where}: a folder of this name is here; to mean it write ./{llm.source}"]
        return []
    if not Path(folder).is_dir():
        return [f"{where}: no such folder; wanted one with a transformers model"]
    wanted = ["config.json", "*.safetensors", "tokenizer*"]
    absent = [kind for kind in wanted if not any(Path(folder).glob(kind))]
    if "*.safetensors" in absent and any(Path(folder).glob(_PICKLES)):
        absent.remove("*.safetensors")
        if not llm.allow_pickle:
            return [
                f"{where}: its weights are pickles ({_PICKLES}); wanted *.safetensors, or "
                "llm.allow_pickle: true where you trust who made them"
            ]
    return [f"{where}: this folder has no {' and no '.join(absent)}"] if absent else []
