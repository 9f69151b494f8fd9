"""The commands and their entry point.

The commands' modules are named, not imported: ``--help`` and a mistyped word need neither the store nor rich's tables.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from dagger_actors.cli.command_line import command, database_of, with_database
from dagger_actors.cli.exits import FAILED, INTERRUPTED, REFUSED, UsageError, complain
from dagger_actors.cli.help_page import OPTIONS, HelpPage, group_of
from dagger_actors.cli.streams import make_patient
from dagger_actors.errors import ActorError, DaggerError, RunEnded, RunOwned

__all__ = ["app", "main"]

SCHEMA = """

For editors with a YAML language server: write it beside your flow files (dagger-actors schema > flow.schema.json), and let
their first line be: # yaml-language-server: $schema=flow.schema.json

For system files the same with: dagger-actors schema --kind system > system.schema.json

With --import X: what each action of X takes and gives."""
COMPLETION = """

Write it where your shell looks for it, then open a new shell:

bash: dagger-actors completion bash > ~/.local/share/bash-completion/completions/dagger-actors

zsh: dagger-actors completion zsh > ~/.zsh/_dagger-actors (with ~/.zsh in fpath before compinit)

fish: dagger-actors completion fish > ~/.config/fish/completions/dagger-actors.fish"""

WORKER = """

dagger-actors worker --db shop.db --import shop.agents --concurrency 8

dagger-actors worker --import agents.py --until-rest

It does the tasks of all agents that the modules and files have, and takes over what dead workers left, until Ctrl-C or
SIGTERM: what it has in hand then has 10 or 25 s to end, and is given back; the second one ends it at once. Any number of
workers may share a database. Exits with 0 at rest, 1 when it gives up, 2 when it has no agent for what waits, 130 when it was
stopped."""
TASKS_LIST = """

dagger-actors tasks list --state failed --state stuck --since 1d

dagger-actors tasks list --agent search --text 'connection refused' --json"""
SUBMIT = """

dagger-actors tasks submit search '{"query": "words"}' --wait

dagger-actors tasks submit search - --import agents.py --job nightly --priority 5 < payload.json

Its id is on stdout. With --wait the result is instead, and it exits with 0 when the task succeeded, 1 when it did not, 3 when
it is paused or has not ended within --timeout, 130 when it was interrupted; what has not ended goes on."""
RETRY = """

dagger-actors tasks retry 17 18

dagger-actors tasks retry --state failed --agent search --since 1d --text timeout

Fresh tries, and what they left stuck is opened with them. Options without --state choose among the failed ones."""
REJECT = """

dagger-actors tasks reject 17 --reason 'sources are missing' --version 3

With --version the verdict is about what was looked at, or is refused. What needs its success and has not begun waits again."""
PRUNE = """

dagger-actors tasks prune 30d

Their attempts, logs and steps go too; a job goes with its last task. Kept is what an open task depends on or has spawned."""

PUBLISH = """

dagger-actors publish orders '{"item": "tea"}' --import shop.py

dagger-actors publish orders @order.json --key tea --header origin=web

generate | dagger-actors publish orders -

It is durable when this returns, and its offset is on stdout; of many, how many there were on stderr. Without --import only the
name of the message's class is checked (with --type, where the channel takes several), and what it holds when it is read."""
TAIL = """

One a line: offset, time (UTC), class, [key], content. It is no subscription: nothing is acknowledged, and nobody is disturbed.

dagger-actors tail orders --from 1h

dagger-actors tail orders --follow --json | jq .message

dagger-actors tail 06h3q8 --after 120 --follow"""
SEEK = """

dagger-actors subscriptions seek shop.count --since 1d

dagger-actors subscriptions seek shop.count --to latest --channel orders

What it has done there comes again, or what it has not done is passed over; no other subscription is disturbed."""
FORGET = """

dagger-actors subscriptions forget shop.count --yes

It says what went with it: how far it was, its dead letters, its timers; with the last one of a group the states of its keys.
Channels and their messages stay, and have room again. Refused while a living process has its code, and without --yes when there
are unread messages or dead letters."""
REDRIVE = """

dagger-actors dead-letters redrive 17 18

dagger-actors dead-letters redrive --subscription shop.count

Each for the subscription alone that had given it up, with fresh tries, once the fault is mended."""
DEAD_LETTERS_LIST = """

dagger-actors dead-letters list --subscription shop.count"""

JOB_GRAPH = """

dagger-actors jobs graph nightly --output nightly.svg

An arrow goes to each task from those that it waits for, and from the one that spawned it. svg needs the extra: pip install
'dagger-actors[graph]'."""

REPLAY = """

dagger-actors replay nightly fetch --pdb

dagger-actors replay nightly parse --item page-13 --attempt 2

Its inputs are put together again from what is stored. What it writes with its context is shown, and forgotten."""

