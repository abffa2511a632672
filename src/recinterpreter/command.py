"""Run a stage function as a program: options, checks, logging and a record from its signature.

A stage is one function with keyword-only parameters, annotated:

    settings: a `Section`           handed over as one line of JSON
    running: Running                likewise; no result depends on it
    name: InputPath | InputPaths    must exist
    name: OutputPath | OutputPaths  its folder is made; the stage writes it atomically
    progress: Progress              where a training job keeps what it needs to go on
    name: str                       passed on
    name: int                       1 or more; no result depends on it
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

from pydantic import ValidationError

from recinterpreter.checkpoint import Progress
from recinterpreter.contents import MADE, content_digest
from recinterpreter.errors import UserError
from recinterpreter.lock import hold
from recinterpreter.provenance.record import describe, describe_run, write_record
from recinterpreter.settings.language_model import Running
from recinterpreter.settings.sections import Section

INPUT = "input"
OUTPUT = "output"
InputPath = Annotated[Path, INPUT]
InputPaths = Annotated[list[Path], INPUT]
OutputPath = Annotated[Path, OUTPUT]
OutputPaths = Annotated[list[Path], OUTPUT]

Stage = Callable[..., None]
logger = logging.getLogger("recinterpreter")

# the one option that is a folder or the name of what is elsewhere
_LLM = "llm"


def command(stage: Stage, arguments: list[str] | None = None) -> None:
    """Run `stage` with options read from the command line; exits 2 on a user's error.

    Beside the stage's own options: --log FILE (a copy of what is printed; the record of the run
    is written beside it as FILE.json), --code DIGEST and --work FOLDER (see `work_folder`).
    """
    import cyclopts

    hints = get_type_hints(stage, include_extras=True)
    parameters = inspect.signature(stage).parameters
    options = {name: hints[name] for name in parameters if hints[name] is not Progress}

    def program(**given: Any) -> None:
        # cyclopts hands over plain values by name
        _run(stage, hints, given)

    shown = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=parameters[name].default if name in parameters else "",
            annotation=_option(kind, cyclopts),
        )
        for name, kind in {**options, "log": str, "code": str, "work": str}.items()
    ]
    program.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    program.__annotations__ = {p.name: p.annotation for p in shown}
    program.__doc__ = stage.__doc__
    name = f"recinterpreter {_name(stage)}"
    app = cyclopts.App(name=name, help_format="plaintext", result_action="return_value")
    app.default(program)
    app(sys.argv[1:] if arguments is None else arguments)


def _option(kind: Any, cyclopts: Any) -> Any:
    if inspect.isclass(kind) and issubclass(kind, Section):
        return Annotated[str, cyclopts.Parameter(help=f"{kind.__name__} as JSON")]
    if kind in (InputPaths, OutputPaths):
        return Annotated[list[Path], cyclopts.Parameter(consume_multiple=True, negative="")]
    if kind in (InputPath, OutputPath):
        return Path
    return kind


def _name(stage: Stage) -> str:
    # run as `python -m recinterpreter.stages.x` the module is __main__; its file knows the name
    return Path(inspect.getfile(stage)).stem


def _run(stage: Stage, hints: Mapping[str, Any], given: dict[str, Any]) -> None:
    log, code, work = (given.pop(option, "") for option in ("log", "code", "work"))
    name = _name(stage)
    _configure_logging(name, Path(log) if log else None)
    began, started = time.perf_counter(), datetime.now(UTC)
    try:
        arguments = _check(hints, given)
        waited = False
        for key, kind in hints.items():
            if kind is Progress:
                folder = work_folder(Path(work), name, code, hints, arguments) if work else None
                if folder and not _follows():
                    waited = _claim(folder)
                arguments[key] = Progress(folder)
        recorded = bool(log) and not _follows()
        read = _read_files(hints, arguments) if recorded else {}
        outputs = _paths(hints, arguments, OUTPUT)
        # alone only: those that torchrun started with this one wait for it to train with them
        if waited and not _among_several() and _written_since(started, outputs):
            logger.info("it has finished; what it made is taken over")
        else:
            stage(**arguments)
        seconds = time.perf_counter() - began
        # before the record is written: a log newer than its record is of a job that failed
        logger.info("done in %.1f s", seconds)
        if recorded:
            done = describe_run(name, code, started, seconds, arguments)
            write_record(Path(log), {**done, **read, "outputs": describe(outputs)})
    except UserError as error:
        logger.error("error: %s", error)
        sys.exit(2)
    except OSError as error:
        # a full disk, a missing right: the user's to mend, so no traceback
        logger.error("error: %s; what was finished before stays as it is", error)
        sys.exit(2)
    except KeyboardInterrupt:
        logger.info("stopped")
        sys.exit(130)
    except Exception:
        logger.exception("a defect in %s; please report it with this log", name)
        sys.exit(1)
    if _among_several():
        end()


def _claim(folder: Path) -> bool:
    """Keep others from the same work; returns whether another process was at it."""
    waited = not hold(lock := folder.with_suffix(".lock"), wait=False)
    if waited:
        logger.warning("a process of an earlier run is still at this; waiting for it")
        hold(lock, wait=True)
    if folder.is_dir() and any(folder.iterdir()):
        logger.info("goes on from what was kept when it was stopped")
    return waited


def _written_since(started: datetime, outputs: Mapping[str, list[Path]]) -> bool:
    """Whether all outputs were written, whole as they always are, while this process waited."""
    files = [path for paths in outputs.values() for path in paths]
    new = [f.is_file() and f.stat().st_mtime >= started.timestamp() for f in files]
    return bool(new) and all(new)


def end() -> NoReturn:
    """End a process that torchrun started, and do not wait for Python to be taken down.

    Threads of the process group outlive the interpreter now and then, and abort the process: work
    that is done and written would count as failed.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _among_several() -> bool:
    """Whether torchrun has started this process and others to work together."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _follows() -> bool:
    """Whether torchrun has started this process beside one that leads, logs and writes."""
    return os.environ.get("RANK", "0") != "0"


def _configure_logging(name: str, log: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log and not _follows():
        # a full disk shall not keep us from saying on the terminal that it is full
        logging.raiseExceptions = False
        with suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(log, mode="w", encoding="utf-8"))
    label = f"{name} {log.stem}" if log else name
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"[{label}] %(message)s"))
    logger.handlers = handlers
    logger.setLevel(logging.ERROR if _follows() else logging.INFO)
    logger.propagate = False


def _check(hints: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Parse settings, insist on inputs, make the folders of outputs."""
    arguments = dict(given)
    for name, kind in hints.items():
        if inspect.isclass(kind) and issubclass(kind, Section):
            try:
                arguments[name] = kind.model_validate_json(given[name])
            except ValidationError as error:
                raise UserError(f"--{name}: wanted {kind.__name__} as JSON; {error}") from None
        elif kind is int and given[name] < 1:
            option = name.replace("_", "-")
            raise UserError(f"--{option} {given[name]}: wanted a whole number, 1 or more")
        elif kind in (InputPath, InputPaths):
            for path in given[name] if kind == InputPaths else [given[name]]:
                if not path.exists():
                    raise UserError(f"--{name} {path}: no such file or folder")
        elif kind in (OutputPath, OutputPaths):
            for path in given[name] if kind == OutputPaths else [given[name]]:
                path.parent.mkdir(parents=True, exist_ok=True)
    return arguments


