"""Step, what a writer gives -> the same, checked: or one refusal that names every field that is wanting or not wanted.

Guarantee: nothing is guessed and nothing is dropped; a refusal names fields and never repeats a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import RefusalError
from hub.lifecycle.step import Change, Step
from schema.catalogue import CATALOGUE

LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a writer gives: the row that the step is about (``key``), the row that a new one is about (``about``), the
    row that it leads ``into``, the ``number`` by which a child is found, the values by which it is ``named`` in place
    of a key, the state, or the value, in which the row is ``expected``, what it has ``seen`` in fields that it changes,
    fields by relation (a list: one or more rows), and a ``reason``. Keys are those of the sources."""

    key: str | None = None
    about: str | None = None
    into: str | None = None
    number: str | None = field(default=None, repr=False)
    named: Mapping[str, Any] = field(default_factory=dict)
    expected: Any = None
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    values: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    reason: str = field(default="", repr=False)

    def rows(self, change: Change) -> Sequence[Mapping[str, Any]]:
        """The rows given for a change; one without fields if none was."""
        return self.values.get(change.relation) or ({},)


def check(step: Step, given: Given) -> None:
    """Returns if the step has what it needs and no more; INVALID_INPUT otherwise."""
    wanting = tuple(_wanting(step, given))
    if wanting:
        raise _refusal(step, "needs", "缺少", wanting)
    unwanted = tuple(_unwanted(step, given))
    if unwanted:
        raise _refusal(step, "does not take", "不接受", unwanted)


def _refusal(step: Step, words: str, words_zh: str, names: tuple[str, ...]) -> RefusalError:
    return RefusalError(
        "INVALID_INPUT",
        f"`{step.name}` {words} {', '.join(f'`{name}`' for name in names)}",
        messageZh=f"{step.zh}{words_zh}：{'、'.join(_word(name) for name in names)}",
        step=step.name,
        fields=list(names),
    )


def _word(name: str) -> str:
    found = CATALOGUE.get(name)
    return _ARGUMENTS.get(name, name) if found is None else found.name_zh


_ARGUMENTS = {
    "key": "办理对象",
    "about": "儿童或学籍",
    "into": "并入的报告",
    "number": "身份证号或档案号",
    "reason": "理由",
}


def _wanting(step: Step, given: Given) -> Iterator[str]:
    if not step.creates and given.key is None and not step.named:
        yield "key"
    yield from (f"{step.subject}.{name}" for name in step.named if _empty(given.named.get(name)))
    if step.creates and step.about is not None and given.about is None:
        yield "about"
    if step.into and given.into is None:
        yield "into"
    if step.finds and not given.number:
        yield "number"
    if step.explained and not given.reason.strip():
        yield "reason"
    for change in step.changes:
        for row in given.rows(change):
            missing = (name for name in change.needs if not name.startswith("_") and _empty(row.get(name)))
            yield from (f"{change.relation}.{name}" for name in missing)
        if _asks(change) and not any(row for row in given.rows(change)):
            yield from (f"{change.relation}.{name}" for name in change.may[:1])


def _asks(change: Change) -> bool:
    """Whether a change of a row would write nothing if none of the fields that may be given is."""
    return not change.creates and not change.needs and not change.sets and not change.absent


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == []


def _unwanted(step: Step, given: Given) -> Iterator[str]:
    changes = {change.relation: change for change in step.changes}
    for relation, rows in given.values.items():
        change = changes.get(relation)
        for row in rows:
            allowed = () if change is None else (*change.needs, *change.may)
            yield from (f"{relation}.{name}" for name in row if name not in allowed or name.startswith("_"))
        if change is not None and len(rows) > 1 and not change.many:
            yield relation
    if len(given.reason) > LONGEST_REASON:
        yield "reason"
