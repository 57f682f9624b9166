"""Step, input of a mutation -> Asked: ids opened, members sorted into what the step takes.

Guarantee: an id is one that this principal was given, and of the type that the step is about; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.errors import RefusalError
from hub.lifecycle.given import Given
from hub.lifecycle.signatures import ABOUT, IDEMPOTENCY, ROWS, SEEN
from hub.lifecycle.step import Step
from hub.lifecycle.write import Asked
from hub.seal import Seal

LONGEST_NAME = 200


def asked_of(step: Step, given: Mapping[str, Any], seal: Seal, request_id: str) -> Asked:
    """The step as it is asked for; INVALID_INPUT for an id of another type or of somebody else."""
    name = str(given[IDEMPOTENCY])
    if not name.strip() or len(name) > LONGEST_NAME:
        words = f"`{IDEMPOTENCY}` is a text of 1 to {LONGEST_NAME} characters, the same when the act is sent again"
        zh = f"幂等键须为1至{LONGEST_NAME}个字符，重复提交时不变"
        raise RefusalError("INVALID_INPUT", words, messageZh=zh, step=step.name, fields=[IDEMPOTENCY])
    return Asked(
        step=step.name,
        name=name,
        request_id=request_id,
        given=Given(
            key=_opened(given, "id", step.subject, seal),
            about=_opened(given, ABOUT.get(str(step.about), ""), str(step.about), seal),
            into=_opened(given, "into", step.subject, seal),
            number=given.get("number"),
            named={name: given.get(name) for name in step.named},
            expected=given.get("expected"),
            seen=_seen(step, given),
            values=_values(step, given),
            reason=given.get("reason") or "" if step.explained else "",
        ),
    )


def _opened(given: Mapping[str, Any], member: str, wanted: str, seal: Seal) -> str | None:
    text = given.get(member)
    if text is None:
        return None
    type_name, key = seal.identified(str(text), member)
    if type_name != wanted:
        message = f"`{member}` is the id of a `{type_name}`, not of a `{wanted}`"
        zh = f"`{member}` 是 `{type_name}` 的编号，应为 `{wanted}` 的编号"
        raise RefusalError("INVALID_INPUT", message, messageZh=zh, argument=member, fields=[member])
    return key


def _seen(step: Step, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    row = given.get(SEEN) or {}
    found = {
        change.relation: {name: row[name] for name in step.compared(change) if name in row} for change in step.changes
    }
    return {relation: fields for relation, fields in found.items() if fields}


def _values(step: Step, given: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Fields by relation; a member that is null is given as null where a row is changed, and is absent of a new one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for change in step.changes:
        rows = given[ROWS[change.relation]] if change.many else [given]
        names = [name for name in (*change.needs, *change.may) if not name.startswith("_")]
        taken = [
            {name: row[name] for name in names if name in row and (row[name] is not None or not change.creates)}
            for row in rows
        ]
        if any(taken) or change.many:
            found[change.relation] = taken
    return found
