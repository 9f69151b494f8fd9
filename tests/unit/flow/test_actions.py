"""Marking functions, reading their signatures, decoding their inputs."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

from dagger_actors.bodies.actions import action, read_action
from dagger_actors.errors import DefinitionError, InputError
from dagger_actors.flow.actions.context import Context
from dagger_actors.flow.actions.registry import ActionRegistry


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Pair:
    left: str
    right: str


class Row(TypedDict):
    name: str


class Model:
    """What pydantic's models look like from outside."""

    def __init__(self, value: int) -> None:
        self.value = value

    @classmethod
    def model_validate(cls, data: Any) -> Model:
        if not isinstance(data, dict) or not isinstance(data.get("value"), int):
            raise ValueError("value must be an integer")
        return cls(data["value"])


class Unknown: ...


def base(value: int) -> int:
    return value


def times(factor):
    def wrap(function):
        @functools.wraps(function)
        def wrapped(value: int) -> int:
            return function(value) * factor

        return wrapped

    return wrap


def minus(factor):
    def wrap(function):
        @functools.wraps(function)
        def wrapped(value: int) -> int:
            return function(value) - factor

        return wrapped

    return wrap


WRAPPED = """
import functools
def locked(function):
    lock = object()
    @functools.wraps(function)
    def wrapped(value: int) -> int:
        return function(value) if lock else 0
    return wrapped
@locked
def work(value: int) -> int:
    return value
"""


class TestMarking:
    """Law: @action only marks; the function stays what it was."""

    def test_a_marked_function_is_called_as_before(self):
        @action
        def double(x: int) -> int:
            return 2 * x

        assert double(4) == 8
        assert double.__name__ == "double"

    def test_a_name_of_its_own(self):
        registry = ActionRegistry()

        @action(name="twice")
        def double(x): ...

        registry.add(double)
        assert registry.names() == ["twice"]
        assert registry.get("twice").function is double

    @pytest.mark.parametrize("option", ["name", "version"])
    @pytest.mark.parametrize("text", ["", "x" * 201])
    def test_a_name_or_a_version_that_nobody_could_write_is_refused(self, option, text):
        """Law: it is not replaced by the default in silence."""
        with pytest.raises(ValueError, match=f"the {option} of an action has 1 to 200 characters, not {len(text)}"):
            action(**{option: text})

    @pytest.mark.parametrize("thing", [int, len, 5, types.SimpleNamespace()])
    def test_only_functions_can_be_marked(self, thing):
        with pytest.raises(TypeError, match="@action marks functions"):
            action(thing)


class TestSignatures:
    """Law: an action knows its parameters, its context, whether it awaits and whether it takes anything."""

    def test_parameters_context_and_defaults(self):
        def work(a: int, ctx: Context, b: str = "x", *rest, c, **more): ...

        read = read_action(work)
        assert [(p.name, p.required) for p in read.parameters] == [("a", True), ("b", False), ("c", True)]
        assert read.context_parameter == "ctx"
        assert read.accepts_any
        assert read.required == {"a", "c"}
        assert read.parameters[2].annotation is Any
        assert read.qualified_name == f"{__name__}:TestSignatures.test_parameters_context_and_defaults.<locals>.work"

    def test_a_context_may_be_optional_or_annotated(self):
        def optional(context: Context | None = None): ...
        def annotated(context: Annotated[Context, "given"]): ...

        assert read_action(optional).context_parameter == "context"
        assert read_action(annotated).context_parameter == "context"

    def test_a_list_of_bytes_is_not_bytes(self):
        def work(a: bytes, b: bytes | None, c: list[bytes], d: str): ...

        assert [p.takes_bytes for p in read_action(work).parameters] == [True, True, False, False]

    def test_async_functions_are_known(self):
        async def later(): ...
        def now(): ...

        assert read_action(later).is_async
        assert not read_action(now).is_async

    def test_hints_that_cannot_be_resolved(self):
        def work(x: Missing): ...  # noqa: F821

        with pytest.raises(DefinitionError) as caught:
            read_action(work)
        (problem,) = caught.value.problems
        assert (
            "the type hints of action 'work' cannot be resolved: NameError: name 'Missing' is not defined"
            in problem.message
        )
        assert f"({__file__}:" in problem.message
        assert "TYPE_CHECKING" in problem.advice

    def test_a_hint_that_no_json_can_be_decoded_to(self):
        def work(x: dict[str, int] | Point): ...

        with pytest.raises(DefinitionError, match="the type hint of parameter 'x' of action 'work' cannot be decoded"):
            read_action(work)

    def test_positional_only_parameters_are_refused(self):
        def work(x, /): ...

        with pytest.raises(DefinitionError, match="parameter 'x' of action 'work' is positional-only"):
            read_action(work)

    def test_generators_are_refused(self):
        def work():
            yield 1

        with pytest.raises(DefinitionError, match="action 'work' is a generator"):
            read_action(work)


