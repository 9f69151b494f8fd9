"""The README is true: its commands exist, its example runs, its set-up command is the one that CI uses."""

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys

import httpx
import pytest

from dagger_actors import Flow
from dagger_actors.core.trigger import TRIGGERS
from dagger_actors.flow.loading.conditions import GROUPS, OPERATORS
from dagger_actors.tasks.verbs.wishes import OPTIONS

SET_UP = re.compile(r"^python3 -m venv \.venv && \.venv/bin/pip install .*$", re.MULTILINE)


@pytest.fixture
def readme(repository):
    return (repository / "README.md").read_text()


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def test_the_readme_opens_with_three_sentences_and_two_set_up_commands(readme):
    """Law: a person finds what it is, how to run it and how to test it, in this order, before anything else."""
    opening = readme.split("\n\n")[1].replace("\n", " ")
    assert len(re.findall(r"[.!?](?: |$)", opening)) == 3
    assert len(SET_UP.findall(readme)) == 2
    assert [block.strip() for block in blocks(readme, "sh")[:2]] == SET_UP.findall(readme)


def test_ci_runs_the_readmes_test_command_letter_for_letter(readme, repository):
    """Law: what CI proves is what a person types."""
    test_command = SET_UP.findall(readme)[1]
    script = (repository / ".ci/run").read_text().splitlines()
    assert "-m pytest -n 2" in test_command
    assert script.count(test_command) == 1
    assert script.index(test_command) < script.index(".ci/check")
    assert os.access(repository / ".ci/run", os.X_OK)
    assert os.access(repository / ".ci/check", os.X_OK)


def test_the_readmes_first_flow_runs(readme, program):
    """Law: the example, copied as it stands, validates, runs and prints what the README says."""
    code, yaml = blocks(readme, "python")[0], blocks(readme, "yaml")[0]
    (program.folder / "hello.py").write_text(code)
    (program.folder / "hello.yaml").write_text(yaml)
    assert program("validate", "hello.yaml").returncode == 0
    done = program("run", "hello.yaml", "-i", "text=count these four words")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "letters: 19\n"
    assert done.stdout in readme


def test_the_readmes_growing_flow_runs(readme, program):
    """Law: the example, copied as it stands, prints what the README says: what was added ran, and a hook was heard."""
    (code,) = (block for block in blocks(readme, "python") if "ctx.add_nodes" in block)
    (yaml,) = (block for block in blocks(readme, "yaml") if "research.py" in block)
    (program.folder / "research.py").write_text(code)
    (program.folder / "research.yaml").write_text(yaml)
    done = program("run", "research.yaml")
    assert done.returncode == 0, done.stderr
    assert "3 deep" in done.stdout
    assert done.stdout in readme


def test_the_readmes_python_example_runs(readme, program):
    """Law: the Python example, copied as it stands, prints what its comment says."""
    code, yaml = blocks(readme, "python")[0], blocks(readme, "yaml")[0]
    (program.folder / "hello.py").write_text(code)
    (program.folder / "hello.yaml").write_text(yaml)
    (program.folder / "example.py").write_text(blocks(readme, "python")[1])
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("{'letters': 19}\n", "")


def test_the_readmes_events_are_those_of_the_run(readme, open_system, capsys):
    """Law: the example, copied as it stands, prints a line for each event of a run that it is given."""
    (code,) = [block for block in blocks(readme, "python") if "system.events(run.id" in block]

    def one() -> int:
        return 1

    system = open_system(one)
    run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "one"}]})
    exec(code, {"system": system, "run": run})
    told = [line.split()[1:4] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        ["run", "running", "None"],
        ["started", "running", "n"],
        ["ended", "succeeded", "n"],
        ["run", "succeeded", "None"],
    ]


