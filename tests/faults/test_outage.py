"""The judge of answers given in an outage finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.outage import problems

NODE: dict[str, Any] = {"name": "张**", "enrolments": {"edges": [{"node": {"stage": "PRIMARY"}}]}}
HEALTHY: dict[str, Any] = {"data": {"children": {"edges": [{"node": NODE}, {"node": {**NODE, "name": None}}]}}}
PLACE = ["children", "edges", 0, "node", "enrolments"]


def answer(first: dict[str, Any], *errors: dict[str, Any], rows: int = 2) -> dict[str, Any]:
    edges = [{"node": first}, {"node": {**NODE, "name": None}}][:rows]
    return {"data": {"children": {"edges": edges}}, "errors": list(errors)}


def unavailable(source: str, *paths: list[Any], code: str = "SOURCE_UNAVAILABLE") -> dict[str, Any]:
    facts = {"code": code, "source": source, "reason": "timeout", "paths": list(paths)}
    return {"message": "", "path": paths[0], "extensions": facts}


UNTOLD = {**NODE, "enrolments": None}


def test_a_part_that_is_null_with_its_error_is_right() -> None:
    assert problems(HEALTHY, answer(UNTOLD, unavailable("education", PLACE)), "education") == []


@pytest.mark.parametrize(
    ("outage", "word"),
    [
        (answer(UNTOLD), "vanished without a word"),
        (answer(NODE, rows=1), "changed"),
        (answer({**NODE, "enrolments": {"edges": []}}), "changed"),
        (answer({**NODE, "name": "张三"}), "changed"),
        (answer(NODE, unavailable("education", PLACE)), "and given"),
        (answer(UNTOLD, unavailable("courts", PLACE)), "blames"),
        (answer(UNTOLD, unavailable("education", PLACE, code="INTERNAL")), "a new kind of error"),
        (answer(UNTOLD, unavailable("education", PLACE, code="NOT_ENTITLED")), "newly closed"),
        ({"data": None, "errors": []}, "no data at all"),
    ],
)
def test_what_is_wrong_is_found(outage: dict[str, Any], word: str) -> None:
    assert any(word in line for line in problems(HEALTHY, outage, "education"))


def test_what_was_closed_in_health_may_not_become_silent() -> None:
    closed = unavailable("", PLACE, code="NOT_ENTITLED")
    healthy = answer(UNTOLD, closed)
    assert problems(healthy, answer(UNTOLD, closed), "education") == []
    assert problems(healthy, answer(UNTOLD, unavailable("education", PLACE)), "education") == []
    assert any("without a word" in line for line in problems(healthy, answer(UNTOLD), "education"))