APPROVE = """

dagger-actors approve RUN NODE

Who has said so, and when, is stored with the run. A worker that has the run's code, such as up, goes on with it; else resume."""
SIGNAL = """

dagger-actors signal RUN NODE 12

dagger-actors signal RUN NODE '{"size": "M"}'"""
COMMANDS = (
    ("run", "dagger_actors.cli.run:run", "Run a flow file to its end."),
    ("resume", "dagger_actors.cli.run:resume", "Go on with a paused or interrupted run."),
    ("retry", "dagger_actors.cli.run:retry", "Run the failed and unfinished nodes of an ended run again."),
    ("fork", "dagger_actors.cli.run:fork", "Start a new run that shares what another has done."),
    ("pause", "dagger_actors.cli.control:pause", "Let a run begin nothing more, also while another process runs it."),
    (
        "cancel",
        "dagger_actors.cli.control:cancel",
        "Cancel a run, or a node of it, also while another process runs it.",
    ),
    ("questions", "dagger_actors.cli.questions:questions", "List what people are asked, in a run or in all."),
    ("approve", "dagger_actors.cli.people:approve", f"Say yes to what a node of a run asks.{APPROVE}"),
    ("reject", "dagger_actors.cli.people:reject", "Say no to what a node of a run asks: it fails."),
    ("signal", "dagger_actors.cli.people:signal", f"Answer what a node of a run asks.{SIGNAL}"),
    ("runs", "dagger_actors.cli.runs:runs", "List the runs of a database."),
    ("show", "dagger_actors.cli.runs:show", "Show one run: its nodes, attempts, errors and outputs."),
    ("why", "dagger_actors.cli.why:why", "Say why a node of a run is in its state."),
    ("tree", "dagger_actors.cli.tree:tree", "Show a run as a tree, or its levels."),
    ("diff", "dagger_actors.cli.diff:diff", "Show what two runs did otherwise: states, inputs, outputs."),
    (
        "replay",
        "dagger_actors.cli.replay:replay",
        f"Make an attempt again, on demand under the debugger; commits nothing.{REPLAY}",
    ),
    ("worker", "dagger_actors.cli.worker:worker", f"Do tasks: add a worker to a database.{WORKER}"),
    ("up", "dagger_actors.cli.up:up", "Run the actors of a system file until they are stopped."),
    ("channels", "dagger_actors.cli.channels:list_channels", "List the channels of a database."),
    ("publish", "dagger_actors.cli.publish:publish", f"Publish messages to a channel.{PUBLISH}"),
    (
        "tail",
        "dagger_actors.cli.channels:tail",
        f"Print the messages of a channel or the events of a run, and what comes.{TAIL}",
    ),
    ("bench", "dagger_actors.cli.bench:bench", "Measure a system file under load, beside the machine's own limits."),
    ("validate", "dagger_actors.cli.specs:validate", "Check a flow or system file and its code without running it."),
    (
        "schema",
        "dagger_actors.cli.schema:schema",
        f"Print the JSON Schema of flow or system files, or of actions.{SCHEMA}",
    ),
    ("init", "dagger_actors.cli.init:init", "Write a first flow, its actions and their tests."),
    ("completion", "dagger_actors.cli.completion:completion", f"Print the completion script of a shell.{COMPLETION}"),
    ("graph", "dagger_actors.cli.graph:graph", "Draw a flow file, or a run with its states: mermaid, dot or svg."),
    ("list", "dagger_actors.cli.specs:list_folder", "List the flow and system files of a folder."),
)
ARTIFACTS = (
    ("list", "dagger_actors.cli.artifacts:list_artifacts", "List what is stored and where it comes from."),
    ("get", "dagger_actors.cli.artifacts:get", "Write an artifact to stdout or to a file."),
    ("export", "dagger_actors.cli.artifacts:export", "Write what a run stored into a folder, with a manifest."),
)


