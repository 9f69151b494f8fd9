"""``ctx.execute``, ``ctx.query``, ``ctx.cache`` and the schema with real threads: what they take, and what they refuse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, action
from dagger_actors.bodies import tables
from dagger_actors.errors import SchemaRefused
from dagger_actors.flow.actions import run_cache
from dagger_actors.flow.reports.report import Report
from dagger_actors.store import user_tables, user_work

PATIENCE_S = 30
SCHEMA = """
CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, price REAL) STRICT;
CREATE TABLE IF NOT EXISTS counted (name TEXT) STRICT;
CREATE INDEX IF NOT EXISTS item_price ON item (price);
CREATE VIEW IF NOT EXISTS names AS SELECT name FROM item;
CREATE TRIGGER IF NOT EXISTS count_item AFTER INSERT ON item BEGIN INSERT INTO counted VALUES (new.name); END;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(word);
"""


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text(SCHEMA)
    return path


@pytest.fixture
def play(open_system, schema):
    """Run one action as the one node of a flow."""

    def run(function: Any, **options: Any) -> tuple[ActorSystem, Report]:
        system = open_system(function, schema=schema)
        node = {"id": "n", "action": function.__name__, **options}
        return system, system.flows.start({"name": "f", "nodes": [node]}).wait(PATIENCE_S)

    return run


def rows(system: ActorSystem, sql: str) -> list[tuple[Any, ...]]:
    return system._store.tables.query(sql, ())


def test_every_kind_of_argument_comes_back_as_it_was(play):
    """Law: int, float, str, bytes, bool and None; bytes stay bytes."""
    values = (2**63 - 1, "é\n'", b"\0\xff", 2.5)

    @action
    def work(ctx: Context) -> bool:
        ctx.execute("INSERT INTO item VALUES (?, ?, ?, ?)", values)
        ctx.execute("INSERT INTO item VALUES (?, ?, ?, ?) RETURNING id", [True, None, None, -math.inf])
        ctx.execute("INSERT INTO words VALUES (?)", ("full text",))
        ctx.execute("REPLACE INTO item (id, name) VALUES (7, 'seven'); ")
        ctx.execute("UPDATE item SET name = 'eight' WHERE id = 7")
        return ctx.query("SELECT * FROM item") == []  # nothing of it is committed yet

    system, report = play(work)
    assert report.outputs == {"n": True}, report.error
    assert rows(system, "SELECT * FROM item ORDER BY id DESC") == [
        values,
        (7, "eight", None, None),
        (1, None, None, -math.inf),
    ]
    assert rows(system, "SELECT word FROM words WHERE words MATCH 'text'") == [("full text",)]
    assert len(rows(system, "SELECT * FROM counted")) == 3


def test_a_coroutine_executes_and_queries_without_blocking_the_loop(play):
    """Law: ``aquery`` and ``aget`` are the forms for the loop."""

    @action
    async def work(ctx: Context) -> list[Any]:
        ctx.execute("INSERT INTO item (name) VALUES ('x')")
        ctx.cache.put("k", 1)
        found = await ctx.aquery("SELECT ?, count(*) FROM item", (5,))
        return [*found, await ctx.cache.aget("k"), await ctx.cache.aget("other", "default")]

    system, report = play(work)
    assert report.outputs == {"n": [[5, 0], 1, "default"]}, report.error
    assert rows(system, "SELECT name FROM item") == [("x",)]


@pytest.mark.parametrize("call", ["query", "get"])
def test_a_blocking_read_on_the_loop_is_refused_with_advice(play, call: str):
    """Law: nobody blocks everybody's loop."""

    @action
    async def work(ctx: Context) -> Any:
        return ctx.query("SELECT 1") if call == "query" else ctx.cache.get("k")

    assert f"use `await ctx.{'aquery' if call == 'query' else 'cache.aget'}(...)`" in play(work)[1].error