def test_the_readmes_flow_in_python_is_the_one_it_prints(readme, program):
    """Law: the example, copied as it stands, prints what its comment says; what it prints runs as it does."""
    (code,) = [block for block in blocks(readme, "python") if "flow.to_yaml()" in block]
    (program.folder / "lengths.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "lengths.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    yaml, _, result = done.stdout.partition("\n\n")
    assert (result, done.stderr) == ("{'letters': 119}\n", "")
    (program.folder / "lengths.yaml").write_text(yaml)
    again = program("run", "lengths.yaml", "--db", "runs.db", "-i", "text=count these four words")
    assert again.stdout == "letters: 119\n", again.stderr
    with contextlib.closing(sqlite3.connect(program.folder / "runs.db")) as database:
        assert database.execute("SELECT count(*) FROM definitions").fetchone() == (1,)


def test_the_readmes_actor_runs(readme, program):
    """Law: the example of an actor, copied as it stands, prints what its comment says."""
    (code,) = [block for block in blocks(readme, "python") if "class Counter(Actor)" in block]
    (program.folder / "counter.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "counter.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("9\n", "")


def test_the_readmes_tasks_run(readme, program):
    """Law: the example of tasks, copied as it stands, prints what its comments say."""
    (code,) = [block for block in blocks(readme, "python") if "class Digest(TaskAgent" in block]
    (program.folder / "digest.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "digest.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == re.findall(r"print\(.*\)  # (.*)", code)
    (typed,) = [block for block in blocks(readme, "sh") if "tasks submit digest" in block]
    for line in typed.splitlines():
        words = shlex.split(line, comments=True)
        told = program(*words[1:])
        assert (words[0], told.returncode) == ("dagger-actors", 0), told.stderr
        _, _, printed = line.partition("  # ")
        assert not printed or told.stdout == f"{printed}\n"
    assert "1 task opened again" in told.stderr
    assert (program.folder / "pages.svg").exists()


def test_the_readmes_channels_run(readme, program):
    """Law: the example of channels, copied as it stands, does what the text behind it says."""
    (code,) = [block for block in blocks(readme, "python") if "class Desk(Subscriber" in block]
    (program.folder / "desk.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "desk.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["ann 250", "ann 350", "quiescent", "desk.bill 2 failed"]


def test_the_readmes_trigger_runs(readme, program):
    """Law: the example of a trigger, copied as it stands, prints what the text behind it says."""
    (code,) = [block for block in blocks(readme, "python") if "triggers=[big]" in block]
    (program.folder / "clerk.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "clerk.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("thank you, ann\ntrigger-thank.spawn: lag 0, 1 member\n", "")


def test_the_readmes_flow_that_asks_people_runs(readme, program):
    """Law: each answer brings it to the next question, and the last one to its end."""
    (yaml,) = [block for block in blocks(readme, "yaml") if "name: letters" in block]
    (program.folder / "letters.yaml").write_text(yaml)
    assert program("run", "letters.yaml", "--run-id", "r").returncode == 3
    assert program("approve", "r", "ok").returncode == 0
    assert program("signal", "r", "copies", "12").returncode == 0
    assert program.report("r")["outputs"] == {"copies": 12}


def test_the_readmes_service_has_people_answer_the_readmes_letters(readme, tmp_path, monkeypatch):
    """Law: copied as it stands, it starts a run once, lists what is asked, takes answers, and refuses wrong ones with the reason."""
    (yaml,) = [block for block in blocks(readme, "yaml") if "name: letters" in block]
    (code,) = [block for block in blocks(readme, "python") if "Starlette(" in block]
    (tmp_path / "letters.yaml").write_text(yaml)
    monkeypatch.chdir(tmp_path)
    module = {}
    exec(code, module)
    app = module["app"]

    async def scene():
        transport = httpx.ASGITransport(app=app)
        async with module["lifespan"](app), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert [(await client.post("/letters/a")).status_code for _ in range(2)] == [202, 202]
            for value, wrong in ((True, "abc"), (12, False)):
                (question,) = await asked(client)
                place = {name: question[name] for name in ("run_id", "node_id")}
                refused = await client.post("/answers", json={**place, "value": wrong})
                assert (refused.status_code, "takes an answer of type" in refused.json()["error"]) == (409, True)
                assert (await client.post("/answers", json={**place, "value": value})).status_code == 204
            return await app.state.flows.run("a").await_result(wait_for_people=True)

    async def asked(client):
        while True:
            if found := (await client.get("/questions")).json():
                return found
            await app.state.flows.run("a").await_report()

    assert asyncio.run(scene()) == {"copies": 12}


def test_the_readmes_review_board_ranks_packages_and_judges_what_was_mended(readme, program, repository):
    """Law: the commands, copied as they stand, write a page; the dead letters have the ids that the README redrives."""
    (program.folder / "specs").mkdir()
    for path in (repository / "specs").glob("review*"):
        shutil.copy(path, program.folder / "specs")
    commands = [
        line.removeprefix("$ ").replace("dagger-actors", f"{sys.executable} -m dagger_actors")
        for block in blocks(readme, "console")
        if "up specs/review.yaml" in block
        for line in block.splitlines()
    ]
    assert len(commands) == 10
    shown = []
    for command in commands:
        done = subprocess.run(
            command,
            shell=True,
            cwd=program.folder,
            env=program.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        shown.append(done.stdout)
    assert '"ranking":["http","json"]' in shown[2]
    assert all(f"{one}.review" in shown[6] for one in ("complexity", "docstrings", "naming", "imports"))
    page = (program.folder / "review.html").read_text()
    assert "mended has no docstring" in page
    assert "1 not judged" not in page


def test_the_readmes_search_index_answers_on_the_command_line_and_in_python(readme, program, repository, wait_for):
    """Law: the commands and the program, copied as they stand, find what the README looks for."""
    (program.folder / "specs").mkdir()
    for name in ("index.yaml", "index.sql", "index_agents.py"):
        shutil.copy(repository / "specs" / name, program.folder / "specs")
    (block,) = [block for block in blocks(readme, "console") if "tasks submit search" in block]
    worker, *commands = [shlex.split(line, comments=True)[2:] for line in block.splitlines()]
    assert (worker.pop(), worker[0]) == ("&", "worker")
    beside = program.start(*worker)
    wait_for(beside, "worker on dagger.db: index, ")
    for command in commands:
        done = program(*command)
        assert done.returncode == 0, done.stderr
    assert "tenacity/wait.py:" in done.stdout
    beside.send_signal(signal.SIGTERM)
    assert beside.wait(60) == 130
    (code,) = [block for block in blocks(readme, "python") if "specs/index.yaml" in block]
    (program.folder / "find.py").write_text(code)
    found = subprocess.run(
        [sys.executable, "find.py"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first, *hits = found.stdout.splitlines()
    assert (first.split("(")[0], "parsed=0" in first) == ("Summary", True), found.stderr
    assert hits[0].startswith("wait_")
    assert "tenacity/wait.py:" in hits[0]


def test_the_readme_names_every_option_of_submit(readme):
    """Law: what may be said with a task is in the table, in full."""
    table = readme.split("| option | |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if "|" in line[1:])))
    assert named == set(OPTIONS)


def test_every_command_and_option_in_the_readme_exists(readme, program):
    """Law: no command is documented that is not there."""
    shown = program("--help").stdout
    words = set(re.findall(r"dagger-actors ([a-z][a-z-]*)", readme))
    assert words >= {"run", "resume", "runs", "show", "validate"}
    for word in words:
        assert f"  {word}: " in shown, word


def test_the_readme_names_every_operator_of_when_and_every_trigger(readme):
    """Law: what a flow file can ask for is in the tables, in full."""
    heads = ("| in `when` |", "| `trigger` | runs when |")
    named = [set(re.findall(r"`(\w+)", readme.split(head)[1].split("\n\n")[0])) for head in heads]
    assert {*OPERATORS, *GROUPS} <= named[0]
    assert set(TRIGGERS) <= named[1]


def test_the_readme_leads_to_each_of_its_parts_and_no_link_leads_nowhere(readme):
    """Law: the list at its head has every part, and what is linked is there."""
    parts = {heading_id(line) for line in readme.splitlines() if line.startswith("## ")}
    head, _, _ = readme.partition("\n## ")
    assert set(re.findall(r"\]\(#([^)]+)\)", head)) == parts
    assert set(re.findall(r"\]\(#([^)]+)\)", readme)) <= parts


def heading_id(line: str) -> str:
    """What a heading is linked by: small letters, no punctuation, hyphens between words."""
    return re.sub(r"[^a-z0-9 -]", "", line.removeprefix("## ").lower()).replace(" ", "-")


def test_the_flows_of_the_readme_can_be_built_with_what_it_names(readme):
    """Law: every method of a builder that it names is one."""
    named = set(re.findall(r"`flow\.(\w+)\(", readme))
    assert {"approval", "sub_flow", "await_message", "config", "hooks", "to_yaml"} <= named
    assert named <= set(dir(Flow))


def test_every_path_the_readme_names_is_there(readme, repository):
    """Law: the map leads somewhere."""
    named = set(re.findall(r"`((?:specs|tests|benchmarks|flow|store|\.ci)/[\w./]*)`", readme))
    assert named
    for path in named:
        assert (repository / path).exists() or (repository / "dagger_actors" / path).exists(), path


def test_no_figure_or_path_of_one_machine_is_in_the_readme(readme):
    """Law: a stranger can follow it."""
    assert not re.search(r"/(home|root|work|Users|tmp)/", readme)


def write_payments(readme, folder):
    """Write the files of the example of the context, as they stand."""
    (flow,) = (block for block in blocks(readme, "yaml") if "actions: [pay.py]" in block)
    (code,) = (block for block in blocks(readme, "python") if "def pay(" in block and "ctx.step" in block)
    (folder / "pay.yaml").write_text(flow)
    (folder / "pay.py").write_text(code)
    (folder / "payments.sql").write_text(blocks(readme, "sql")[0])


def test_the_readmes_example_of_the_context_runs(readme, program):
    """Law: steps, tables, values and a secret, copied as they stand, print what the README says."""
    write_payments(readme, program.folder)
    program.environment["SHOP_TOKEN"] = "a secret token"
    given = ["-i", "order=A17", "-i", "amount=5", "-i", "token=env:SHOP_TOKEN"]
    done = program("run", "pay.yaml", "--schema", "payments.sql", *given)
    assert (done.returncode, done.stdout) == (0, 'summary: {"paid":["A17"],"sum":5}\n'), done.stderr
    assert done.stdout in readme
    again = program("run", "pay.yaml", "--schema", "payments.sql", *given)
    assert again.returncode == 1
    assert "StatementFailed" in again.stderr


def test_the_readmes_tests_of_ones_own_pass_and_would_fail(readme, program):
    """Law: the tests, copied as they stand beside the flows they are for, pass; and they see what they are there to see."""
    (program.folder / "hello.py").write_text(blocks(readme, "python")[0])
    (program.folder / "hello.yaml").write_text(blocks(readme, "yaml")[0])
    write_payments(readme, program.folder)
    (tests,) = [block for block in blocks(readme, "python") if "def test_lost_answers" in block]
    (program.folder / "test_shop.py").write_text(tests)

    def tested() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_shop.py"],
            cwd=program.folder,
            env=program.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return done.stdout

    assert "2 passed" in tested()
    pay = program.folder / "pay.py"
    repeated = pay.read_text().replace('append("paid", order)', 'append("paid", order * ctx.attempt)')
    assert repeated != pay.read_text()
    pay.write_text(repeated)
    text = tested()
    assert "1 failed, 1 passed" in text
    assert re.search(r"DAGGER_SEED=\d DAGGER_KILL=(before|after):\d+ python -m pytest test_shop.py::", text)


def test_the_readmes_tests_of_an_actor_pass_and_would_fail(readme, program):
    """Law: the tests, copied as they stand beside the actor they are for, pass; and they see what they are there to see."""
    (code,) = [block for block in blocks(readme, "python") if "class Counter(Actor)" in block]
    (tests,) = [block for block in blocks(readme, "python") if "from counter import" in block]
    (program.folder / "test_counter.py").write_text(tests)
    for written, outcome in ((code, "2 passed"), (code.replace("> self.config.most", "> 100"), "1 failed, 1 passed")):
        (program.folder / "counter.py").write_text(written)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_counter.py"],
            cwd=program.folder,
            env=program.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert outcome in done.stdout, done.stdout