TASKS = (
    ("list", "dagger_actors.cli.tasks:list_tasks", f"List the tasks of a database.{TASKS_LIST}"),
    ("show", "dagger_actors.cli.tasks:show", "Show tasks: payload, result, errors, attempts, whom they wait for."),
    ("logs", "dagger_actors.cli.tasks:logs", "Print what the attempts at a task logged."),
    ("agents", "dagger_actors.cli.tasks:agents", "List the agents that the database knows, and who does their tasks."),
    ("submit", "dagger_actors.cli.task_submit:submit", f"Submit a task; with --wait print its result.{SUBMIT}"),
    ("cancel", "dagger_actors.cli.task_verbs:cancel", "Cancel tasks, wherever they run."),
    ("retry", "dagger_actors.cli.task_verbs:retry", f"Open failed, cancelled or paused tasks again.{RETRY}"),
    ("accept", "dagger_actors.cli.task_verbs:accept", "Accept the results of completed tasks."),
    ("reject", "dagger_actors.cli.task_verbs:reject", f"Reject the results of completed tasks.{REJECT}"),
    ("reopen", "dagger_actors.cli.task_verbs:reopen", "Have rejected tasks done again."),
    ("prune", "dagger_actors.cli.task_verbs:prune", f"Delete tasks that ended long ago.{PRUNE}"),
)
JOBS = (
    ("list", "dagger_actors.cli.jobs:list_jobs", "List the jobs of a database: groups of tasks."),
    ("show", "dagger_actors.cli.jobs:show", "Show a job: how far it is, and which of its tasks need a look."),
    ("graph", "dagger_actors.cli.jobs:graph", f"Draw a job's tasks with their states: mermaid, dot or svg.{JOB_GRAPH}"),
    ("cancel", "dagger_actors.cli.task_verbs:cancel_jobs", "Cancel jobs: what is open of them, and what would come."),
)
SUBSCRIPTIONS = (
    (
        "list",
        "dagger_actors.cli.subscriptions:list_subscriptions",
        "List the subscriptions of a database, and their lag.",
    ),
    ("show", "dagger_actors.cli.subscriptions:show", "Show a subscription: how far it is, who takes its turns."),
    ("pause", "dagger_actors.cli.channel_verbs:pause", "Stop the turns of a subscription, in all processes."),
    ("resume", "dagger_actors.cli.channel_verbs:resume", "Have a paused subscription go on."),
    ("seek", "dagger_actors.cli.channel_verbs:seek", f"Have a subscription go on from another place.{SEEK}"),
    ("forget", "dagger_actors.cli.channel_verbs:forget", f"Delete a subscription whose code is gone.{FORGET}"),
)
DEAD_LETTERS = (
    (
        "list",
        "dagger_actors.cli.dead_letters:list_dead_letters",
        f"List the messages that subscriptions have given up.{DEAD_LETTERS_LIST}",
    ),
    ("show", "dagger_actors.cli.dead_letters:show", "Show dead letters: the message, and why it was given up."),
    ("redrive", "dagger_actors.cli.channel_verbs:redrive", f"Publish dead letters again.{REDRIVE}"),
)
GROUPS = {
    "artifacts": ("List, read and export what runs stored.", ARTIFACTS),
    "tasks": ("List, submit, retry, cancel and judge tasks.", TASKS),
    "jobs": ("List, show, cancel and draw jobs: groups of tasks.", JOBS),
    "subscriptions": ("List, show, pause, resume, move and forget who reads channels.", SUBSCRIPTIONS),
    "dead-letters": ("List, show and redrive messages that were given up.", DEAD_LETTERS),
}


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - it loads the e-mail parser, a third of the start-up time

    return version("dagger-actors")


app = App(
    name="dagger-actors",
    help=(
        "Durable flows, tasks, channels and actors on one SQLite file: run, watch, interrupt, resume. Exit status: 0 succeeded; "
        "1 failed, cancelled or timed out; 2 bad definition, usage or database; 3 paused; 130 interrupted (once: what runs "
        "has 10 s to end; twice: at once)."
    ),
    version=_version,
    # Markdown and panels would load rich's markdown reader, a third of the start-up time.
    help_format="plaintext",
    help_formatter=HelpPage(),
    group_commands=OPTIONS,
    default_parameter=Parameter(negative=(), show_default=False),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for name, target, text in COMMANDS:
    heading, place = group_of(name)
    app.command(target, name=name, help=text, group=heading, sort_key=place)
for group, (about, members) in GROUPS.items():
    heading, place = group_of(group)
    words = App(name=group, help=about, group=heading, sort_key=place, group_commands="Commands")
    for at, (name, target, text) in enumerate(members):
        words.command(target, name=name, help=text, sort_key=at)
    app.command(words)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        tokens: The command line without the program's name; None = the process's own.

    Returns:
        The exit status, see ``exits``.
    """
    make_patient()
    try:
        status = _dispatch(list(sys.argv[1:] if tokens is None else tokens))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(f"stdout cannot be written: {error.strerror}")
        return FAILED
    return status


def _unexpected(words: Sequence[str]) -> str:
    """Say what nothing takes; an input without its ``-i`` is the likeliest."""
    pairs = [word for word in words if "=" in word and not word.startswith("-")]
    hint = f"; an input of the flow is given with -i: -i {shlex.quote(pairs[0])}" if pairs else ""
    return f"nothing takes {' '.join(map(shlex.quote, words))}{hint}"


def _named(tokens: Sequence[str]) -> Sequence[str]:
    """The command that a command line begins with, as far as there is such a one."""
    if tokens[:1] and tokens[0] in GROUPS:
        return tokens[: 2 if tokens[1:] and tokens[1] in {name for name, _, _ in GROUPS[tokens[0]][1]} else 1]
    return tokens[: 1 if tokens[:1] and tokens[0] in {name for name, _, _ in COMMANDS} else 0]


def _dispatch(tokens: list[str]) -> int:
    try:
        result = app(tokens, print_error=False, exit_on_error=False, help_on_error=False)
    except CycloptsError as error:
        text = _unexpected(error.unused_tokens or []) if isinstance(error, UnusedCliTokensError) else str(error)
        complain(f"{text}\n  see: {' '.join(['dagger-actors', *_named(tokens), '--help'])}")
    except (RunEnded, ActorError) as error:
        complain(error)
        return FAILED
    except RunOwned as error:
        complain(f"{error}\n  see: {command('show', error.run_id, db=database_of(tokens))}")
    except (UsageError, DaggerError) as error:
        complain(with_database(str(error), database_of(tokens)))
    else:
        return int(result or 0)
    return REFUSED
