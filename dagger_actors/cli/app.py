"""The commands and their entry point.

The commands' modules are named, not imported: ``--help`` and a mistyped word need neither the store nor rich's tables.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from dagger_actors.cli.exits import FAILED, INTERRUPTED, REFUSED, UsageError, complain
from dagger_actors.errors import ActorError, DaggerError, RunEnded

__all__ = ["app", "main"]

COMMANDS = (
    ("run", "dagger_actors.cli.run:run", "Run a flow file to its end."),
    ("resume", "dagger_actors.cli.run:resume", "Go on with a paused or interrupted run."),
    ("retry", "dagger_actors.cli.run:retry", "Run the failed and unfinished nodes of an ended run again."),
    ("cancel", "dagger_actors.cli.runs:cancel", "Cancel a run, also while another process runs it."),
    ("runs", "dagger_actors.cli.runs:runs", "List the runs of a database."),
    ("show", "dagger_actors.cli.runs:show", "Show one run: its nodes, attempts, errors and outputs."),
    ("validate", "dagger_actors.cli.specs:validate", "Check a flow file and its actions without running it."),
    ("graph", "dagger_actors.cli.graph:graph", "Draw a flow file, or a run with its states: mermaid, dot or svg."),
    ("list", "dagger_actors.cli.specs:list_folder", "List the flow files of a folder."),
)


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - it loads the e-mail parser, a third of the start-up time

    return version("dagger-actors")


app = App(
    name="dagger-actors",
    help=(
        "Durable flows on one SQLite file: run, watch, interrupt, resume. Exit status: 0 succeeded; 1 failed, cancelled "
        "or timed out; 2 bad definition, usage or database; 3 paused; 130 interrupted (once: what runs has 10 s to end; "
        "twice: at once)."
    ),
    version=_version,
    # Markdown and panels would load rich's markdown reader, a third of the start-up time.
    help_format="plaintext",
    help_formatter="plain",
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for name, target, text in COMMANDS:
    app.command(target, name=name, help=text)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        tokens: The command line without the program's name; None = the process's own.

    Returns:
        The exit status, see ``exits``.
    """
    # Started with them closed (`>&-`), there is nobody to tell; the run is to go on all the same.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the same
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in another script must not end the run of a terminal that cannot write it.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _dispatch(list(sys.argv[1:] if tokens is None else tokens))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(f"stdout cannot be written: {error.strerror}")
        return FAILED
    return status


def _dispatch(tokens: list[str]) -> int:
    try:
        result = app(tokens, print_error=False, exit_on_error=False, help_on_error=False)
    except CycloptsError as error:
        command = [word for word in tokens[:1] if word in {name for name, _, _ in COMMANDS}]
        complain(f"{error}\n  see: {' '.join(['dagger-actors', *command, '--help'])}")
    except (RunEnded, ActorError) as error:
        complain(error)
        return FAILED
    except (UsageError, DaggerError) as error:
        complain(error)
    else:
        return int(result or 0)
    return REFUSED
