"""Step that changes a row, the row as it stands -> what its form begins with, and whether what came back is overtaken.

What was recorded stands in the form, so that adding to it takes nothing away; only what the official changed is sent.
Guarantee: what somebody else has changed since the form was shown is not written over unseen; a form sent twice is
no conflict with itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hub.lifecycle.step import Step
from hub.pages.duty.fields import WAS, Field, plain

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Given = Mapping[str, Sequence[str]]


def standing(step: Step, row: Mapping[str, Any]) -> dict[str, list[str]]:
    """What stands in the fields that the step may change, as a form holds it; not those that must be given anew."""
    found: dict[str, list[str]] = {}
    for change in step.changes:
        held = row if change.relation == step.subject else row.get(change.relation.lower()) or {}
        if not change.creates:
            found |= {name: _texts(held[name]) for name in change.may if held.get(name) not in (None, [])}
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def fitting(fields: Sequence[tuple[Field, Any]], stands: Given) -> dict[str, list[str]]:
    """Of what stands, what its control can show: a masked value would come back as an empty one."""
    return {field.name: list(stands[field.name]) for field, offered in fields if _shows(field, offered, stands)}


def _shows(field: Field, offered: Any, stands: Given) -> bool:
    values = stands.get(field.name)
    if not values:
        return False
    if field.kind == "date":
        return _DAY.fullmatch(values[0]) is not None
    codes = {code for code, _ in field.options}
    if field.kind in ("division", "unit"):
        codes = {code for _, options in offered for code, _ in options}
    return not codes or set(values) <= codes


def pairs_of(stands: Given) -> Iterator[tuple[str, str]]:
    """Hidden fields that say what stood there."""
    yield from ((f"{WAS}{name}", value) for name, values in stands.items() for value in values)


def overtaken(step: Step, row: Mapping[str, Any], given: Given) -> bool:
    """Whether a field that the official changed holds by now what neither the form showed nor the official gave."""
    now = standing(step, row)
    return any(
        plain(given[name]) != plain(now.get(field, ())) != plain(given.get(field, ()))
        for name in given
        if name.startswith(WAS)
        for field in (name.removeprefix(WAS),)
        if plain(given[name]) != plain(given.get(field, ()))
    )
