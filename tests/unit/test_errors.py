"""Every error of the tree crosses process borders, can be compared, and says what is wrong and what to do."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from dagger_actors import errors
from dagger_actors.errors import DaggerError, DefinitionError, Problem, RunFailed

PROBLEM = Problem("unknown key 'inptus'", "Did you mean 'inputs'?", "flow.yaml", 3, 5, "    inptus: {}")
EXAMPLES: dict[str, tuple[tuple[object, ...], str]] = {
    "DaggerError": (("why",), "why"),
    "RequestError": (("why",), "why"),
    "ActionError": (("why",), "why"),
    "ActorError": (("why",), "why"),
    "DefinitionError": (
        ((PROBLEM, Problem("it has no nodes")),),
        "flow.yaml:3:5: unknown key 'inptus'\n        inptus: {}\n        ^\n  Did you mean 'inputs'?\nit has no nodes",
    ),
    "InvalidSupervision": (
        ((Problem("child 'a': it is significant and permanent", "make it transient"),),),
        "child 'a': it is significant and permanent\n  make it transient",
    ),
    "InvalidInputs": (
        ("f", ("'a' is missing", "'b' is unknown")),
        "flow 'f' cannot start: 'a' is missing; 'b' is unknown",
    ),
    "RunNotFound": (("r", "x.db"), "no run 'r' in x.db; list the runs with: dagger-actors runs"),
    "UnknownNode": (("r", "fetc", "", "fetch"), "run 'r' has no node 'fetc'; did you mean 'fetch'?"),
    "ReplayRefused": (
        ("r", "n", "k", "it has no attempt 3", "it has had 1, 2"),
        "node 'n', item 'k', of run 'r' cannot be replayed: it has no attempt 3; it has had 1, 2",
    ),
    "RunConflict": (("r", "definition"), "run 'r' exists already with another definition; choose another run id"),
    "RunOwned": (("r", 2, 77), "run 'r' is being run by process 77 (worker 2); wait for it, or stop it first"),
    "IllegalTransition": (
        ("r", "failed", "resumed", "try it again"),
        "run 'r' is failed, it cannot become resumed; try it again",
    ),
    "NodeTransition": (
        ("r", "a", "failed", "cancelled"),
        "the node 'a' of run 'r' is failed, it cannot become cancelled",
    ),
    "NotAsked": (("r", "ok", "it is no approval"), "nobody is asked at node 'ok' of run 'r': it is no approval"),
    "AnswerMisfit": (
        ("r", "ok", "bool", "str"),
        "node 'ok' of run 'r' takes an answer of type bool, not str; true approves, false rejects",
    ),
    "AlreadyAnswered": (
        ("r", "ok", "true", "ann", 17, "noon"),
        "node 'ok' of run 'r' has its answer: true, of ann (process 17) at noon; to ask anew: dagger-actors retry r --from ok",
    ),
    "NeverRan": (("r", "b", "a"), "the node 'b' of run 'r' never ran; fork from one that has, such as 'a'"),
    "ForkRefused": (("r", "it is a hook"), "run 'r' cannot be forked so: it is a hook"),
    "UnknownArtifact": (("abc", "x.db"), "no artifact 'abc' in x.db; list them with: dagger-actors artifacts list"),
    "AmbiguousArtifact": (
        ("abcdef", ("abcdef0", "abcdef1")),
        "the ids of several artifacts begin with 'abcdef': abcdef0, abcdef1; give more digits",
    ),
    "ExportRefused": (
        ("out", "it exists already", "ask for overwriting"),
        "cannot write 'out': it exists already; ask for overwriting",
    ),
    "BlockingCall": (("run.wait()", "await run"), "run.wait() would block the running event loop; use `await run`"),
    "SystemClosed": ((), "this ActorSystem is closed; open another one on the same file"),
    "SystemForked": (
        ("x.db", 7),
        (
            "x.db is open in process 7, of which this is a forked child, and that cannot use it safely; "
            "start a new process instead: subprocess, or multiprocessing with 'spawn'"
        ),
    ),
    "UnknownChannel": (("ordes", "orders"), "there is no channel 'ordes'; did you mean 'orders'?"),
    "UnknownSubscription": (
        ("shop.sel",),
        "there is no subscription 'shop.sel'; its name is GROUP.HANDLER; list them with: dagger-actors subscriptions list",
    ),
    "SubscriptionInUse": (
        ("shop.count", (7, 8)),
        (
            "the subscription 'shop.count' cannot be forgotten: its code is in process 7, 8, which would make it anew; take it "
            "out of the code and stop that first, or pause it with: dagger-actors subscriptions pause shop.count"
        ),
    ),
    "SubscriptionUnread": (
        ("shop.count", 1000, 2),
        (
            "with the subscription 'shop.count' go 1,000 unread messages and 2 dead letters; if that is meant, say so: "
            "discard=True, or --yes"
        ),
    ),
    "UnknownGroup": (("shp", "shop"), "there is no group 'shp'; did you mean 'shop'?"),
    "DeliveryRefused": (
        ("news.add", "notes/7", "Expected `int`, got `str` - at `$.stars`"),
        (
            "the message notes/7 does not fit what news.add takes: Expected `int`, got `str` - at `$.stars`; correct the "
            "handler's annotation and redrive it, or correct whoever publishes"
        ),
    ),
    "GivenRefused": (
        ("news.add", "int", "it is annotated to give Note; correct the code or the annotation"),
        "news.add gave int to be published: it is annotated to give Note; correct the code or the annotation",
    ),
    "PublicationUndeclared": (
        ("news.add", "log", ("notes", "answers")),
        "news.add publishes to 'log', and it declares 'notes', 'answers'; write it to the `publishes` of the subscription",
    ),
    "TurnLimit": (
        ("news.add", "it publishes more than 10,000 messages; let several do it"),
        "a turn of news.add does too much: it publishes more than 10,000 messages; let several do it",
    ),
    "TimerRefused": (
        ("flush", "no handler takes Flush"),
        "the timer 'flush' cannot be set: no handler takes Flush",
    ),
    "SubscriberStateUnreadable": (
        ("news", "ada", "Draft has no 'stars'"),
        (
            "the stored state of the key 'ada' of the group 'news' does not fit its class: Draft has no 'stars'; give new fields "
            "defaults, or the class a `migrate(cls, old)`, and resume the subscription; until then it is paused"
        ),
    ),
    "PublicationRefused": (
        ("orders", "Expected `int`, got `str` - at `$.amount`"),
        "the channel 'orders' does not take this message: Expected `int`, got `str` - at `$.amount`; correct it",
    ),
    "ChannelFull": (
        ("orders", 1000, 30.0),
        (
            "the slowest subscription of the channel 'orders' has 1,000 messages before it, which is the channel's capacity, "
            "and for 30 s there was no room for another; publish slower, help that subscription, or raise the capacity"
        ),
    ),
    "OutboxFull": (
        (10_000, 123_456),
        (
            "the outbox of this process has 10,000 messages with 123,456 bytes to be committed, which is all that it keeps; "
            "publish with wait=True, which waits for room, or publish slower"
        ),
    ),
    "OffsetRefused": (
        ("orders", 1000, 7),
        ("the channel 'orders' has no offset 1,000 yet: its next message gets 7; give that one or less, or 'latest'"),
    ),
    "DeadLetterNotFound": (
        (3, "x.db"),
        "no dead letter 3 in x.db; list them with: dagger-actors dead-letters list",
    ),
    "OutputError": (
        ("a set is no JSON", "sort it into a list"),
        "the result cannot be stored: a set is no JSON; sort it into a list",
    ),
    "InputError": (("act", "x", "not an int"), "action 'act' cannot take its input 'x': not an int"),
    "TurnRefused": (("counter", "it is too large"), "a turn of counter cannot be committed: it is too large"),
    "StateUnreadable": (
        ("counter", "no field"),
        (
            "the stored state of counter does not fit its class: no field; give new fields defaults, or the class a "
            "`migrate(cls, old)`, and start it again; until then it is held"
        ),
    ),
    "StateOwned": (
        ("x.db", "counter", 2, 77),
        (
            "the durable actor 'counter' of x.db runs in process 77 (worker 2); stop that one first, or give this one "
            "another name"
        ),
    ),
    "GrowthRefused": (
        ("unknown action 'serch'",),
        "the nodes cannot be added: unknown action 'serch'",
    ),
    "HookRefused": (("there is no node 'x'",), "what the hook returned cannot be done: there is no node 'x'"),
    "StepRefused": (
        ("pay", "it is being taken already", "name it otherwise"),
        "step 'pay' cannot be taken: it is being taken already; name it otherwise",
    ),
    "StatementRefused": (("DROP x", "it may only read"), "the statement 'DROP x' is refused: it may only read"),
    "StatementFailed": (
        ("INSERT", "UNIQUE constraint failed: t.a"),
        "the statement 'INSERT' failed: UNIQUE constraint failed: t.a; nothing of this attempt was written",
    ),
    "RunValueRefused": (("k", "too large"), "ctx.cache cannot take the key 'k': too large"),
    "SchemaRefused": (
        ("s.sql", "near x"),
        "the schema s.sql cannot be applied: near x; write CREATE TABLE IF NOT EXISTS, for your own tables",
    ),
    "WorkRejected": (("x.db", (1, 0, -1, 1), errors.ActionError("why")), "x.db: why"),
    "SecretMissing": (
        ("PG_DSN",),
        (
            "the environment variable PG_DSN, which holds a secret input, is not set in the process that runs the action; "
            "set it there, then retry the run"
        ),
    ),
    "ResourceFailed": (
        ("Pool", "OSError: no route"),
        "the resource Pool cannot be made: OSError: no route; look at its factory in resources={...}",
    ),
    "UnknownResource": (
        ("Pool", ("Cache", "Model")),
        (
            "there is no resource Pool, only Cache, Model; "
            "give ActorSystem(resources={Pool: ...}) a function that makes one, "
            "and a command its mapping: --resources FILE.py:NAME"
        ),
    ),
    "AttemptOver": (
        ("the result of step 'pay'",),
        (
            "the result of step 'pay' is not stored, for this attempt is over: it has ended or was cut off, or another "
            "process runs it now; use ctx before the body returns, and return as soon as ctx.cancelled is set"
        ),
    ),
    "ResultError": (
        ("act", "int", "str", "Expected `int`"),
        "action 'act' must return int, as its type hint says, and returned str: Expected `int`; correct the code or the hint",
    ),
    "WorkerDied": (
        ("signal SIGSEGV", "oh"),
        "the worker process of this attempt died: signal SIGSEGV; it wrote last: oh",
    ),
    "RunEnded": (("r", "n: boom", None), "run 'r' ended: n: boom"),
    "RunFailed": (("r", "n: boom", {"state": "failed"}), "run 'r' failed: n: boom"),
    "RunCancelled": (("r", "", None), "run 'r' was cancelled"),
    "RunTimedOut": (("r", "", None), "run 'r' timed out"),
    "RunPaused": (("r", "n: boom", None), "run 'r' is paused: n: boom"),
    "RequestRefused": (("x.db", errors.RequestError("why")), "x.db: why"),
    "UnknownAgent": (("reserch", "research"), "there is no agent 'reserch'; did you mean 'research'?"),
    "PayloadRefused": (
        ("research", "Expected `str` - at `$.text`"),
        "the agent 'research' does not take this payload: Expected `str` - at `$.text`; correct it",
    ),
    "TaskNotFound": ((7, "x.db"), "no task 7 in x.db; list the tasks with: dagger-actors tasks list"),
    "TaskConflict": (
        ("research", "k", 7),
        "task 7 of the agent 'research' has the key 'k' already; take that one, or another key",
    ),
    "TaskQueueFull": (
        ("research", 1000),
        (
            "the agent 'research' has 1,000 open tasks, which is its capacity; submit slower, start another worker, or "
            "raise the capacity"
        ),
    ),
    "TaskChanged": (
        (7, 2, 3),
        "task 7 has changed: it is of version 3, not 2; look at it again, then decide anew",
    ),
    "TaskTransitionRefused": (
        (7, "running", "accepted", "wait for it"),
        "task 7 is running, it cannot become accepted; wait for it",
    ),
    "UnknownDependency": (
        (7, 9),
        "task 7 cannot depend on task 9: there is no such task; submit that one first",
    ),
    "DependencyCycle": (
        ((7, 9),),
        ("this dependency would close a cycle, and none of its tasks could ever run: 7 -> 9 -> 7; leave one out"),
    ),
    "JobNotFound": (("j", "x.db"), "no job 'j' in x.db; list the jobs with: dagger-actors jobs list"),
    "JobClosed": (("j",), "job 'j' was cancelled and takes no new tasks; submit them to another one"),
    "JobConflict": (
        ("j", "on_failure"),
        "job 'j' exists already with another on_failure; choose another id",
    ),
    "AgentsMissing": (
        (("research",),),
        "this worker has no agent for what waits ('research'); name their modules with --import",
    ),
    "SharedConflict": (
        ("s", "k", 1, 2),
        ("the shared value 'k' of 's' is of version 2, not 1: somebody was faster; read it again, then put it"),
    ),
    "SharedRefused": (("s", "k", "no"), "the shared value 'k' of 's' cannot be changed: no"),
    "EphemeralRefused": (
        ("log.take", "ctx.step"),
        (
            "ctx.step in a turn of log.take whose message is of an ephemeral channel: of such turns nothing is kept; make the "
            "channel a durable one, or publish to one and do it there"
        ),
    ),
    "KeyRefused": (("customer", "it is empty"), "the message has no key customer: it is empty"),
    "Fatal": (("no such customer",), "no such customer"),
    "SpawnRefused": (("a", "no key"), "a task of the agent 'a' cannot be spawned: no key"),
    "SpawnMismatch": (
        ("#0", "agent", "'a'", "'b'"),
        (
            "the child '#0' was spawned with the agent 'a' and is now spawned with 'b'; a body that waits runs again from "
            "its top, so spawn the same each time, or give children a key"
        ),
    ),
    "TaskEnded": ((7, "boom", None), "task 7 ended: boom"),
    "TaskFailed": ((7, "boom", None), "task 7 failed: boom"),
    "TaskCancelled": ((7, "", None), "task 7 was cancelled"),
    "TaskRejected": ((7, "", None), "task 7 was rejected"),
    "TaskBlocked": ((7, "", None), "task 7 is blocked"),
    "TaskPaused": ((7, "", None), "task 7 is paused"),
    "JobEnded": (("j", "boom", None), "job 'j' ended: boom"),
    "JobFailed": (("j", "boom", None), "job 'j' failed: boom"),
    "JobCancelled": (("j", "", None), "job 'j' was cancelled"),
    "JobPaused": (("j", "", None), "job 'j' is paused"),
    "MailboxFull": (("a", 9), "the mailbox of a is full (9 messages); send slower or raise its capacity"),
    "ActorClassError": (("Pricer.price", "two handlers"), "Pricer.price: two handlers"),
    "ConfigRefused": (("Pricer", "Expected `int`"), "the config of Pricer does not fit: Expected `int`"),
    "NameTaken": (("a",), "there is an actor named 'a' already; take another name, or find() that one"),
    "TooManyActors": (
        (1_000,),
        (
            "the system has 1,000 actors and supervisors, as many as it may have; "
            "stop some of them, or give it ActorSystem(max_actors=...)"
        ),
    ),
    "ActorLimit": (
        ("a", "timers", 1_000, "cancel some"),
        "a has 1,000 timers, as many as an actor may have; cancel some",
    ),
    "UnknownActor": (("prcer", ("pricer",)), "there is no actor named 'prcer'; did you mean 'pricer'?"),
    "ActorStopped": (("a",), "a stopped before it answered"),
    "MessageRefused": (("Order", "no"), "a message of class Order cannot be sent: no"),
    "MessageUnhandled": (("a", "Tick", ("Order",)), "a has no @handler for Tick; it takes Order"),
    "ChildRefused": (
        ("crew", "a", "running", ""),
        "the supervisor crew refused what was asked about 'a': the child runs; terminate it first",
    ),
    "SupervisorFailed": (("crew", "boom"), "the supervisor crew has given up: boom"),
    "SystemFailed": (("boom",), "the system has stopped: boom"),
    "AskInsideHandler": (
        ("a",),
        (
            "a thread that waits here for a can starve the pool it is of; "
            "`await` it in an async handler or action, or use tell and handle the answer as a message"
        ),
    ),
    "AskCircle": (
        (("a", "b", "a"),),
        (
            "each would await the next one's answer for ever: a -> b -> a; "
            "let one of them tell, or use `ctx.ask(...).then(...)`, which takes messages meanwhile"
        ),
    ),
    "SupervisorGaveUp": (
        ("s", 3, 5.0, "ValueError: x"),
        "s crashed more than 3 times in 5 s, last with ValueError: x; its committed work is safe: resume it, or open the system again",
    ),
    "StoreError": (("x.db", "why"), "x.db: why"),
    "NotADatabase": (
        ("x.db", "it is a PNG"),
        "x.db is not a dagger_actors database (it is a PNG); choose another path with --db",
    ),
    "NewerSchema": (
        ("x.db", 9, 1, "schema"),
        "x.db has schema version 9, this program knows up to 1; upgrade dagger-actors",
    ),
    "OlderSchema": (
        ("x.db", 1, 2),
        (
            "x.db has schema version 1, this program reads version 2; run a flow on it once, or open it with ActorSystem, "
            "and it is brought up to date"
        ),
    ),
    "ReadOnlyDatabase": (
        ("x.db", "EROFS"),
        "x.db cannot be written (EROFS); give the file and its folder write permission, or another --db",
    ),
    "UnsafeSQLite": (
        ("x.db", "3.40.0"),
        "SQLite 3.40.0 can corrupt x.db when two processes share it; upgrade apsw to 3.51.3 or newer",
    ),
    "NetworkFilesystem": (
        ("x.db", "nfs"),
        "x.db lies on a network file system (nfs), where its locks do not hold; use a local disk",
    ),
    "StoreFull": (("x.db",), "no space left for x.db; free some and try again, nothing acknowledged was lost"),
    "StoreBusy": (
        ("x.db",),
        "x.db is locked by another program; wait for it, or find it with `fuser x.db` and stop it, then try again",
    ),
    "StoreBroken": (("x.db", "I/O error"), "x.db cannot be read or written: I/O error"),
    "UnitRejected": (("x.db", "flow_runs.put", 1, 0), "x.db: flow_runs.put expected 1 rows and met 0"),
    "OwnershipLost": (("x.db", "run 'r'"), "x.db: run 'r' was taken over by another process"),
    "ArtifactError": (
        ("x.db", "ab12", "r", "make it"),
        (
            "artifact ab12 of x.db cannot be read; put the file back, or compute it again: "
            "dagger-actors retry r --from 'make it'"
        ),
    ),
    "ArtifactMissing": (
        ("x.db", "ab12"),
        "no artifact ab12 in x.db; put the file back, or compute it again: retry RUN --from NODE",
    ),
    "ArtifactCorrupt": (
        ("x.db", "ab12"),
        (
            "artifact ab12 of x.db is damaged: its content no longer has its hash; "
            "put the file back, or compute it again: retry RUN --from NODE"
        ),
    ),
}
CLASSES = {name: one for name, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, DaggerError)}


def example(name: str) -> DaggerError:
    return CLASSES[name](*EXAMPLES[name][0])


def test_every_class_of_the_module_is_looked_at() -> None:
    """A new error without its sentence here is noticed."""
    assert set(EXAMPLES) == set(CLASSES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_says_what_is_wrong_and_what_to_do(name: str) -> None:
    """The text is made from the facts."""
    assert str(example(name)) == EXAMPLES[name][1]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_survives_pickling_and_copying_with_all_its_facts(name: str) -> None:
    """It may have been raised in another process."""
    error = example(name)
    for twin in (*(pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, 6)), copy.copy(error)):
        assert type(twin) is type(error)
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)
        assert twin == error
        assert hash(twin) == hash(error)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_keeps_its_facts_as_attributes(name: str) -> None:
    """Nobody has to take the text apart: every argument of the constructor is an attribute of that name."""
    error = example(name)
    if type(error).__init__ is not Exception.__init__:
        for parameter, value in zip(inspect.signature(type(error)).parameters, EXAMPLES[name][0], strict=False):
            assert getattr(error, parameter) == value


def test_errors_with_other_facts_or_of_another_class_are_not_equal() -> None:
    """Equality is class and facts, no more and no less."""
    for name, (facts, _) in EXAMPLES.items():
        error = example(name)
        others = [example(other) for other in EXAMPLES if other != name]
        assert all(error != other for other in others)
        assert error != facts
        assert error != str(error)
    assert CLASSES["RunNotFound"]("a") != CLASSES["RunNotFound"]("b")
    assert len({RunFailed("r", "x"), RunFailed("r", "x"), RunFailed("r", "y")}) == 2


def test_an_error_that_carries_what_cannot_be_hashed_can_be_hashed() -> None:
    """A report holds lists and mappings."""
    assert hash(RunFailed("r", "x", {"nodes": []})) == hash(RunFailed("r", "x", {"nodes": []}))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            errors.StoreBusy("x", "database is locked", 7),
            "x is locked by process 7; wait for it, or stop it with `kill 7`, then try again",
        ),
        (
            errors.StoreBusy("x", "database is locked", 7, is_stopped=True),
            (
                "x is locked by process 7, which is stopped; let it go on with `kill -CONT 7`, "
                "or end it with `kill -9 7`, then try again"
            ),
        ),
        (errors.RunConflict("r", "inputs"), "run 'r' exists already with other inputs; choose another run id"),
        (errors.OutputError("it is lost"), "the result cannot be stored: it is lost"),
        (errors.RunNotFound("r"), "no run 'r'; list the runs with: dagger-actors runs"),
        (
            errors.RunPaused("r", ""),
            (
                "run 'r' is paused; answer what it asks (flows.questions, flows.signal), or wait until somebody has: "
                "run.result(wait_for_people=True); or go on with flows.resume"
            ),
        ),
        (errors.IllegalTransition("r", "failed", "paused"), "run 'r' is failed, it cannot become paused"),
        (errors.NotADatabase("x"), "x is not a dagger_actors database; choose another path with --db"),
        (
            errors.ReadOnlyDatabase("x"),
            "x cannot be written; give the file and its folder write permission, or another --db",
        ),
    ],
)
def test_a_detail_that_is_not_known_leaves_no_hole_in_the_sentence(error: DaggerError, text: str) -> None:
    """Optional facts are optional in the text too."""
    assert str(error) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.ChannelFull("orders", 1), "the channel 'orders' has 1 message before it"),
        (errors.OutboxFull(1, 1), "has 1 message with 1 byte to be"),
        (errors.TaskQueueFull("research", 1), "the agent 'research' has 1 open task, which"),
    ],
)
def test_one_of_a_thing_is_told_as_one(error: DaggerError, text: str) -> None:
    """Law: limits of one are limits."""
    assert text in str(error)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("it is empty"), "it is empty"),
        (Problem("it is empty", file="f.yaml"), "f.yaml: it is empty"),
        (Problem("it is empty", "Write nodes.", "f.yaml", 1, 1), "f.yaml:1:1: it is empty\n  Write nodes."),
        (Problem("bad", "", "f.yaml", 1, 2, "abc"), "f.yaml:1:2: bad\n    abc\n     ^"),
    ],
)
def test_a_problem_shows_its_place_as_far_as_it_is_known(problem: Problem, text: str) -> None:
    """File, line and column in the form that editors jump to; the caret stands under the culprit."""
    assert str(problem) == text


def test_a_problem_on_a_very_long_line_shows_a_window_with_the_caret_under_its_place() -> None:
    """A minified file of one line does not flood the terminal."""
    line = "a" * 5000 + "X" + "b" * 5000
    shown = str(Problem("bad", "", "f.yaml", 1, 5001, line)).splitlines()
    assert len(shown[1]) <= 124
    assert shown[1][shown[2].index("^")] == "X"


def test_a_definition_error_carries_its_problems_in_order() -> None:
    """All of them at once."""
    problems = [Problem("one"), Problem("two")]
    error = DefinitionError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "one\ntwo"


def test_the_tree_in_the_docstring_is_the_tree_of_the_code() -> None:
    """The drawing is what people read; it must not lie."""
    drawn: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)\b", line)
        if not found:
            continue
        depth = len(found[1])
        path = [one for one in path if one[0] < depth]
        drawn[found[2]] = path[-1][1] if path else "Exception"
        path.append((depth, found[2]))
    assert drawn == {name: one.__bases__[0].__name__ for name, one in CLASSES.items()}
