"""Bad system files: each with what is told of it, the place, the culprit and the advice; nothing is ever started.

The corpus holds hostile YAML (FAULTS 18) and hostile ids (FAULTS 19) too.
"""

from __future__ import annotations

import time
from pathlib import Path

import jsonschema
import pytest

from dagger_actors.errors import DefinitionError
from dagger_actors.reading.importing import import_target
from dagger_actors.reading.tree import to_data
from dagger_actors.reading.yaml_tree import read_yaml
from dagger_actors.supervised.files.file_format import system_schema
from dagger_actors.supervised.files.loading import load_system
from dagger_actors.supervised.files.part_keys import A_CLASS
from dagger_actors.supervised.files.resolving import load_and_resolve, resolve

BAD = Path(__file__).parent.parent / "data" / "bad_systems"

# file: each problem's place, how its message reads (from its beginning), and what its advice holds
TOLD: dict[str, list[tuple[str, str, str]]] = {
    "agent_as_text": [("3:5", "an agent must be a mapping, not the text 'audit'", "Write {id: ..., class: ...}.")],
    "agent_without_id": [("3:5", "an agent lacks the key `id`", "Add `id: ...`.")],
    "agents_as_mapping": [
        ("3:3", "agents must be a list, not a mapping", "Begin each item with a dash: - ..., or write [].")
    ],
    "alias_bomb": [("7:36", "more than 1,000,000 values in one file", "Split it.")],
    "backoff_upside_down": [
        ("3:46", "agent 'a': backoff: max_s is 5, less than min_s, which is 10", "Write max_s: 10, or more.")
    ],
    "broken_module": [
        (
            "3:20",
            "agent 'a': class: importing 'broken.py' failed: RuntimeError: no such driver",
            "Correct it; nothing of the system was started.",
        )
    ],
    "class_and_agents": [
        (
            "3:13",
            "supervisor 'b': both `class` and `agents`",
            "An agent has a class, a supervisor has agents; remove one of the two.",
        )
    ],
    "class_as_number": [("3:20", "agent 'a': class must be text, not the number 5", "Put quotes around it.")],
    "class_malformed": [
        (
            "3:20",
            "agent 'a': class: 'my shop:Audit' is neither a module nor a Python file",
            "Write module:Class or file.py:Class.",
        )
    ],
    "class_of_another_kind": [
        ("3:20", "agent 'a': class: 'Stranger' in 'shop.py' is no Agent", "Let it inherit: class Stranger(Agent): ...")
    ],
    "class_of_no_identifier": [
        (
            "3:20",
            "agent 'a': class: 'shop.py:1st' names no class behind its colon",
            "Write module:Class or file.py:Class.",
        )
    ],
    "class_too_long": [
        (
            "3:20",
            "agent 'a': class has 1,203 characters; it must have 1 to 1,000",
            "Write module:Class or file.py:Class.",
        )
    ],
    "class_without_name": [
        ("3:20", "agent 'a': class: 'shop' names a module, but no class", "Write module:Class or file.py:Class.")
    ],
    "config_annotated_oddly": [
        (
            "3:20",
            "agent 'a': class: the annotation of `config` in class Odd cannot be used: dict is no msgspec Struct",
            "Annotate it with a msgspec Struct that can be imported at run time.",
        )
    ],
    "config_annotation_lost": [
        (
            "3:20",
            "agent 'a': class: the annotation of `config` in class Lost cannot be used: name 'Nowhere' is not defined",
            "Annotate it with a msgspec Struct that can be imported at run time.",
        )
    ],
    "config_as_list": [("3:46", "agent 'a': config must be a mapping, not a list", "Write {NAME: ...}.")],
    "config_incomplete": [
        (
            "3:46",
            "agent 'a': config: the key `rate` is missing, which Pricing requires",
            "Add it under `config`: {rate: ...}.",
        )
    ],
    "config_missing": [
        (
            "3:5",
            "agent 'a': config: the key `rate` is missing, which Pricing requires",
            "Add it under `config`: {rate: ...}.",
        )
    ],
    "config_not_finite": [
        ("3:46", "agent 'a': config holds .inf or .nan, which JSON cannot carry", "Put quotes around it.")
    ],
    "config_not_taken": [
        (
            "3:45",
            "agent 'a': config: class Audit takes none",
            "Remove it, or say in the class what it takes: `config: SomeStruct`.",
        )
    ],
    "config_of_wrong_type": [
        (
            "3:53",
            "agent 'a': config.rate: Expected `float`, got `str`",
            "Give what Pricing takes, or change what it takes.",
        ),
        (
            "3:69",
            "agent 'a': config.currency: Expected `str`, got `int`",
            "Give what Pricing takes, or change what it takes.",
        ),
    ],
    "config_refused": [
        ("3:46", "agent 'a': config: a rate is not negative", "Give what Pricing takes, or change what it takes.")
    ],
    "config_too_deep_wrong": [
        (
            "3:79",
            "agent 'a': config.limits.high: Expected `int`, got `str`",
            "Give what Limits takes, or change what it takes.",
        )
    ],
    "config_unknown_key": [
        ("3:56", "agent 'a': config: unknown key 'curency'", "Did you mean 'currency'?"),
        ("3:87", "agent 'a': config.limits: unknown key 'hihg'", "Did you mean 'high'?"),
    ],
    "deep": [("2:1008", "nested deeper than 100 levels", "Flatten it.")],
    "duplicate_id": [
        (
            "4:10",
            "the id 'a' is doubled; it stands at line 3, column 10 already",
            "Choose another id; it is the name that others find it by.",
        )
    ],
    "duplicate_id_further_in": [
        (
            "4:27",
            "the id 'a' is doubled; it stands at line 3, column 10 already",
            "Choose another id; it is the name that others find it by.",
        )
    ],
    "duplicate_key": [
        ("3:37", "the key 'id' is doubled; it stands at line 3, column 6 already", "Remove one of the two.")
    ],
    "empty": [("1:1", "the file is empty", "A system needs at least `system` and `agents`.")],
    "empty_agents": [
        ("2:9", "agents is empty", "A supervisor needs at least one agent: - {id: first, class: module:Class}")
    ],
    "empty_nested_agents": [
        (
            "4:21",
            "supervisor 'b': agents is empty",
            "A supervisor needs at least one agent: - {id: first, class: module:Class}",
        )
    ],
    "fractional_instances": [
        (
            "3:48",
            "agent 'a': instances must be a whole number from 1 to 10,000, not the number 1.5",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "function_for_class": [
        (
            "3:20",
            "agent 'a': class: 'price' in 'shop.py' is no class, but of type function",
            "Name a class; or mark the function with @task_agent, if it does tasks.",
        )
    ],
    "huge_number": [("3:48", "a number of 500 digits", "Put quotes around it if it is text.")],
    "id_with_escape": [("3:10", "id holds the control character U+001B", "Remove it.")],
    "infinite_shutdown": [
        (
            "3:49",
            "agent 'a': shutdown_s must be a number of seconds from 0 to 86,400, or infinity, not the number inf",
            "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.",
        )
    ],
    "jitter_over_one": [
        (
            "3:55",
            "agent 'a': jitter must be a number from 0 to 1, not the number 2",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "key_that_is_no_path": [
        ("3:54", "agent 'a': key: 'order..id' is no path of fields", "Write a message's field: order_id, or order.id.")
    ],
    "key_without_route": [
        ("3:37", "agent 'a': `key` does nothing without `route: key`", "Add route: key, or remove `key`.")
    ],
    "latin1": [("1:10", "the file is not UTF-8: byte 0xe4 cannot stand here", "Save it as UTF-8.")],
    "list_key": [("3:37", "a key must be text, not a collection or an alias", "Write the key out.")],
    "long_id": [("3:10", "id has 5,000 characters; it must have 1 to 200", "Choose a shorter one.")],
    "mailbox_as_number": [
        ("3:46", "agent 'a': mailbox must be a mapping, not the number 1000", "Known keys: capacity, overflow.")
    ],
    "merge_key": [
        (
            "2:1",
            "the system: unknown key 'x'",
            "Known keys: system, description, supervision, schema, channels, triggers, loops, agents.",
        ),
        (
            "4:5",
            "agent 'a': neither `class` nor `agents`",
            "Add `class: module:Class`; or `agents: [...]`, then it is a supervisor.",
        ),
        ("4:6", "merge keys (`<<`) are not part of YAML 1.2", "Write the keys out."),
    ],
    "missing_class": [("3:20", "agent 'a': class: there is no class 'Pricr' in 'shop.py'", "Did you mean 'Pricer'?")],
    "missing_file": [("3:20", "agent 'a': class: there is no file 'nowhere.py'", "Looked in ")],
    "missing_module": [("3:20", "agent 'a': class: there is no module 'no_such_shop'", "Looked in ")],
    "misspelled_infinity": [
        (
            "3:49",
            "agent 'a': shutdown_s must be a number of seconds from 0 to 86,400, or infinity, not the text 'infinite'",
            "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.",
        )
    ],
    "misspelled_system": [
        ("1:1", "the system: unknown key 'sytem'", "Did you mean 'system'?"),
        ("1:1", "the system lacks the key `system`", "Add `system: ...`."),
    ],
    "name_as_number": [("1:9", "system must be text, not the number 5", "Put quotes around it.")],
    "negative_intensity": [
        (
            "2:26",
            "intensity must be a whole number from 0 to 10,000, not the number -1",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "negative_shutdown": [
        (
            "3:49",
            "agent 'a': shutdown_s must be a number of seconds from 0 to 86,400, or infinity, not the number -1",
            "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.",
        )
    ],
    "neither_class_nor_agents": [
        (
            "3:5",
            "agent 'a': neither `class` nor `agents`",
            "Add `class: module:Class`; or `agents: [...]`, then it is a supervisor.",
        )
    ],
    "nested_without_agents": [("4:5", "supervisor 'b' lacks the key `agents`", "Add `agents: ...`.")],
    "no_agents": [("1:1", "the system lacks the key `agents`", "Add `agents: ...`.")],
    "no_capacity": [
        (
            "3:57",
            "agent 'a': capacity must be a whole number from 1 to 1,000,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "no_instances": [
        (
            "3:48",
            "agent 'a': instances must be a whole number from 1 to 10,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "no_period": [
        (
            "2:25",
            "period_s must be more than 0 and at most 86,400 seconds, not the number 0",
            "Write seconds as a number: 5, or 0.5; for the default leave the key out.",
        )
    ],
    "no_system": [("1:1", "the system lacks the key `system`", "Add `system: ...`.")],
    "not_a_mapping": [("1:1", "the system must be a mapping, not a list", "Write {system: ..., agents: ...}.")],
    "nul_byte": [("1:10", "a NUL byte cannot be in a YAML file", "Remove it.")],
    "number_id": [("3:10", "id must be text, not the number 7", "Put quotes around it.")],
    "number_key": [("3:37", "the key 1 is not text", 'Put quotes around it: "1".')],
    "plain_tag": [
        (
            "3:10",
            "the tag 'tag:yaml.org,2002:str' is not accepted",
            "Remove it; put quotes around what is meant as text.",
        )
    ],
    "python_tag": [
        (
            "3:20",
            "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not accepted",
            "Remove it; put quotes around what is meant as text.",
        )
    ],
    "route_without_key": [
        (
            "3:44",
            "agent 'a': route: key needs `key`, the field of a message that decides who gets it",
            "Add key: order_id, say, or write route: round_robin.",
        )
    ],
    "several_at_once": [
        ("2:1", "the system: unknown key 'descripton'", "Did you mean 'description'?"),
        ("4:20", "agent 'a': class: there is no class 'Pricr' in 'shop.py'", "Did you mean 'Pricer'?"),
        (
            "4:48",
            "agent 'a': instances must be a whole number from 1 to 10,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "5:10",
            "the id 'a' is doubled; it stands at line 4, column 10 already",
            "Choose another id; it is the name that others find it by.",
        ),
        (
            "5:53",
            "agent 'a': config.rate: Expected `float`, got `str`",
            "Give what Pricing takes, or change what it takes.",
        ),
        (
            "5:66",
            "agent 'a': restart must be one of permanent, transient, temporary, not the text 'never'",
            "Write permanent, say, or leave the key out.",
        ),
        (
            "6:38",
            "supervisor 'b': intensity must be a whole number from 0 to 10,000, not the text 'many'",
            "Write such a number, without quotes, or leave the key out.",
        ),
        ("6:69", "agent 'c': class: there is no module 'nowhere'", "Looked in "),
        (
            "6:94",
            "agent 'c': shutdown_s must be a number of seconds from 0 to 86,400, or infinity, not the text 'soon'",
            "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.",
        ),
    ],
    "shrinking_backoff": [
        (
            "3:55",
            "agent 'a': factor must be a number from 1 to 1,000, not the number 0.5",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "significant_and_permanent": [
        (
            "4:50",
            "agent 'a': what is permanent cannot be significant, for it never ends for good",
            "Write restart: transient or temporary, or remove `significant`.",
        )
    ],
    "significant_below_another": [
        (
            "4:87",
            "agent 'c': significant: true does nothing, for the supervisor 'b' has auto_shutdown: never",
            "Give that supervision: {auto_shutdown: any_significant}, or remove `significant`.",
        )
    ],
    "significant_is_text": [
        ("3:50", "agent 'a': significant must be true or false, not the text 'yes'", "Write true, without quotes.")
    ],
    "significant_without_auto_shutdown": [
        (
            "3:70",
            "agent 'a': significant: true does nothing, for the system has auto_shutdown: never",
            "Give that supervision: {auto_shutdown: any_significant}, or remove `significant`.",
        )
    ],
    "tab": [
        (
            "3:1",
            "not YAML: while scanning for the next token, found character that cannot start any token",
            "Indent with spaces, not tabs; put quotes around a text that begins with @, ` or %.",
        )
    ],
    "tasks_as_number": [
        (
            "3:45",
            "agent 'a': tasks must be a mapping, not the number 4",
            "Known keys: concurrency, try_count, retry, timeout, rate, burst, per_key, capacity, overflow, isolation, durability.",
        ),
    ],
    "tasks_at_most_once_with_tries": [
        (
            "3:72",
            "agent 'a': tasks.try_count: at_most_once work has one try, not 3, unless retry_on lists errors after which a repeat is safe",
            "List them in its retry_on, or give it tries=1.",
        ),
    ],
    "tasks_below_a_supervisor": [
        (
            "5:9",
            "agent 'a': shout does tasks, and no supervisor has to do with that",
            "Write it under the `agents` of the system itself.",
        ),
    ],
    "tasks_burst_without_rate": [
        (
            "3:46",
            "agent 'a': tasks.burst: it does nothing without a rate",
            'Give a rate too ("10/s"), or leave it out.',
        ),
    ],
    "tasks_config_of_a_function": [
        (
            "3:46",
            "agent 'a': config: function shout takes none",
            "Remove it, or make the function a TaskAgent class with `config: SomeStruct`.",
        ),
    ],
    "tasks_config_wrong": [
        (
            "3:58",
            "agent 'a': config.folder: Expected `str`, got `int`",
            "Give what Sources takes, or change what it takes.",
        ),
        ("3:61", "agent 'a': config: unknown key 'foldr'", "Did you mean 'folder'?"),
    ],
    "tasks_key_outside": [
        ("3:38", "agent 'a': unknown key 'concurrency'", "Write it as `tasks.concurrency`."),
    ],
    "tasks_of_wrong_types": [
        (
            "6:20",
            "agent 'a': concurrency must be a whole number from 1 to 10,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "7:18",
            "agent 'a': try_count must be a whole number from 1 to 10,000, not the text 'many'",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "8:41",
            "agent 'a': multiplier must be a number of 1 or more, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "9:16",
            "agent 'a': timeout must be more than 0 and at most 31,622,400 seconds, not the number 0",
            "Write seconds as a number: 5, or 0.5; for no limit leave the key out.",
        ),
        (
            "10:13",
            "agent 'a': rate must be a rate, not the text '10/day'",
            "Write how many in what time: 10/s, 600/min or 5/h; at most 1,000,000/s.",
        ),
        (
            "11:14",
            "agent 'a': burst must be a whole number from 1 to 1,000,000, not the number 1.5",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "12:24",
            "agent 'a': field: 'customer..name' is no path of fields",
            "Write a payload's field: customer, or order.customer.",
        ),
        (
            "13:17",
            "agent 'a': capacity must be a whole number from 1 to 10,000,000, not the text '99_999_999'",
            "Write such a number, without quotes, or leave the key out.",
        ),
        ("14:17", "agent 'a': overflow must be one of block, reject, not the text 'rejct'", "Did you mean 'reject'?"),
        (
            "15:18",
            "agent 'a': isolation must be one of thread, async, process, not the text 'fork'",
            "Write thread, say, or leave the key out.",
        ),
        (
            "16:19",
            "agent 'a': durability must be one of at_least_once, best_effort, at_most_once, not the text 'exactly_once'",
            "Did you mean 'at_least_once'?",
        ),
    ],
    "tasks_on_an_actor": [
        (
            "3:37",
            "agent 'a': `tasks` is for who does tasks, and class Audit is an actor",
            "Remove it; or let the class do tasks: class Audit(TaskAgent): ...",
        ),
    ],
    "tasks_on_threads_and_async": [
        (
            "3:46",
            "agent 'a': tasks.isolation: `isolation: thread` needs a plain function, and 'shout' is a coroutine function",
            "Write `def`, or remove `isolation`.",
        ),
    ],
    "tasks_per_key_of_no_field": [
        ("3:46", "agent 'a': tasks.per_key: the payload has no field 'custmer'", "Did you mean customer?"),
    ],
    "tasks_per_key_without_limit": [
        ("3:55", "agent 'a': per_key lacks the key `limit`", "Add `limit: ...`."),
    ],
    "tasks_rate_as_number": [
        (
            "3:52",
            "agent 'a': rate must be a rate, not the number 10",
            "Write how many in what time: 10/s, 600/min or 5/h; at most 1,000,000/s.",
        ),
    ],
    "tasks_supervised": [
        (
            "5:5",
            "agent 'a': `instances` does nothing, for shout does tasks",
            "Remove it; write tasks: {concurrency: ...} for how many are done at once.",
        ),
        (
            "6:5",
            "agent 'a': `route` does nothing, for shout does tasks",
            "Remove it; whoever is free takes the next task; for one at a time of each key write tasks: {per_key: ...}.",
        ),
        (
            "7:5",
            "agent 'a': `key` does nothing, for shout does tasks",
            "Remove it; write tasks: {per_key: {field: ..., limit: 1}}.",
        ),
        (
            "8:5",
            "agent 'a': `restart` does nothing, for shout does tasks",
            "Remove it; each attempt is made anew; write tasks: {try_count: ..., retry: ...}.",
        ),
        (
            "9:5",
            "agent 'a': `backoff` does nothing, for shout does tasks",
            "Remove it; write tasks: {retry: {exponential: {...}}}.",
        ),
        (
            "10:5",
            "agent 'a': `shutdown_s` does nothing, for shout does tasks",
            "Remove it; what runs when the system is left has the system's grace, and is done again elsewhere.",
        ),
        (
            "11:5",
            "agent 'a': `mailbox` does nothing, for shout does tasks",
            "Remove it; write tasks: {capacity: ..., overflow: ...}.",
        ),
    ],
    "tasks_unknown_key": [
        ("3:46", "agent 'a': tasks: unknown key 'concurency'", "Did you mean 'concurrency'?"),
    ],
    "tasks_wider_than_threads": [
        (
            "3:70",
            "agent 'a': tasks.concurrency: a system runs 64 plain functions at once, and this is one; 100 cannot be",
            "Write 64 or less, or make it `async def`.",
        ),
    ],
    "tasks_without_execute": [
        (
            "3:20",
            "agent 'a': class: Base can do no tasks",
            "Base: it has no `execute`; write def execute(self, task: SomeStruct, ctx: TaskContext) -> SomeResult.",
        ),
    ],
    "temporary_with_backoff": [
        (
            "3:57",
            "agent 'a': backoff does nothing, for what is temporary is never restarted",
            "Write restart: transient, or remove `backoff`.",
        )
    ],
    "text_shutdown": [
        (
            "3:49",
            "agent 'a': shutdown_s must be a number of seconds from 0 to 86,400, or infinity, not the text '5s'",
            "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.",
        )
    ],
    "too_deep": [("3:393", "supervisor 's20': more than 20 supervisors inside one another", "Flatten the tree.")],
    "too_many_actors": [
        (
            "103:51",
            "agent 'a100': more than 1,000,000 actors in one system, all instances counted",
            "Lower `instances`, or make two systems.",
        )
    ],
    "too_many_instances": [
        (
            "3:48",
            "agent 'a': instances must be a whole number from 1 to 10,000, not the number 10001",
            "Write such a number, without quotes, or leave the key out.",
        )
    ],
    "triggers_as_mapping": [
        ("3:11", "triggers must be a list, not a mapping", "Begin each item with a dash: - ..., or write []."),
    ],
    "triggers_of_wrong_types": [
        (
            "4:14",
            "trigger 'no channel': channel: 'no channel' is no channel",
            "Write letters, digits, _ and -, with dots between the parts: orders.paid.",
        ),
        ("5:11", "trigger 'no channel': task must be text, not the number 5", "Put quotes around it."),
        (
            "6:14",
            "trigger 'no channel': payload must be text or a mapping, not a list",
            "Write the path of a field, or {NAME: FIELD}.",
        ),
        (
            "7:16",
            "trigger 'no channel': try_count must be a whole number from 1 to 10,000, not the number 0",
            "Write such a number, without quotes, or leave the key out.",
        ),
        (
            "8:12",
            "trigger 'no channel': start must be earliest, latest, an offset or a time, not a list",
            "Write earliest, 1000, or 2026-11-20T08:30Z.",
        ),
        (
            "9:13",
            "trigger 'no channel': filter must be a mapping, not the text 'price'",
            "Write {field: price, gt: 10}.",
        ),
        (
            "11:11",
            "trigger 'orders': flow must be 1 to 1,000 printable characters",
            "Write the path of a flow file, relative to this one.",
        ),
        (
            "12:20",
            "trigger 'orders': inputs.path: 'file..path' is no path of fields",
            "Write a message's field: customer, or customer.id.",
        ),
        ("12:38", "trigger 'orders': inputs.size must be text, not the number 3", "Put quotes around it."),
        (
            "13:10",
            "trigger 'orders': key: 'a..b' is no path of fields",
            "Write a message's field: customer, or customer.id.",
        ),
        ("14:12", "trigger 'orders': group holds the control character U+0009", "Remove it."),
    ],
    "triggers_without_target": [
        ("4:5", "trigger 'orders': neither `task` nor `flow`", "Add `task: AGENT`, or `flow: file.yaml`."),
        ("5:5", "a trigger lacks the key `channel`", "Add `channel: ...`."),
        ("6:5", "a trigger must be a mapping, not the text 'orders'", "Write {channel: ...}."),
        ("7:32", "trigger 'orders': both `task` and `flow`", "Remove one of them; or write two triggers."),
    ],
    "triggers_wrong_keys": [
        ("4:5", "a trigger lacks the key `channel`", "Add `channel: ...`."),
        ("4:6", "a trigger: unknown key 'chanel'", "Did you mean 'channel'?"),
        ("5:32", "trigger 'orders': `inputs` is for flows, and a task has a payload", "Write `payload: ...`."),
        ("6:37", "trigger 'orders': `payload` is for tasks, and a flow has inputs", "Write `inputs: ...`."),
    ],
    "two_documents": [("4:1", "a second document in the file", "Write one system to a file; remove the second `---`.")],
    "unclosed": [
        (
            "4:1",
            "not YAML: while parsing a flow mapping, did not find expected ',' or '}'",
            "Check the indentation, and that brackets and quotes are closed.",
        )
    ],
    "unknown_alias": [
        ("3:20", "the alias 'shop' has no anchor before it", "Put quotes around a text that begins with *.")
    ],
    "unknown_auto_shutdown": [
        (
            "2:30",
            "auto_shutdown must be one of never, any_significant, all_significant, not the text 'any'",
            "Write never, say, or leave the key out.",
        )
    ],
    "unknown_backoff_key": [("3:47", "agent 'a': backoff: unknown key 'mins_s'", "Did you mean 'min_s'?")],
    "unknown_key": [("3:37", "agent 'a': unknown key 'restrat'", "Did you mean 'restart'?")],
    "unknown_mailbox_key": [("3:47", "agent 'a': mailbox: unknown key 'capasity'", "Did you mean 'capacity'?")],
    "unknown_overflow": [
        (
            "3:57",
            "agent 'a': overflow must be one of block, reject, drop_oldest, not the text 'dorp_oldest'",
            "Did you mean 'drop_oldest'?",
        )
    ],
    "unknown_restart": [
        (
            "3:46",
            "agent 'a': restart must be one of permanent, transient, temporary, not the text 'always'",
            "Write permanent, say, or leave the key out.",
        )
    ],
    "unknown_route": [
        (
            "3:44",
            "agent 'a': route must be one of round_robin, key, not the text 'roundrobin'",
            "Did you mean 'round_robin'?",
        )
    ],
    "unknown_strategy": [
        (
            "2:25",
            "strategy must be one of one_for_one, one_for_all, rest_for_one, not the text 'one_for_al'",
            "Did you mean 'one_for_all'?",
        )
    ],
    "unknown_supervision_key": [("2:15", "supervision: unknown key 'stratgy'", "Did you mean 'strategy'?")],
    "unknown_system_key": [("2:1", "the system: unknown key 'supervison'", "Did you mean 'supervision'?")],
    "utf16": [("1:1", "the file is in UTF-16 or UTF-32", "Save it as UTF-8.")],
    "yaml_1_1": [
        ("1:1", "a %YAML or %TAG directive that is not supported", "Remove it; system files are YAML 1.2 without tags.")
    ],
}

ONLY_BY_CLASS = {
    "broken_module",
    "class_of_another_kind",
    "config_annotated_oddly",
    "config_annotation_lost",
    "config_incomplete",
    "config_missing",
    "config_not_taken",
    "config_of_wrong_type",
    "config_refused",
    "config_too_deep_wrong",
    "config_unknown_key",
    "function_for_class",
    "missing_class",
    "missing_file",
    "missing_module",
    "tasks_at_most_once_with_tries",
    "tasks_below_a_supervisor",
    "tasks_burst_without_rate",
    "tasks_config_of_a_function",
    "tasks_config_wrong",
    "tasks_on_an_actor",
    "tasks_on_threads_and_async",
    "tasks_per_key_of_no_field",
    "tasks_supervised",
    "tasks_wider_than_threads",
    "tasks_without_execute",
}
"""What is found out only when the classes are imported."""

SCHEMA_REFUSES = {
    "agent_as_text",
    "agent_without_id",
    "agents_as_mapping",
    "class_and_agents",
    "class_as_number",
    "class_too_long",
    "class_without_name",
    "config_as_list",
    "empty_agents",
    "empty_nested_agents",
    "fractional_instances",
    "huge_number",
    "infinite_shutdown",
    "jitter_over_one",
    "long_id",
    "mailbox_as_number",
    "merge_key",
    "misspelled_infinity",
    "misspelled_system",
    "name_as_number",
    "negative_intensity",
    "negative_shutdown",
    "neither_class_nor_agents",
    "nested_without_agents",
    "no_agents",
    "no_capacity",
    "no_instances",
    "no_period",
    "no_system",
    "not_a_mapping",
    "number_id",
    "number_key",
    "python_tag",
    "several_at_once",
    "shrinking_backoff",
    "significant_is_text",
    "tasks_as_number",
    "tasks_key_outside",
    "tasks_of_wrong_types",
    "tasks_per_key_without_limit",
    "tasks_rate_as_number",
    "tasks_unknown_key",
    "text_shutdown",
    "too_many_instances",
    "triggers_as_mapping",
    "triggers_of_wrong_types",
    "triggers_without_target",
    "triggers_wrong_keys",
    "unknown_auto_shutdown",
    "unknown_backoff_key",
    "unknown_key",
    "unknown_mailbox_key",
    "unknown_overflow",
    "unknown_restart",
    "unknown_route",
    "unknown_strategy",
    "unknown_supervision_key",
    "unknown_system_key",
}
"""What an editor marks too, by the JSON Schema; the others need the classes or the whole tree, or are no YAML."""


@pytest.fixture
def agent():
    """The class that stands for the base of all agents."""
    return import_target("shop.py", BAD, A_CLASS).Agent


def test_every_file_of_the_corpus_is_in_the_table():
    assert {path.stem for path in BAD.glob("*.yaml")} == TOLD.keys()
    assert len(TOLD) >= 90


@pytest.mark.parametrize("name", TOLD)
def test_a_bad_system_is_refused_with_place_culprit_and_advice(agent, name):
    """Law: every mistake at once, those of structure and those of classes and configs, in file order, within a second."""
    path = BAD / f"{name}.yaml"
    began = time.thread_time()
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(path, agent)
    assert time.thread_time() - began < 1
    problems = caught.value.problems
    assert [f"{problem.line}:{problem.column}" for problem in problems] == [place for place, _, _ in TOLD[name]]
    for problem, (place, message, advice) in zip(problems, TOLD[name], strict=True):
        assert problem.message.startswith(message)
        assert advice in problem.advice
        assert advice
        assert str(problem).startswith(f"{path}:{place}: {message}")
        lines = str(problem).splitlines()
        assert not problem.source or lines[2].strip() == "^"
        assert not set(str(problem)) & set("\x00\x1b\u2028\ufeff")


@pytest.mark.parametrize("name", TOLD)
def test_what_needs_no_class_is_found_without_importing(agent, name):
    """Law: loading alone finds all but what the classes say; resolving then finds exactly the rest."""
    path = BAD / f"{name}.yaml"
    if name not in ONLY_BY_CLASS:
        with pytest.raises(DefinitionError) as caught:
            load_system(path)
        assert "shop.py'" not in str(caught.value)
        return
    definition = load_system(path)
    with pytest.raises(DefinitionError) as caught:
        resolve(definition, agent)
    assert [f"{problem.line}:{problem.column}" for problem in caught.value.problems] == [
        place for place, _, _ in TOLD[name]
    ]


@pytest.mark.parametrize("name", TOLD)
def test_the_schema_refuses_what_a_schema_can(name):
    """Law: an editor marks the same files, as far as a schema can tell."""
    path = BAD / f"{name}.yaml"
    try:
        data = to_data(read_yaml(path.read_bytes(), path.name)[0])
    except DefinitionError:
        return
    refused = not jsonschema.Draft202012Validator(system_schema()).is_valid(data)
    assert refused == (name in SCHEMA_REFUSES)


def test_one_broken_module_is_one_problem(agent):
    """Law: what several agents share is told once, and names the others."""
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(BAD / "broken_module.yaml", agent)
    (problem,) = caught.value.problems
    assert problem.message.endswith("broken.py:3); the same holds for 1 more: 'b'")