OURS = "belongs to dagger_actors"
ONLY = "it may only insert, update or delete rows of your own tables"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DELETE FROM flow_runs", OURS),
        ("UPDATE node_runs SET state = 'succeeded'", OURS),
        ("INSERT INTO item (name) SELECT inputs FROM flow_runs", OURS),
        ("INSERT INTO item (name) SELECT error FROM runs", OURS),
        ("DELETE FROM FLOW_RUNS", OURS),
        ('DELETE FROM main."steps"', OURS),
        ("DELETE FROM sqlite_schema", "may not be modified"),
        ("UPDATE sqlite_schema SET sql = ''", "may not be modified"),
        ("PRAGMA synchronous = OFF", ONLY),
        ("ATTACH 'x.db' AS x", ONLY),
        ("BEGIN", ONLY),
        ("COMMIT", ONLY),
        ("ROLLBACK", ONLY),
        ("SAVEPOINT s", ONLY),
        ("RELEASE unit", ONLY),
        ("VACUUM", "it changes nothing"),
        ("CREATE TABLE x (a)", ONLY),
        ("DROP TABLE item", ONLY),
        ("CREATE TEMP TABLE x (a)", ONLY),
        ("ANALYZE", ONLY),
        ("SELECT 1", "it changes nothing; read with ctx.query"),
        ("EXPLAIN DELETE FROM item", "it changes nothing"),
        ("", "it changes nothing"),
        ("-- nothing", "it changes nothing"),
        ("DELETE FROM item; DELETE FROM counted", "it is more than one statement; call ctx.execute for each"),
        (
            "DELETE FROM itme",
            "no such table: itme; make your tables with ActorSystem(schema=...), --schema FILE, or `schema` in the system file",
        ),
        ("DELETE FROM item WHERE", "incomplete input"),
        ("DELETE FROM item WHERE id = ?", "Incorrect number of bindings"),
    ],
)
def test_a_statement_that_may_not_be_is_refused_where_it_is_written(play, sql: str, reason: str):
    """Law: one statement that changes rows of the user's own tables; SQLite itself decides what it touches."""

    @action
    def work(ctx: Context) -> None:
        ctx.execute(sql)
        raise AssertionError("it was taken")

    system, report = play(work)
    error = report.nodes[0].attempts[0].error
    assert error.type == "dagger_actors.errors.StatementRefused", error
    assert reason in error.message
    assert "ctx.execute(sql)" in error.traceback
    assert rows(system, "SELECT count(*) FROM flow_runs") == [(1,)]


def test_the_unit_looks_again_at_what_no_context_has_checked(play):
    """Law: a statement that came another way touches nothing of ours either, also when it is one of our own texts."""

    @action
    def work(ctx: Context) -> None:
        ctx._tables._source.check = lambda _sql, _args: None
        ctx.execute("DELETE FROM commands")

    error = play(work)[1].nodes[0].attempts[0].error
    assert error.type == "dagger_actors.errors.StatementFailed"
    assert OURS in error.message


@pytest.mark.parametrize("value", [2**63, math.nan, "\ud800", [1], {}, object()])
def test_an_argument_that_sqlite_cannot_hold_is_refused(play, value: Any):
    """Law: nothing is stored as something else."""

    @action
    def work(ctx: Context) -> None:
        ctx.execute("INSERT INTO item (name) VALUES (?)", (value,))

    assert "StatementRefused" in play(work)[1].error


@pytest.mark.parametrize("args", ["x", 5, {"a": 1}, None])
def test_arguments_that_are_no_list_are_refused(play, args: Any):
    """Law: a single text is no list of its letters."""

    @action
    def work(ctx: Context) -> None:
        ctx.query("SELECT ?", args)

    assert "its arguments are no list or tuple; write (value,) for a single one" in play(work)[1].error


