"""Every file in ``specs/`` runs, and gives what it says."""

import ast
import os
import pty
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest


def test_the_census_gives_totals_a_table_and_an_artifact(program, repository):
    """Law: the main job on 40 modules; the totals are those of an independent count; the table is printed."""
    spec = str(repository / "specs/census.yaml")
    done = program("run", spec, "-i", "limit=40", "--run-id", "one", "--json")
    assert done.returncode == 0, done.stderr
    outputs = msgspec.json.decode(done.stdout)["outputs"]
    assert outputs["totals"]["modules"] == 40
    assert outputs["python"] == ".".join(map(str, sys.version_info[:3]))
    table = outputs["most_complex"]
    assert len(table) == 10
    assert [row["complexity"] for row in table] == sorted((row["complexity"] for row in table), reverse=True)
    library = Path(os.__file__).parent
    for row in table:
        source = (library / row["module"]).read_bytes()
        tree = ast.parse(source)
        defs = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert (row["lines"], row["functions"]) == (len(source.splitlines()), len(defs))
    shown = program("show", "one")
    assert "most_complex" in shown.stdout
    assert table[0]["module"] in shown.stdout


def test_a_second_census_is_cached_and_says_so(program, repository):
    """Law: by the content of each module; `--no-cache` measures anew; the outputs are the same."""
    spec = str(repository / "specs/census.yaml")
    first, second, third = (program("run", spec, "-i", "limit=30", *how) for how in ((), (), ("--no-cache",)))
    assert first.stdout == second.stdout == third.stdout
    assert "cached" not in first.stderr
    assert "30 of 34 outputs were cached" in second.stderr
    assert "cached" not in third.stderr


def test_the_page_of_the_census_stands_alone(program, repository):
    """Law: one HTML file, all of it text of ours or escaped, which loads nothing; also saved as an artifact."""
    spec = str(repository / "specs/census.yaml")
    done = program("run", spec, "-i", "limit=60", "-i", "page=census.html", "--run-id", "one")
    assert done.returncode == 0, done.stderr
    page = (program.folder / "census.html").read_text()
    for needed in (
        "asyncio/base_events.py",
        "How complex modules are",
        "Docstrings",
        "Import cycles",
        "<svg",
        "<tbody>",
    ):
        assert needed in page
    for loading in ("http://", "https://", " src=", "@import", "url("):
        assert loading not in page
    assert "census.html saved by report" in program("show", "one").stdout


def test_the_import_graph_finds_the_cycles_that_are_known(program, repository):
    """Law: asyncio's modules import one another; a module alone is no cycle."""
    done = program("run", str(repository / "specs/census.yaml"), "-i", "limit=60", "--json")
    cycles = msgspec.json.decode(done.stdout)["outputs"]["import_cycles"]
    assert "asyncio.base_events" in cycles[0]["modules"].split()
    assert all(cycle["size"] == len(cycle["modules"].split()) >= 2 for cycle in cycles)


def test_two_censuses_of_one_interpreter_are_equal(program, repository):
    """Law: no time, machine or order of execution is in the outputs."""
    spec = str(repository / "specs/census.yaml")
    runs = [
        program("run", spec, "-i", "limit=25", "--json", *how)
        for how in (("--no-cache",), ("--sequential", "--no-cache"))
    ]
    first, second = (msgspec.json.decode(run.stdout)["outputs"] for run in runs)
    assert first == second


@pytest.mark.parametrize("how", [(), ("--sequential",)])
def test_the_chain_gives_30_900_2700(program, repository, how):
    """Law: acceptance A01, in parallel and one at a time."""
    done = program("run", str(repository / "specs/chain.yaml"), *how)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "sum: 30\nsquare: 900\ntriple: 2700\ntext: example_string\n"


def test_the_diamond_gives_990(program, repository):
    """Law: acceptance A02's values, with another input too."""
    spec = str(repository / "specs/diamond.yaml")
    assert program("run", spec).stdout == "sum: 30\nsquare: 900\ntriple: 90\ntotal: 990\n"
    assert program("run", spec, "-i", "num1=0", "-i", "num2=1").stdout == "sum: 1\nsquare: 1\ntriple: 3\ntotal: 4\n"


def test_the_hook_adds_a_node_for_the_large_sum_alone(program, repository):
    """Law: acceptance A08's values, and those of other inputs."""
    spec = str(repository / "specs/growing.yaml")
    assert program("run", spec).stdout == "add_1: 8\nmultiply_add_2: 34\n"
    assert program("run", spec, "-i", "small=6", "-i", "large=0").stdout == "add_2: 10\nmultiply_add_1: 22\n"


def test_the_detective_follows_the_trail_asks_and_draws(program, repository):
    """Law: each look adds the next, the last one a question; the answer comes from another process, and then the page."""
    for name, code in (("top", "import middle"), ("middle", "import deep"), ("deep", "import time; time.sleep(0.05)")):
        (program.folder / f"{name}.py").write_text(code)
    program.environment["PYTHONPATH"] = str(program.folder)
    spec = str(repository / "specs/detective.yaml")
    asked = program("run", spec, "--run-id", "one", "-i", "module=top", "-i", "repeats=2", "-i", "page=top.svg")
    assert (asked.returncode, asked.stdout) == (3, ""), asked.stderr
    assert not (program.folder / "top.svg").exists()
    assert program("approve", "one", "ask").returncode == 0
    done = program("resume", "one", "--json")
    found = msgspec.json.decode(done.stdout)["outputs"]["page"]
    assert (found["culprit"], found["trail"]) == ("deep", ["top", "middle", "deep"])
    assert ET.parse(program.folder / "top.svg").getroot().tag.endswith("svg")
    assert program("tail", "one").stdout.count("emitted  clue") == 3


def test_the_stopwatch_says_what_cannot_be_timed(program, repository):
    """Law: nothing that is given as a name is executed."""
    spec = str(repository / "specs/stopwatch.yaml")
    for module, told in (
        ("no such", "is no module's name"),
        ("sys", "costs nothing"),
        ("nowhere", "cannot be imported"),
    ):
        done = program("run", spec, "-i", f"module={module}", "-i", "repeats=1")
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr


def test_a_terminal_sees_one_moving_line_with_counts_and_the_table(program, repository):
    """Law: on a terminal the bar ends full and stays; the results stand below it."""
    spec = str(repository / "specs/census.yaml")
    command = program.command("run", spec, "-i", "limit=15")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(program.folder)
        os.execve(command[0], command, {**program.environment, "TERM": "xterm", "COLUMNS": "120"})
    seen = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal as EIO
            break
        if not chunk:
            break
        seen += chunk
    os.close(terminal)
    status = os.waitpid(pid, 0)[1]
    text = seen.decode()
    assert os.waitstatus_to_exitcode(status) == 0, text
    assert "done" in text
    assert "0 failed" in text
    assert "most_complex" in text
    assert "measure[abc.py] succeeded" not in text