class TestDecoding:
    """Law: a value is decoded strictly by its type hint; a misfit names action, parameter and path."""

    @pytest.mark.parametrize(
        ("hint", "json", "value"),
        [
            (int, b"5", 5),
            (float, b"5", 5.0),
            (str, b'"x"', "x"),
            (Any, b'{"a":[1,null]}', {"a": [1, None]}),
            (object, b'{"a":[1,null]}', {"a": [1, None]}),
            (dict[str, object], b'{"a":[1,null]}', {"a": [1, None]}),
            (list[object | None], b'["a",1]', ["a", 1]),
            (list[int], b"[1,2]", [1, 2]),
            (Point, b'{"x":1}', Point(1)),
            (Pair, b'{"left":"a","right":"b"}', Pair("a", "b")),
            (Row, b'{"name":"n"}', {"name": "n"}),
            (Path, b'"/tmp/x"', Path("/tmp/x")),
            (int | None, b"null", None),
            (Annotated[int, msgspec.Meta(ge=0)], b"3", 3),
        ],
    )
    def test_what_fits(self, hint, json, value):
        def work(x): ...

        work.__annotations__["x"] = hint
        assert read_action(work).parameters[0].decode(json) == value

    def test_a_pydantic_model_validates_itself(self):
        def work(x: list[Model]): ...

        parameter = read_action(work).parameters[0]
        assert [model.value for model in parameter.decode(b'[{"value":1}]')] == [1]
        with pytest.raises(InputError, match=r"value must be an integer - at `\$\[0\]`"):
            parameter.decode(b'[{"value":"x"}]')

    @pytest.mark.parametrize(
        ("hint", "json", "reason"),
        [
            (int, b'"5"', "Expected `int`, got `str`"),
            (int, b"1.5", "Expected `int`, got `float`"),
            (Point, b'{"x":"a"}', "Expected `int`, got `str` - at `$.x`"),
            (list[Row], b'[{"name":1}]', "Expected `str`, got `int` - at `$[0].name`"),
            (Annotated[int, msgspec.Meta(ge=0)], b"-1", "Expected `int` >= 0"),
            (int, b"", "Input data was truncated"),
        ],
    )
    def test_what_does_not_fit(self, hint, json, reason):
        def work(x): ...

        work.__annotations__["x"] = hint
        with pytest.raises(InputError) as caught:
            read_action(work, "named").parameters[0].decode(json)
        assert caught.value == InputError("named", "x", reason)

    def test_a_type_that_nothing_is_known_of(self):
        def work(x: Unknown): ...

        with pytest.raises(InputError, match="nothing is known of how to make"):
            read_action(work).parameters[0].decode(b"{}")