def test_statements_have_a_bound_in_number_and_in_size(play, monkeypatch):
    """Law: what can grow has a limit, named when it is met."""
    monkeypatch.setattr(tables, "MOST_STATEMENTS", 2)
    monkeypatch.setattr(tables, "LARGEST_WORK", 200)

    @action
    def many(ctx: Context) -> None:
        for _ in range(3):
            ctx.execute("DELETE FROM item")

    @action
    def large(ctx: Context) -> None:
        ctx.execute("INSERT INTO item (data) VALUES (?)", (b"x" * 200,))

    assert "an attempt executes at most 2" in play(many)[1].error
    assert "the statements of an attempt have at most 200 bytes" in play(large)[1].error


def test_a_constraint_fails_the_attempt_and_its_policy_applies(play):
    """Law: what only the transaction can tell is the attempt's error, and retried like any other."""

    @action
    def work(ctx: Context) -> int:
        ctx.execute("INSERT INTO item (name) VALUES ('before')")
        ctx.execute("INSERT INTO item (id, name) VALUES (?, 'after')", (ctx.attempt,))
        return ctx.attempt

    system, report = play(work, try_count=3)
    assert report.outputs == {"n": 2}
    assert rows(system, "SELECT id, name FROM item ORDER BY id") == [(1, "before"), (2, "after")]
    error = report.nodes[0].attempts[0].error
    assert error.type == "dagger_actors.errors.StatementFailed"
    assert "UNIQUE constraint failed: item.id; nothing of this attempt was written" in error.message
    assert "StatementFailed" in error.names


