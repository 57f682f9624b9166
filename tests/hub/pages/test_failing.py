"""What officials read of an error: Chinese sentences without a name that programs use."""

from __future__ import annotations

from typing import Any

import pytest

from hub.errors import STATUS
from hub.lifecycle.guard import Conflict, Standing, lawful
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.pages.desk import Told
from hub.pages.duty.failing import first_of, sentence

MOVED = [step for step in STEPS.values() if step.state and step.origin]


def told(code: str, **facts: Any) -> Told:
    error = {"message": "source `public_security` does not answer", "extensions": {"code": code, **facts}}
    return Told(status=STATUS[code], data=None, errors=(error,))


@pytest.mark.parametrize("code", sorted(STATUS))
def test_an_error_without_chinese_words_of_its_own_is_told_in_chinese(code: str) -> None:
    words = sentence(first_of(told(code)), "zh")
    assert words.isascii() is False
    assert not any(sign.isascii() and sign.isalpha() for sign in words)
    assert sentence(first_of(told(code)), "en") == "source `public_security` does not answer"


@pytest.mark.parametrize("step", MOVED, ids=lambda step: step.name)
def test_a_conflict_names_steps_by_their_words_alone(step: Step) -> None:
    for state in {state for other in MOVED if other.state == step.state for state in other.origin}:
        following = lawful(step.who[0].unit, step, state)
        conflict = Conflict(step=step, standing=Standing(state=state), lawful=following, expected="X")
        facts = conflict.refusal(told=True).as_json()
        words = sentence(facts, "zh")
        assert "`" not in words
        assert all(one.zh in words for one in following)


def test_a_wrong_member_is_named_by_its_words_alone() -> None:
    error = told("INVALID_INPUT", messageZh="姓名（`$input.child[0].name`）填写有误，应为文本")
    assert sentence(first_of(error), "zh") == "姓名填写有误，应为文本"