class TestRegistry:
    """Law: a name means one function; whatever is wrong says where."""

    def test_a_module_gives_its_marked_functions(self, tmp_path):
        module = types.ModuleType("acts")
        exec(
            "from dagger_actors.bodies.actions import action\n@action\ndef a(): ...\n@action\nasync def b(): ...\ndef c(): ...",
            vars(module),
        )
        registry = ActionRegistry()
        registry.add(module)
        registry.add(module)
        assert registry.names() == ["a", "b"]
        assert registry.get("c") is None
        assert registry.unmarked("c") == ("<string>", 6)
        assert registry.unmarked("a") is None

    def test_two_functions_of_one_name_name_both_places(self):
        registry = ActionRegistry()

        def make():
            def work(): ...

            return work

        def other():
            def work(): ...

            return work

        first, second = make(), other()
        registry.add(first)
        registry.add(first)
        with pytest.raises(DefinitionError) as caught:
            registry.add(second)
        message = caught.value.problems[0].message
        assert message.startswith("two actions have the name 'work': ")
        assert f"{__file__}:{first.__code__.co_firstlineno}" in message
        assert f"{__file__}:{second.__code__.co_firstlineno}" in message
        assert registry.get("work").function is first

    def test_functions_that_one_function_made_are_others_by_what_they_took_along(self):
        def make(factor, by=2):
            def work(value: int, *, shift: int = by) -> int:
                return value * factor + shift

            return work

        registry = ActionRegistry()
        registry.add(make(1000))
        registry.add(make(1000))
        for other in (make(1001), make(1000, by=3), make([1000])):
            with pytest.raises(DefinitionError) as caught:
                registry.add(other)
            assert "two actions have the name 'work': " in str(caught.value)
            assert 'action(name="...")(function)' in str(caught.value)
        registry.add(action(name="another")(make(5)))

    def test_lambdas_of_one_line_are_told_apart(self):
        registry, (first, second) = ActionRegistry(), (lambda x: x, lambda x: x + 1)
        registry.add(first)
        with pytest.raises(DefinitionError, match="two actions have the name '<lambda>'"):
            registry.add(second)

    def test_what_wraps_one_function_is_told_apart_by_what_it_took_along(self):
        registry = ActionRegistry()
        registry.add(times(2)(base))
        registry.add(times(2)(base))
        for other in (times(3)(base), base, minus(2)(base), times(2)(times(2)(base))):
            with pytest.raises(DefinitionError, match="two actions have the name 'base'"):
                registry.add(other)

    def test_a_decorated_function_of_a_file_that_has_two_names_is_one(self, tmp_path):
        """Law: its lines say what wraps it, whatever that took along."""
        (tmp_path / "wrapped.py").write_text(WRAPPED)
        registry, loaded = ActionRegistry(), []
        for name in ("first_name", "second_name"):
            spec = importlib.util.spec_from_file_location(name, tmp_path / "wrapped.py")
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            loaded.append(module.work)
        try:
            for one in loaded:
                registry.add(one)
        finally:
            del sys.modules["first_name"], sys.modules["second_name"]

    def test_a_function_that_holds_itself_is_itself(self):
        def make(factor):
            def work(depth: int) -> int:
                return factor if depth == 0 else work(depth - 1)

            return work

        registry = ActionRegistry()
        registry.add(make(2))
        registry.add(make(2))
        with pytest.raises(DefinitionError, match="two actions have the name 'work'"):
            registry.add(make(3))

    def test_what_is_neither_function_nor_module(self):
        with pytest.raises(TypeError, match="an action is a function, not int"):
            ActionRegistry().add(5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to import from, with sys.path and sys.modules as before afterwards."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


MODULE = "from dagger_actors.bodies.actions import action\n@action\ndef marked(): ...\ndef plain(): ...\nnumber = 5\n"


def problem_of(reference: str, folder: Path) -> tuple[str, str]:
    with pytest.raises(DefinitionError) as caught:
        ActionRegistry().load(reference, folder)
    (problem,) = caught.value.problems
    assert problem.line == 0
    return problem.message, problem.advice


class TestImporting:
    """Law: a reference is looked for beside the flow, then in the current folder; its faults are problems, not tracebacks."""

    @pytest.mark.parametrize(
        ("reference", "names"),
        [
            ("some_acts.py", ["marked"]),
            ("./some_acts.py", ["marked"]),
            ("some_acts", ["marked"]),
            ("some_acts.py:plain", ["plain"]),
            ("some_acts:plain", ["plain"]),
            ("pack.inner", ["marked"]),
        ],
    )
    def test_the_four_forms(self, folder, reference, names):
        (folder / "some_acts.py").write_text(MODULE)
        (folder / "pack").mkdir()
        (folder / "pack" / "inner.py").write_text(MODULE)
        registry = ActionRegistry()
        registry.load(reference, folder)
        assert registry.names() == names

    def test_the_folder_of_the_flow_comes_before_the_current_one(self, folder):
        beside = folder / "flows"
        beside.mkdir()
        (folder / "acts_here.py").write_text(MODULE.replace("marked", "here"))
        (beside / "acts_here.py").write_text(MODULE.replace("marked", "beside"))
        (folder / "only_here.py").write_text(MODULE.replace("marked", "only"))
        registry = ActionRegistry()
        registry.load("acts_here.py", beside)
        registry.load("only_here.py", beside)
        assert registry.names() == ["beside", "only"]

    def test_a_file_is_run_once_whatever_the_way_to_it(self, folder):
        (folder / "once_acts.py").write_text(
            MODULE + "from pathlib import Path\nwith Path('runs').open('a') as f: f.write('x')\n"
        )
        (folder / "sub").mkdir()
        registry = ActionRegistry()
        registry.load("once_acts.py", folder)
        registry.load("../once_acts.py", folder / "sub")
        ActionRegistry().load(str(folder / "once_acts.py"), folder)
        assert (folder / "runs").read_text() == "x"

    def test_a_file_imports_what_lies_beside_it_and_its_types_resolve(self, folder):
        (folder / "beside_types.py").write_text("import msgspec\nclass Shape(msgspec.Struct):\n    sides: int\n")
        (folder / "using_types.py").write_text(
            "from __future__ import annotations\nfrom beside_types import Shape\n"
            "from dagger_actors.bodies.actions import action\n@action\ndef draw(shape: Shape): ...\n"
        )
        registry = ActionRegistry()
        registry.load("using_types.py", folder)
        assert registry.get("draw").parameters[0].decode(b'{"sides":3}').sides == 3

    def test_an_import_that_raises_tells_its_own_line(self, folder):
        (folder / "raising.py").write_text("import json\n\nx = json.loads('nope')\n")
        message, _ = problem_of("raising.py", folder)
        assert message.startswith("importing 'raising.py' failed: JSONDecodeError: Expecting value")
        assert message.endswith(f"({folder}/raising.py:3)")

    def test_an_import_that_raises_leaves_nothing_behind(self, folder):
        (folder / "raising.py").write_text("1 / 0\n")
        problem_of("raising.py", folder)
        (folder / "raising.py").write_text(MODULE)
        registry = ActionRegistry()
        registry.load("raising.py", folder)
        assert registry.names() == ["marked"]

    @pytest.mark.parametrize(
        ("code", "told", "line"),
        [
            ("def f(:\n", "SyntaxError: ", 1),
            ("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
            ("import no_such_thing_at_all\n", "ModuleNotFoundError: No module named 'no_such_thing_at_all'", 1),
            ("raise ValueError\n", "ValueError: no message", 1),
        ],
    )
    @pytest.mark.parametrize("reference", ["failing_acts.py", "failing_acts"])
    def test_other_ways_to_fail(self, folder, reference, code, told, line):
        (folder / "failing_acts.py").write_text(code)
        message, _ = problem_of(reference, folder)
        assert f"importing '{reference}' failed: {told}" in message
        assert message.endswith(f"({folder}/failing_acts.py:{line})")

    def test_a_keyboard_interrupt_is_not_swallowed(self, folder):
        (folder / "interrupted.py").write_text("raise KeyboardInterrupt\n")
        with pytest.raises(KeyboardInterrupt):
            ActionRegistry().load("interrupted.py", folder)

    @pytest.mark.parametrize(
        ("reference", "message", "advice"),
        [
            ("nothing.py", "there is no file 'nothing.py'", "Looked in "),
            ("no.such.module", "there is no module 'no.such.module'", "Looked in "),
            ("some_acts.py:markde", "there is no function 'markde' in ", "Did you mean 'marked'?"),
            ("some_acts.py:number", "'number' in 'some_acts.py:number' is not a function but int", "Name a function."),
            ("some_acts.py:", "'some_acts.py:' names no function behind its colon", "Write file.py:name"),
            ("some acts", "'some acts' is neither a module nor a Python file", "Write module"),
            ("", "'' is neither a module nor a Python file", "Write module"),
            ("../up", "'../up' is neither a module nor a Python file", "Write module"),
        ],
    )
    def test_references_to_nothing(self, folder, reference, message, advice):
        (folder / "some_acts.py").write_text(MODULE)
        told = problem_of(reference, folder)
        assert told[0].startswith(message)
        assert told[1].startswith(advice)

    def test_a_module_hidden_by_one_of_its_name_is_refused(self, folder):
        (folder / "json.py").write_text(MODULE)
        message, advice = problem_of("json", folder)
        assert message.startswith("the module 'json' comes from ")
        assert message.endswith(f"which hides {folder}/json.py")
        assert "json.py" in advice

    def test_two_files_with_one_action_name(self, folder):
        for name in ("one_acts.py", "two_acts.py"):
            (folder / name).write_text(MODULE)
        registry = ActionRegistry()
        registry.load("one_acts.py", folder)
        with pytest.raises(
            DefinitionError, match=r"two actions have the name 'marked': .*one_acts.py:2 and .*two_acts.py:2"
        ):
            registry.load("two_acts.py", folder)