def test_a_statement_without_end_is_ended(play, monkeypatch):
    """Law: it holds up every writer, so it has a bound; the attempt fails."""
    monkeypatch.setattr(user_work, "STATEMENT_STEPS", 1)
    endless = (
        "INSERT INTO item (price) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    )

    @action
    def work(ctx: Context) -> None:
        ctx.execute(endless)

    assert "it takes too long" in play(work)[1].error


def test_a_query_without_end_is_ended(play, monkeypatch):
    """Law: the same for a read."""
    monkeypatch.setattr(user_tables, "QUERY_STEPS", 1)

    @action
    def work(ctx: Context) -> Any:
        return ctx.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n")

    assert "it takes too long" in play(work)[1].error


def test_a_query_gives_a_bounded_number_of_rows(play, monkeypatch):
    """Law: more are refused by number, not cut off."""
    monkeypatch.setattr(user_tables, "MOST_ROWS", 2)

    @action
    def work(ctx: Context) -> Any:
        assert ctx.query("VALUES (1), (2)") == [(1,), (2,)]
        return ctx.query("VALUES (1), (2), (3)")

    assert "it gives more than 2 rows; read them in parts (LIMIT)" in play(work)[1].error


@pytest.mark.parametrize(
    "sql", ["DELETE FROM item", "PRAGMA query_only = 0", "BEGIN", "ATTACH 'x' AS x", "SELECT 1; SELECT 2", "SELEC 1"]
)
def test_a_query_only_reads(play, sql: str):
    """Law: whatever else it is, it is refused."""

    @action
    def work(ctx: Context) -> Any:
        return ctx.query(sql)

    assert "StatementRefused" in play(work)[1].error


def test_nodes_share_values_once_the_writer_has_succeeded(open_system):
    """Law: an attempt reads its own writes, others what is committed; appends of several attempts all stay."""

    @action
    def first(ctx: Context) -> list[Any]:
        ctx.cache.put("config", {"a": [1]})
        ctx.cache.append("log", "first")
        return [ctx.cache.get("config"), ctx.cache.get("log"), ctx.cache.get("none"), ctx.cache.get("none", 5)]

    @action
    def many(ctx: Context, item: int) -> int:
        ctx.cache.append("log", item)
        assert ctx.cache.get("log")[0] == "first"
        assert ctx.cache.get("log")[-1] == item
        return item

    @action
    def last(ctx: Context) -> list[Any]:
        log = ctx.cache.get("log")
        ctx.cache.put("config", None)
        return [log[0], sorted(log[1:]), ctx.cache.get("config", "default")]

    system = open_system(first, many, last)
    nodes = [
        {"id": "first", "action": "first"},
        {"id": "many", "action": "many", "dependencies": ["first"], "map": {"over": "inputs.items", "item": "item"}},
        {"id": "last", "action": "last", "dependencies": ["many"]},
    ]
    spec = {"name": "f", "inputs": {"items": list(range(8))}, "nodes": nodes, "outputs": {"f": "first", "l": "last"}}
    for _ in range(2):  # of one run: another begins with nothing
        assert system.flows.start(spec).result(PATIENCE_S) == {
            "f": [{"a": [1]}, ["first"], None, 5],
            "l": ["first", list(range(8)), None],
        }


def test_the_namespace_has_bounds(play, monkeypatch):
    """Law: keys, values and their number have limits, told at the line, or at the end where only the file knows."""
    monkeypatch.setattr(run_cache, "MOST_WRITES", 3)
    monkeypatch.setattr(user_work, "MOST_KEYS", 2)

    def error(*calls: tuple[str, Any, Any]) -> str:
        @action
        def work(ctx: Context) -> None:
            for verb, key, value in calls:
                getattr(ctx.cache, verb)(key, value)

        text = play(work)[1].error
        assert text is not None
        return str(text)

    assert "a key is text of 1 to 200 printable characters" in error(("put", "", 1))
    assert "a key is text of 1 to 200 printable characters" in error(("append", "x" * 201, 1))
    assert "more than 65,536 bytes as JSON" in error(("put", "k", "x" * 70_000))
    assert "RunValueRefused: ctx.cache cannot take the key 'k': it holds an object" in error(("put", "k", object()))
    assert "more than 65,536 bytes as JSON" in error(("append", "k", "x" * 40_000), ("append", "k", "x" * 40_000))
    assert "an attempt writes at most 3 times" in error(*[("put", "k", 1)] * 4)
    assert "a run keeps at most 2 keys" in error(("put", "a", 1), ("put", "b", 1), ("put", "c", 1))
    assert "its value is no list" in error(("put", "a", 1), ("append", "a", 1))
    assert "JSON has no word for" in error(("put", "a", math.nan))


def test_a_schema_is_applied_again_without_harm(open_system, schema):
    """Law: opening twice is opening once; without the option the tables are there all the same."""
    for options in ({"schema": schema}, {"schema": str(schema)}, {}):
        system = open_system(**options)
        assert rows(system, "SELECT * FROM names") == []
        system.stop()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE IF NOT EXISTS flow_runs (a)", OURS),
        ("CREATE TABLE tasks (a)", OURS),
        ("CREATE TABLE x (a); DROP TABLE node_runs", OURS),
        ("CREATE TRIGGER t AFTER INSERT ON node_runs BEGIN SELECT 1; END", OURS),
        ("CREATE INDEX i ON node_runs (state)", OURS),
        ("CREATE TABLE x (a REFERENCES flow_runs (run_key) ON DELETE CASCADE)", "x refers to flow_runs"),
        ("ALTER TABLE flow_runs ADD COLUMN x", OURS),
        ("INSERT INTO id_ranges VALUES ('x', 1)", OURS),
        ("PRAGMA journal_mode = DELETE", "it may only make tables, indexes, views and triggers of your own"),
        ("CREATE TABLE x (a); COMMIT", "it may only make tables"),
        ("ATTACH 'y' AS y", "it may only make tables"),
        ("CREATE TEMP TABLE x (a)", "it may only make tables"),
        ("CREATE TABEL x (a)", "syntax error"),
        ("CREATE TABLE x (a); CREATE TABLE x (a)", "table x already exists"),
    ],
)
def test_a_schema_that_touches_what_is_ours_or_is_wrong_is_refused_whole(tmp_path, script: str, reason: str):
    """Law: named by its file, nothing of it is applied, and the database is as good as before."""
    file, path = tmp_path / "bad.sql", tmp_path / "a.db"
    file.write_text(script)
    with pytest.raises(SchemaRefused) as caught:
        ActorSystem(path, schema=file)
    assert reason in str(caught.value)
    assert str(file) in str(caught.value)
    with ActorSystem(path) as system:
        assert rows(system, "SELECT name FROM sqlite_schema WHERE name = 'x'") == []


