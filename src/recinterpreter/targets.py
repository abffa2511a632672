"""`recinterpreter targets`: what Snakemake can be asked for, and how much of it is there.

Snakemake itself reads the Snakefile and decides what is stale; here it is only asked. It has no
public way to be asked for the files of a target, so its workflow object is looked into
(`_workflow`), in this module alone.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from recinterpreter.errors import UserError
from recinterpreter.tool import run
from recinterpreter.workflow.digest import PACKAGE

THERE, STALE, MISSING = "there", "stale", "missing"

_SEVERAL = cyclopts.Parameter(consume_multiple=True, negative="")


@dataclass(frozen=True)
class Target:
    """A named target: the files it stands for, or why there are none with these settings."""

    name: str
    purpose: str
    files: list[str]
    refused: str = ""


def main(arguments: Sequence[str]) -> None:
    """Run `recinterpreter targets`; exits 2 on a user's error."""
    run(program, "targets", arguments)


def program(
    *names: str,
    files: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    configfile: Annotated[list[str] | None, _SEVERAL] = None,
    config: Annotated[list[str] | None, _SEVERAL] = None,
    snakefile: Path | None = None,
) -> None:
    """Say what can be asked for with a configuration, and how much of it is there.

    Parameters
    ----------
    names: targets to be told of; without any, all
    files: every single file with its state: there, stale (would be made again), missing
    configfile: files that overlay config.yaml, as with snakemake
    config: single blocks that overlay those, 'adapter={epochs: 3}', as with snakemake
    snakefile: that of the workflow; without it, the one here or the one of this installation
    """
    given = ["--configfile", *configfile] if configfile else []
    given += ["--config", *config] if config else []
    with _opened(_found(snakefile), given) as (workflow, ask):
        targets = _chosen(list(_targets(workflow)), names)
        states = ask([target.name for target in targets if target.files])
    if files:
        # of all targets also what only leads to their files
        listed = sorted({file for target in targets for file in target.files} if names else states)
        print("\n".join(f"{states.get(file, MISSING):<8}{file}" for file in listed))
    else:
        print("\n".join(_table(targets, states)))


def _found(snakefile: Path | None) -> Path:
    """Return the Snakefile to be read, which must be that of this installation's sources."""
    here, own = Path("Snakefile"), PACKAGE.parents[1] / "Snakefile"
    found = snakefile or (here if here.is_file() else own)
    if not found.is_file():
        raise UserError(f"{found}: no such file; wanted the workflow's: --snakefile FILE")
    sources = found.absolute().parent / "src" / PACKAGE.name
    if sources.resolve() != PACKAGE.resolve():
        raise UserError(
            f"{found} is not the Snakefile of this recinterpreter, which is in {PACKAGE}; "
            f"run the one that belongs to it: PYTHONPATH={sources.parent} recinterpreter targets"
        )
    return found


@contextlib.contextmanager
def _opened(snakefile: Path, given: list[str]) -> Iterator[tuple[Any, Any]]:
    """Let Snakemake read a Snakefile; give its workflow, and a way to ask for states of files.

    Options and profile are those that `snakemake` would use here, for they say what is stale.
    """
    from snakemake import cli
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings import types
    from snakemake.settings.enums import Quietness

    with contextlib.redirect_stderr(io.StringIO()):  # which profile is used
        _, options = cli.parse_args(["--snakefile", str(snakefile), "--cores", "1", *given])
    try:
        config = types.ConfigSettings(
            config=cli.parse_config(options.config),
            configfiles=options.configfile,
            config_args=options.config,
        )
    except (OSError, ValueError, WorkflowError) as error:
        raise UserError(f"--config, --configfile: {error}") from None
    try:
        with SnakemakeApi(types.OutputSettings(quiet={Quietness.ALL})) as snakemake:
            opened = snakemake.workflow(
                snakefile=snakefile,
                resource_settings=types.ResourceSettings(cores=1),
                storage_settings=types.StorageSettings(),
                config_settings=config,
            )

            def ask(targets: list[str]) -> dict[str, str]:
                wanted = types.DAGSettings(
                    targets=frozenset(targets),
                    rerun_triggers=options.rerun_triggers,
                    max_checksum_file_size=options.max_checksum_file_size,
                )
                with contextlib.redirect_stdout(io.StringIO()):
                    opened.dag(wanted).summary()
                return dict(_states(opened._workflow.dag))

            yield opened._workflow, ask
    except WorkflowError as error:
        raise UserError(_told(error)) from None


def _states(dag: Any) -> Iterator[tuple[str, str]]:
    """Yield every file that the jobs of a DAG make, and its state."""
    for job in dag.jobs:
        needed = dag.needrun(job)
        for output in job.output:
            there = Path(output).exists()
            yield str(output), (STALE if needed else THERE) if there else MISSING


def _targets(workflow: Any) -> Iterator[Target]:
    """Yield what has a name and makes nothing itself, in the order of the Snakefile."""
    from snakemake.exceptions import WorkflowError
    from snakemake.iocontainers import Wildcards

    for rule in workflow.rules:
        if not rule.norun:
            continue
        purpose = (rule.docstring or "").strip()
        try:
            wanted, *_ = rule.expand_input(Wildcards())
        except WorkflowError as error:
            yield Target(rule.name, purpose, [], _told(error))
        else:
            yield Target(rule.name, purpose, sorted({str(file) for file in wanted}))


def _told(error: BaseException) -> str:
    """Return what our own rules say, without Snakemake's words around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error)


def _chosen(targets: list[Target], names: Sequence[str]) -> list[Target]:
    known = {target.name: target for target in targets}
    for name in names:
        if name not in known:
            raise UserError(f"{name}: no target; wanted one of {', '.join(known)}")
        if known[name].refused:
            raise UserError(f"{name}: {known[name].refused}")
    return [known[name] for name in names] or targets


def _table(targets: list[Target], states: dict[str, str]) -> Iterator[str]:
    yield f"{'target':<16}{'files':>6}{THERE:>7}{STALE:>7}{MISSING:>9}"
    for target in targets:
        if not target.files:
            why = target.refused or "nothing is asked for with these settings"
            yield f"{target.name:<16}{'-':>6}  {why}"
            continue
        found = Counter(states.get(file, MISSING) for file in target.files)
        counts = f"{found[THERE]:>7}{found[STALE]:>7}{found[MISSING]:>9}"
        yield f"{target.name:<16}{len(target.files):>6}{counts}  {target.purpose}"
    yield "\nsnakemake --cores all TARGET, or any single file: recinterpreter targets --files"
