"""A03 as files: each bad flow with what is told of it: the place, the culprit, and the advice; nothing is ever run.

The corpus holds hostile YAML (FAULTS 18) and hostile ids (FAULTS 19) too.
"""

from __future__ import annotations

import time
from pathlib import Path

import jsonschema
import pytest

from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.json_schema import flow_schema
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.reading.tree import to_data
from dagger_actors.reading.yaml_tree import read_yaml

BAD = Path(__file__).parent.parent / "data" / "bad"

# file: each problem's place, how its message reads (from its beginning), and what its advice holds
TOLD: dict[str, list[tuple[str, str, str]]] = {
    "alias_bomb": [("7:36", "more than 1,000,000 values in one file", "Split it, or use `map`.")],
    "await_and_action": [
        (
            "4:13",
            "node 'a': action is for nodes that run an action, and this one awaits a message",
            "Let the node that comes behind it run the action.",
        ),
    ],
    "await_as_text": [
        ("4:28", "node 'a': await_message must be a mapping, not the text 'news'", "Write {channel: ...}."),
    ],
    "await_empty_match": [
        ("4:51", "node 'a': await_message.match is empty", "Leave it out: then any message of the channel counts."),
    ],
    "await_endless": [
        (
            "4:55",
            "node 'a': await_message.timeout_s must be more than 0 and at most 316,224,000 seconds, not the number 0",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        ),
    ],
    "await_from_nowhere": [
        (
            "4:50",
            "node 'a': await_message.from must be one of latest, earliest, not the text 'erliest'",
            "Did you mean 'earliest'?",
        ),
    ],
    "await_literal": [
        (
            "4:60",
            "node 'a': await_message.match 'number' must be a reference, not the number 3",
            "For a literal write {value: ...}.",
        ),
    ],
    "await_map": [
        (
            "4:45",
            "node 'a': map is for nodes that run an action, and this one awaits a message",
            "Write a node for each message.",
        ),
    ],
    "await_no_channel": [
        ("4:28", "node 'a': await_message lacks the key `channel`", "Add `channel: ...`."),
    ],
    "await_no_name": [
        (
            "4:38",
            "node 'a': await_message.channel 'my news' is no channel's name",
            "Write letters, digits, _ and -, with dots between the parts: orders.paid.",
        ),
    ],
    "await_no_path": [
        (
            "4:52",
            "node 'a': await_message.match 'order..id' is no path of fields",
            "Write the names of fields with dots: order.id.",
        ),
    ],
    "await_pattern": [
        (
            "4:38",
            "node 'a': await_message.channel 'news.*' stands for many channels",
            "Write the name of one; a node for each, where there are several.",
        ),
    ],
    "await_retry": [
        (
            "4:45",
            "node 'a': timeout is for nodes that run an action, and this one awaits a message",
            "Write it as `await_message.timeout_s`.",
        ),
        (
            "4:57",
            "node 'a': try_count is for nodes that run an action, and this one awaits a message",
            "It waits once; how long is `await_message.timeout_s`.",
        ),
    ],
    "await_secret": [
        (
            "5:59",
            "node 'a': await_message.match 'token' refers to the input 'token', which is secret",
            "Only the inputs of nodes may refer to a secret.",
        ),
    ],
    "await_stranger": [
        (
            "4:56",
            "node 'a': await_message.match 'id' refers to 'b.id', but 'b' is not an ancestor",
            "Add 'b' to `dependencies`.",
        ),
    ],
    "await_unknown_key": [
        ("4:44", "node 'a': await_message: unknown key 'timeout'", "Did you mean 'timeout_s'?"),
    ],
    "broken_module": [
        (
            "2:11",
            "importing 'broken_acts.py' failed: RuntimeError: no such driver",
            "Correct it; nothing of the flow was run.",
        )
    ],
    "clash_of_a_key": [
        (
            "5:43",
            "node 'b': the input 'text' gets int from 'a.words', but action 'shout' takes str",
            "Refer to another output, or change a type hint: what it gives is hinted at ",
        )
    ],
    "clash_of_types": [
        (
            "5:43",
            "node 'b': the input 'text' gets Page from 'a', but action 'shout' takes str",
            "Refer to another output, or change a type hint: what it gives is hinted at ",
        )
    ],
    "colon_in_text": [
        (
            "3:18",
            "not YAML: mapping values are not allowed in this context",
            "Put quotes around a text that holds ': ', and check the indentation.",
        )
    ],
    "cycle": [
        (
            "4:43",
            "the dependencies form a cycle: a -> c -> b -> a",
            "Each waits for the next; remove one of these dependencies.",
        )
    ],
    "cycle_by_reference": [
        (
            "4:43",
            "the dependencies form a cycle: a -> b -> a",
            "Each waits for the next; remove one of these dependencies.",
        )
    ],
    "deep": [("1:1006", "nested deeper than 100 levels", "Flatten it.")],
    "dependencies_as_text": [
        ("5:42", "node 'b': dependencies must be a list, not the text 'a'", "Put brackets around it: [...].")
    ],
    "dependency_of_other_case": [("5:43", "node 'b': unknown dependency 'fetch'", "Did you mean 'Fetch'?")],
    "doubled_dependency": [("5:46", "node 'b': the dependency 'a' is doubled", "Remove one of the two.")],
    "duplicate_id": [("6:10", "the id 'a' is doubled; it stands at line 4, column 10 already", "Choose another id.")],
    "duplicate_key": [
        ("6:5", "the key 'action' is doubled; it stands at line 5, column 5 already", "Remove one of the two.")
    ],
    "empty": [("1:1", "the file is empty", "A flow needs at least `name` and `nodes`.")],
    "empty_id": [("4:10", "id has 0 characters; it must have 1 to 200", "Write one.")],
    "empty_input": [
        (
            "4:3",
            "the input 'folder' is empty",
            "For a required input write folder: {}, for a default of null folder: {default: null}.",
        )
    ],
    "empty_nodes": [("3:8", "nodes is empty", "A flow needs at least one node: - {id: first, action: my_action}")],
    "endless_timeout": [
        (
            "4:37",
            "node 'a': timeout must be more than 0 and at most 86,400 seconds, not the number 86401",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        )
    ],
    "fractional_tries": [
        (
            "4:39",
            "node 'a': try_count must be a whole number from 1 to 10,000, not the number 2.5",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "huge_number": [("4:39", "a number of 500 digits", "Put quotes around it if it is text.")],
    "id_with_escape": [("4:10", "id holds the control character U+001B", "Remove it.")],
    "id_with_line_separator": [("4:10", "id holds the control character U+2028", "Remove it.")],
    "id_with_newline": [("4:10", "id holds the control character U+000A", "Remove it.")],
    "id_with_nul": [("4:10", "id holds the control character U+0000", "Remove it.")],
    "default_of_other_type": [
        (
            "6:92",
            "node 'c': the default of the input 'text' does not fit: action 'shout' cannot take its input 'text': ",
            "Give another default, or hint the parameter as `str | None`.",
        )
    ],
    "order_of_a_struct": [
        (
            "5:65",
            "node 'b': when.gt compares with a text, but 'a' gives Page",
            "Refer to a number or a text, as NODE.KEY, or ask otherwise: ",
        )
    ],
    "ill_typed_default": [
        ("3:34", "the default of the input 'n' must be of type int, not the text 'ten'", "Change it, or the type.")
    ],
    "ill_typed_literal": [
        (
            "4:67",
            "node 'a': action 'add' cannot take its input 'num2': Expected `int`, got `str`",
            "Give what its type hint says, or change the hint.",
        )
    ],
    "input_of_other_type": [
        (
            "6:41",
            "node 'b': the input 'num1' gets str from the flow's input 'n', but action 'add' takes int",
            "Change the type of the input 'n', or the action's type hint.",
        )
    ],
    "key_without_node": [
        (
            "4:43",
            "node 'b': the input 'text' must have `reference`, `value`, or `node` with an optional `key`; it has value and key",
            "Keep one of them: {reference: NODE.KEY}, {value: LITERAL}, or {node: ID, key: NAME}.",
        )
    ],
    "latin1": [("1:8", "the file is not UTF-8: byte 0xe4 cannot stand here", "Save it as UTF-8.")],
    "list_key": [("4:28", "a key must be text, not a collection or an alias", "Write the key out.")],
    "literal_as_reference": [
        (
            "4:41",
            "node 'b': the input 'num1' must be a reference, not the number 1",
            "For a literal write {value: ...}.",
        )
    ],
    "long_id": [("4:10", "id has 5,000 characters; it must have 1 to 200", "Choose a shorter one.")],
    "map_item_unknown": [("5:33", "node 'b': action 'shout' takes no input 'texd'", "Did you mean 'text'?")],
    "map_over_no_list": [
        ("5:40", "node 'b': map.over must be a list, but 'a.words' gives int", "Refer to a list, or remove `map`.")
    ],
    "map_without_item": [("5:33", "node 'b': map lacks the key `item`", "Add `item: ...`.")],
    "merge_key": [
        ("3:1", "the flow: unknown key 'x'", "Known keys: "),
        ("5:5", "node 'a' lacks the key `action`", "Add `action: ...`."),
        ("5:13", "merge keys (`<<`) are not part of YAML 1.2", "Write the keys out."),
    ],
    "missing_module": [("2:20", "there is no file 'nowhere.py'", "Looked in ")],
    "missing_parameter": [
        ("4:5", "node 'a': action 'add' needs the input 'num2'", "Give it under `inputs`: {num2: REFERENCE}.")
    ],
    "nan_timeout": [
        (
            "4:37",
            "node 'a': timeout must be more than 0 and at most 86,400 seconds, not the number nan",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        )
    ],
    "no_name": [("1:1", "the flow lacks the key `name`", "Add `name: ...`.")],
    "no_nodes": [("1:1", "the flow lacks the key `nodes`", "Add `nodes: ...`.")],
    "no_such_key": [
        (
            "5:43",
            "node 'b': the input 'text' refers to 'a.titel', but action 'fetch' gives Page, which has no 'titel'",
            "Did you mean 'title'?",
        )
    ],
    "no_such_output": [
        (
            "4:45",
            "node 'a': declares the output 'wrods', but action 'fetch' gives Page, which has no 'wrods'",
            "Did you mean 'words'?",
        )
    ],
    "node_as_text": [("4:5", "a node must be a mapping, not the text 'fetch'", "Write {id: ..., action: ...}.")],
    "node_without_action": [("4:5", "node 'a' lacks the key `action`", "Add `action: ...`.")],
    "node_without_id": [("4:5", "a node lacks the key `id`", "Add `id: ...`.")],
    "nodes_as_mapping": [
        ("4:3", "nodes must be a list, not a mapping", "Begin each item with a dash: - ..., or write [].")
    ],
    "not_a_mapping": [("1:1", "the flow must be a mapping, not a list", "Write {name: ..., nodes: ...}.")],
    "nothing_fills_it": [
        (
            "4:5",
            "node 'a': nothing gives the parameter 'num1' of action 'add': no ancestor or flow input has its name",
            "Give it under the node's `inputs`, or declare it under the flow's: {num1: {}}.",
        ),
        (
            "4:5",
            "node 'a': nothing gives the parameter 'num2' of action 'add': no ancestor or flow input has its name",
            "Give it under the node's `inputs`, or declare it under the flow's: {num2: {}}.",
        ),
    ],
    "nul_byte": [("1:10", "a NUL byte cannot be in a YAML file", "Remove it.")],
    "number_id": [("4:10", "id must be text, not the number 7", "Put quotes around it.")],
    "number_key": [("4:28", "the key 1 is not text", 'Put quotes around it: "1".')],
    "onfailure_contradicts": [
        (
            "4:42",
            "node 'a': onfailure: false contradicts try_count: 3",
            "`onfailure: false` means one try; remove one of the two.",
        )
    ],
    "output_of_no_node": [
        ("3:18", "the output 'title' refers to 'fecth.title', but there is no node 'fecth'", "Did you mean 'fetch'?")
    ],
    "plain_tag": [
        (
            "4:10",
            "the tag 'tag:yaml.org,2002:str' is not accepted",
            "Remove it; put quotes around what is meant as text.",
        )
    ],
    "python_tag": [
        (
            "4:21",
            "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not accepted",
            "Remove it; put quotes around what is meant as text.",
        )
    ],
    "reference_and_value": [
        (
            "4:43",
            "node 'b': the input 'text' must have `reference`, `value`, or `node` with an optional `key`; it has reference and value",
            "Keep one of them: {reference: NODE.KEY}, {value: LITERAL}, or {node: ID, key: NAME}.",
        )
    ],
    "reference_to_itself": [
        ("4:43", "node 'a': the input 'text' refers to the node itself", "A node cannot wait for itself.")
    ],
    "reference_to_stranger": [
        (
            "6:62",
            "node 'c': the input 'text' refers to 'a.title', but 'a' is not an ancestor",
            "Add 'a' to `dependencies`.",
        )
    ],
    "reserved_id": [("4:10", "the id 'inputs' is taken by the flow's inputs", "Choose another id.")],
    "self_dependency": [("4:43", "node 'a': 'a' depends on itself", "Remove it from its dependencies.")],
    "several_at_once": [
        (
            "4:37",
            "node 'a': timeout must be more than 0 and at most 86,400 seconds, not the number -1",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        ),
        ("5:10", "the id 'a' is doubled; it stands at line 4, column 10 already", "Choose another id."),
        ("5:21", "node 'a': unknown action 'fecth'", "Did you mean 'fetch'?"),
        ("6:43", "node 'c': unknown dependency 'd'", "Give the id of a node of this flow, or remove it."),
        (
            "6:62",
            "node 'c': the input 'text' refers to 'a.titel', but 'a' is not an ancestor",
            "Add 'a' to `dependencies`.",
        ),
    ],
    "tab": [
        (
            "4:1",
            "not YAML: while scanning for the next token, found character that cannot start any token",
            "Indent with spaces, not tabs; put quotes around a text that begins with @, ` or %.",
        )
    ],
    "tags_as_text": [("3:7", "tags must be a list, not the text 'nightly'", "Put brackets around it: [...].")],
    "text_timeout": [
        (
            "4:37",
            "node 'a': timeout must be more than 0 and at most 86,400 seconds, not the text '5s'",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        )
    ],
    "two_documents": [("5:1", "a second document in the file", "Write one flow to a file; remove the second `---`.")],
    "two_strategies": [
        (
            "6:21",
            "node 'a': retry_strategy must have one of exponential, linear, immediate; it has immediate and linear",
            "Write one of them: {exponential: {initial_delay_secs: 1}}.",
        )
    ],
    "unclosed": [
        (
            "5:5",
            "not YAML: while parsing a flow mapping, did not find expected ',' or '}'",
            "Check the indentation, and that brackets and quotes are closed.",
        )
    ],
    "undeclared_input": [
        (
            "5:43",
            "node 'b': the input 'text' refers to the input 'txt', which the flow does not declare",
            "Did you mean 'text'?",
        )
    ],
    "unknown_action": [("4:21", "node 'a': unknown action 'fecth'", "Did you mean 'fetch'?")],
    "unknown_alias": [
        ("4:21", "the alias 'fetch' has no anchor before it", "Put quotes around a text that begins with *.")
    ],
    "unknown_config_key": [("4:3", "config: unknown key 'max_parallel'", "Did you mean 'max_parallel_nodes'?")],
    "unknown_dependency": [("5:43", "node 'b': unknown dependency 'fetsh'", "Did you mean 'fetch'?")],
    "unknown_exception": [
        ("6:48", "node 'a': retry_on: 'ValueEror' is no builtin exception", "Did you mean 'ValueError'?")
    ],
    "unknown_flow_key": [("3:1", "the flow: unknown key 'descripton'", "Did you mean 'description'?")],
    "unknown_input_key": [("4:12", "the input 'folder': unknown key 'typ'", "Did you mean 'type'?")],
    "unknown_node": [
        (
            "5:43",
            "node 'b': the input 'text' refers to 'fetsh.title', but there is no node 'fetsh'",
            "Did you mean 'fetch'?",
        )
    ],
    "unknown_node_key": [("4:28", "node 'a': unknown key 'tiemout'", "Did you mean 'timeout'?")],
    "unknown_parameter": [("4:55", "node 'a': action 'shout' takes no input 'lound'", "Did you mean 'loud'?")],
    "unknown_policy": [
        (
            "4:40",
            "node 'a': on_failure must be one of stop, continue, pause, not the text 'contniue'",
            "Did you mean 'continue'?",
        )
    ],
    "unknown_strategy": [
        (
            "4:44",
            "node 'a': retry_strategy must have one of exponential, linear, immediate; it has none of them",
            "Write one of them: {exponential: {initial_delay_secs: 1}}.",
        ),
        ("4:45", "node 'a': retry_strategy: unknown key 'exponental'", "Did you mean 'exponential'?"),
    ],
    "unknown_type": [
        (
            "3:20",
            "type must be one of int, float, str, bool, list, dict, any, not the text 'integer'",
            "Did you mean 'int'?",
        )
    ],
    "unknown_wait_key": [
        ("7:21", "node 'a': exponential: unknown key 'initial_delay'", "Did you mean 'initial_delay_secs'?")
    ],
    "unmarked_action": [
        ("4:21", "node 'a': unknown action 'unmarked'", "acts.py:29 is no action; mark it with @action.")
    ],
    "utf16": [("1:1", "the file is in UTF-16 or UTF-32", "Save it as UTF-8.")],
    "version_number": [("3:10", "version must be text, not the number 1.0", "Put quotes around it.")],
    "yaml_1_1": [
        ("1:1", "a %YAML or %TAG directive that is not supported", "Remove it; flow files are YAML 1.2 without tags.")
    ],
    "yes_is_text": [
        ("3:37", "enable_parallel_execution must be true or false, not the text 'yes'", "Write true, without quotes.")
    ],
    "zero_timeout": [
        (
            "4:37",
            "node 'a': timeout must be more than 0 and at most 86,400 seconds, not the number 0",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        )
    ],
    "zero_tries": [
        (
            "4:39",
            "node 'a': try_count must be a whole number from 1 to 10,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
}

SCHEMA_REFUSES = {
    "await_and_action",
    "await_as_text",
    "await_empty_match",
    "await_endless",
    "await_from_nowhere",
    "await_literal",
    "await_map",
    "await_no_channel",
    "await_retry",
    "await_unknown_key",
    "dependencies_as_text",
    "empty_id",
    "empty_input",
    "empty_nodes",
    "endless_timeout",
    "fractional_tries",
    "huge_number",
    "key_without_node",
    "literal_as_reference",
    "long_id",
    "map_without_item",
    "merge_key",
    "no_name",
    "no_nodes",
    "node_as_text",
    "node_without_action",
    "node_without_id",
    "nodes_as_mapping",
    "not_a_mapping",
    "number_id",
    "number_key",
    "python_tag",
    "reference_and_value",
    "several_at_once",
    "tags_as_text",
    "text_timeout",
    "two_strategies",
    "unknown_config_key",
    "unknown_flow_key",
    "unknown_input_key",
    "unknown_node_key",
    "unknown_policy",
    "unknown_strategy",
    "unknown_type",
    "unknown_wait_key",
    "version_number",
    "yes_is_text",
    "zero_timeout",
    "zero_tries",
}
"""What an editor marks too, by the JSON Schema; the others need the graph, the actions, or are no YAML."""


def test_every_file_of_the_corpus_is_in_the_table():
    assert {path.stem for path in BAD.glob("*.yaml")} == TOLD.keys()
    assert len(TOLD) >= 40


@pytest.mark.parametrize("name", TOLD)
def test_a_bad_file_is_refused_with_place_culprit_and_advice(name):
    path = BAD / f"{name}.yaml"
    began = time.thread_time()
    with pytest.raises(DefinitionError) as caught:
        load_flow(path, registry=ActionRegistry())
    assert time.thread_time() - began < 1
    problems = caught.value.problems
    assert [f"{problem.line}:{problem.column}" for problem in problems] == [place for place, _, _ in TOLD[name]]
    for problem, (place, message, advice) in zip(problems, TOLD[name], strict=True):
        assert problem.message.startswith(message)
        assert advice in problem.advice
        assert advice
        assert str(problem).startswith(f"{path}:{place}: {message}")
        assert not set(str(problem)) & set("\x00\x1b\u2028\ufeff")


@pytest.mark.parametrize("name", TOLD)
def test_the_schema_refuses_what_a_schema_can(name):
    path = BAD / f"{name}.yaml"
    try:
        data = to_data(read_yaml(path.read_bytes(), path.name)[0])
    except DefinitionError:
        return
    refused = not jsonschema.Draft202012Validator(flow_schema()).is_valid(data)
    assert refused == (name in SCHEMA_REFUSES)


def test_loading_the_corpus_runs_no_action(tmp_path):
    """Law: the actions' modules are imported, and nothing of a refused flow is run."""
    (tmp_path / "acts.py").write_text(
        "from pathlib import Path\nfrom dagger_actors import action\n"
        "@action\ndef fetch() -> int:\n    Path(__file__).with_name('ran').touch()\n    return 1\n"
    )
    for path in BAD.glob("*.yaml"):
        (tmp_path / "flow.yaml").write_bytes(path.read_bytes())
        with pytest.raises(DefinitionError):
            load_flow(tmp_path / "flow.yaml", registry=ActionRegistry())
    assert not (tmp_path / "ran").exists()