def test_a_trigger_of_a_users_table_reaches_nothing_of_ours(open_system, tmp_path):
    """Law: what a trigger does is looked at when the statement is compiled that sets it off."""
    file = tmp_path / "s.sql"
    file.write_text("CREATE TABLE mine (a); CREATE TRIGGER t AFTER INSERT ON mine BEGIN DELETE FROM node_runs; END;")

    @action
    def work(ctx: Context) -> None:
        ctx.execute("INSERT INTO mine VALUES (1)")

    system = open_system(work, schema=file)
    report = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work"}]}).wait(PATIENCE_S)
    assert f"node_runs {OURS}" in report.error


@pytest.mark.parametrize("content", [None, b"\xff", b"-" * (1024 * 1024 + 1)])
def test_a_schema_that_is_no_script_is_refused(tmp_path, content: bytes | None):
    """Law: a missing, a binary and a huge file are told by name, and no database is made."""
    file, path = tmp_path / "s.sql", tmp_path / "a.db"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SchemaRefused):
        ActorSystem(path, schema=file)
    with pytest.raises(SchemaRefused):
        ActorSystem(path, schema=tmp_path)
    assert not path.exists()


def test_the_command_line_takes_a_schema(program):
    """Law: ``--schema`` on run, resume and retry; a mistake in it is told in one sentence."""
    (program.folder / "a.py").write_text(
        "import os\nfrom dagger_actors import Context, action\n\n\n@action\ndef work(ctx: Context) -> int:\n"
        "    ctx.execute('INSERT INTO t VALUES (?)', (ctx.attempt,))\n    return ctx.query('SELECT count(*) FROM t')[0][0]\n"
    )
    (program.folder / "f.yaml").write_text(
        "name: f\nactions: [a.py]\nnodes:\n- {id: n, action: work, on_failure: pause}\n"
    )
    (program.folder / "s.sql").write_text("CREATE TABLE IF NOT EXISTS t (a INTEGER);")
    paused = program("run", "f.yaml", "--run-id", "r")
    assert paused.returncode == 3
    assert (
        "no such table: t; make your tables with ActorSystem(schema=...), --schema FILE, or `schema` in the system file"
        in paused.stderr
    )
    done = program("resume", "r", "--schema", "s.sql")
    assert (done.returncode, done.stdout) == (0, "n: 0\n"), done.stderr
    assert program("run", "f.yaml", "--schema", "s.sql").stdout == "n: 1\n"
    again = program("retry", "r", "--schema", "missing.sql")
    assert (again.returncode, "Traceback" in again.stderr) == (2, False)
    assert "the schema missing.sql cannot be applied: No such file or directory" in again.stderr


def test_a_system_file_brings_the_tables_of_its_agents_and_an_option_goes_before_it(open_system, schema, tmp_path):
    """Law: the file's script is beside it, wherever the program stands."""
    spec = tmp_path / "specs" / "system.yaml"
    spec.parent.mkdir()
    (spec.parent / "own.sql").write_text("CREATE TABLE IF NOT EXISTS own (name TEXT);")
    (spec.parent / "clerk.py").write_text("from dagger_actors import Actor\nclass Clerk(Actor): pass\n")
    spec.write_text('system: s\nschema: own.sql\nagents: [{id: clerk, class: "clerk.py:Clerk"}]\n')
    made = "SELECT name FROM sqlite_schema WHERE name IN ('own', 'item')"
    assert rows(open_system(spec=spec, db=tmp_path / "one.db"), made) == [("own",)]
    assert rows(open_system(spec=spec, schema=schema, db=tmp_path / "two.db"), made) == [("item",)]
