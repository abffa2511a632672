"""Subcommands that are no stage: a function as a program for a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import cyclopts

from recinterpreter.errors import UserError


def run(program: Callable[..., None], name: str, arguments: Sequence[str]) -> None:
    """Run `recinterpreter <name>` with options from the signature; exits 2 on a user's error."""
    app = cyclopts.App(
        name=f"recinterpreter {name}", help_format="plaintext", result_action="return_value"
    )
    app.default(program)
    try:
        app(list(arguments))
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # of `| head`, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
