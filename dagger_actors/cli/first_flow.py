"""What ``init`` writes, with NAME for the flow's name."""

from __future__ import annotations

__all__ = ["ACTIONS", "FLOW", "SCHEMA_FILE", "TEST"]

SCHEMA_FILE = "flow.schema.json"

FLOW = """\
# yaml-language-server: $schema=flow.schema.json
name: NAME
description: Count the words of every sentence, and write a report.
actions: [NAME_actions.py]
inputs:
  text: {type: str, default: "Actors keep their word. A crash loses nothing! Type resume."}
nodes:
  - id: sentences
    action: split_sentences
    inputs: {text: inputs.text}
  - id: count
    action: count_words
    map: {over: sentences, item: sentence}          # one invocation for each sentence
    try_count: 3
    retry_strategy: {exponential: {initial_delay_secs: 0.5}}
  - id: report
    action: write_report
    inputs: {sentences: sentences, counts: count}   # the outputs of all invocations, in order
outputs:
  words: report.words
  longest: report.longest
"""

ACTIONS = '''\
"""The actions of NAME.yaml: plain functions, checked against their type hints."""

import re

import msgspec

from dagger_actors import Context, action


class Report(msgspec.Struct):
    """What the flow gives."""

    words: int
    longest: str


@action
def split_sentences(text: str) -> list[str]:
    """Split a text into its sentences."""
    return [found.strip() for found in re.findall(r"[^.!?]+[.!?]?", text) if found.strip()]


@action
def count_words(sentence: str) -> int:
    """Count the words of a sentence."""
    return len(sentence.split())


@action
def write_report(sentences: list[str], counts: list[int], ctx: Context) -> Report:
    """Total the counts, and save a table as an artifact of the run."""
    lines = [f"| {count} | {sentence} |" for sentence, count in zip(sentences, counts, strict=True)]
    table = "\\n".join(["| words | sentence |", "| --- | --- |", *lines])
    ctx.save("report.md", table.encode(), media_type="text/markdown")
    longest = max(zip(counts, sentences, strict=True), default=(0, ""))[1]
    return Report(words=sum(counts), longest=longest)
'''

TEST = '''\
"""The tests of NAME.yaml and its actions: python -m pytest test_NAME.py"""

from pathlib import Path

from NAME_actions import count_words, split_sentences

from dagger_actors import ActorSystem

FLOW = Path(__file__).with_name("NAME.yaml")


def test_a_text_is_split_into_its_sentences():
    assert split_sentences("One two. Three!") == ["One two.", "Three!"]


def test_the_words_of_a_sentence_are_counted():
    assert count_words("One two.") == 2


def test_the_flow_reports_the_words_and_the_longest_sentence(tmp_path):
    with ActorSystem(tmp_path / "runs.db") as system:
        run = system.flows.start(FLOW, inputs={"text": "One two. Three!"})
        assert run.result(timeout=60) == {"words": 3, "longest": "One two."}
'''