def work_folder(
    root: Path, stage: str, code: str, hints: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Path:
    """Name the folder of a resumable job by all that determines its result.

    That is: the stage, the digest of its code, its settings, and the content of its inputs; a
    name that is passed on counts as a name, and if it is that of a folder (an LLM) by content too.
    """
    digest = hashlib.sha256(f"{stage} {code}".encode())
    for name, kind in hints.items():
        value: Any = arguments.get(name)
        if isinstance(value, Section) and not isinstance(value, Running):
            digest.update(value.as_json().encode())
        elif kind in (InputPath, InputPaths):
            for path in value if isinstance(value, list) else [value]:
                digest.update(content_digest(Path(path)).encode())
        elif kind is str:
            digest.update(f"{name} {value}".encode())
            if value and Path(value).is_dir():
                digest.update(content_digest(Path(value)).encode())
    return root / f"{stage}-{digest.hexdigest()[:12]}"


def _read_files(hints: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what a job reads, before it does; an LLM is its folder's files, or else a name."""
    read = _paths(hints, arguments, INPUT)
    llm = arguments.get(_LLM)
    if llm and Path(llm).is_dir():
        # transformers reads no deeper; below may lie a repository with all of it once more
        read[_LLM] = sorted(f for f in Path(llm).glob("[!.]*") if f.is_file() and f.name != MADE)
    return {"inputs": describe(read), "names": {_LLM: llm} if llm and _LLM not in read else {}}


def _paths(
    hints: Mapping[str, Any], arguments: Mapping[str, Any], direction: str
) -> dict[str, list[Path]]:
    """Return the files a stage was given to read or to write, by their options."""
    found = {}
    for name, kind in hints.items():
        if direction in getattr(kind, "__metadata__", ()):
            value = arguments[name]
            found[name] = value if isinstance(value, list) else [value]
    return found
