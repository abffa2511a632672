"""A digest of the code a stage runs, so that Snakemake knows when a result is stale.

Snakemake sees the command of a rule, not the package behind it. Every rule therefore carries
`code_digest(<stage>)` as a param: it changes with any line that the stage can reach, and stays
with comments, docstrings and layout. Standard library only: the Snakefile imports it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Of no result's making: where a job runs, what is noted of it, how it says how far it is.
_APART = ("gpus.py", "lock.py", "provenance", "ticker.py")


def code_digest(stage: str, package: Path = PACKAGE, *, reader: str | None = None) -> str:
    """Digest what `python -m recinterpreter.stages.<stage>` can reach inside the package.

    reader: the one that the stage is told to read raw files with; no import statement names it.
    """
    entries = [package / "stages" / f"{stage}.py"]
    if reader is not None:
        entries.append(package / "data" / "readers" / f"{reader}.py")
    return closure_digest(entries, package)


def closure_digest(entries: Iterable[Path], package: Path = PACKAGE) -> str:
    """Digest some modules, all modules of the package they import, and the data beside those.

    Data named like a module beside it are that module's alone. Without the few modules that no
    result depends on, though a stage runs them.
    """
    modules = {m for m in import_closure(entries, package) if not _is_apart(m, package)}
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(f"{_name(module, package)} {_parsed(module).digest}\n".encode())
    for folder in sorted({module.parent for module in modules}):
        for file in _data_files(folder):
            owner = file.with_suffix(".py")
            if owner.is_file() and owner not in modules:
                continue
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{_name(file, package)} {content}\n".encode())
    return digest.hexdigest()[:16]


def import_closure(entries: Iterable[Path], package: Path = PACKAGE) -> set[Path]:
    """Return the files of the package that importing or running `entries` can load.

    Imports inside functions count, for they run when the function does; those under
    `if TYPE_CHECKING:` do not, for they never run. A module's packages load before it, so their
    `__init__.py` count too.
    """
    closure: set[Path] = set()
    waiting = [file for entry in entries for file in (entry, *_packages(entry, package))]
    while waiting:
        module = waiting.pop()
        if module in closure:
            continue
        closure.add(module)
        waiting.extend(direct_imports(module, package))
    return closure


def direct_imports(module: Path, package: Path = PACKAGE) -> frozenset[Path]:
    """Return the files of the package that a module's own import statements load."""
    stat = module.stat()
    return _direct_imports(module, stat.st_mtime_ns, stat.st_size, package)


# Remembered, for the stages reach the same modules again and again: looking for files is slow.
@functools.cache
def _direct_imports(module: Path, mtime_ns: int, size: int, package: Path) -> frozenset[Path]:
    names = _parse(module, mtime_ns, size).imports
    return frozenset(file for name in names for file in _files(name, package))


def imports_of(entries: Iterable[Path], package: Path = PACKAGE) -> set[str]:
    """Return every dotted name, foreign ones too, that `entries` and their closure import."""
    return {name for module in import_closure(entries, package) for name in _parsed(module).imports}


class _Module:
    """One source file: the digest of its code and the dotted names it imports."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        self.imports = sorted(set(_imports(tree, path)))
        _strip_docstrings(tree)
        # unparse, not dump: the text is the same under every Python from 3.10 on
        self.digest = hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def _parsed(path: Path) -> _Module:
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _parse(path: Path, mtime_ns: int, size: int) -> _Module:
    return _Module(path)


def _is_apart(module: Path, package: Path) -> bool:
    return any(module.is_relative_to(package / name) for name in _APART)


def _imports(tree: ast.Module, path: Path) -> Iterator[str]:
    """Yield every dotted name that may be a module, most of them once too deep (a function)."""
    unseen: list[ast.AST] = [tree]
    while unseen:
        node = unseen.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: write the import with its full name")
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            unseen.extend(node.orelse)
        else:
            unseen.extend(ast.iter_child_nodes(node))


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _strip_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]


def _files(name: str, package: Path) -> Iterator[Path]:
    """Yield the files of the package that `import name` loads; none for foreign modules."""
    parts = name.split(".")
    if parts[0] != package.name:
        return
    for end in range(1, len(parts) + 1):
        path = package.parent.joinpath(*parts[:end])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file


def _packages(module: Path, package: Path) -> Iterator[Path]:
    """Yield the `__init__.py` of every package around a module of the package."""
    if module.is_relative_to(package):
        yield from _files(".".join(module.relative_to(package.parent).parent.parts), package)


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield what a package holds besides Python (page templates, word lists), sorted."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__pycache__")):
            continue
        if path.is_dir():
            if not (path / "__init__.py").is_file():
                yield from _data_files(path)
        elif path.suffix != ".py":
            yield path


def _name(path: Path, package: Path) -> str:
    return path.relative_to(package.parents[1]).as_posix()
