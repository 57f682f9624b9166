"""The table of steps -> how callers see them: a signature a step, and the schema that is served.

Guarantee: what a step needs or may be given is in its input, and nothing that the hub sets. Names of members are those
of the schema's fields; what is not a field has one name for all steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graphql import GraphQLSchema

from hub.lifecycle.step import Change, Step
from hub.lifecycle.steps import STEPS
from schema.build import whole
from schema.catalogue import CATALOGUE, TYPES
from schema.mutations import Member, Signature

IDEMPOTENCY: Final = "idempotencyKey"
ABOUT: Final = {"Child": "child", "Enrolment": "enrolment"}
"""Type of the row that a new row is about -> the member that names it."""
SEEN: Final = "seen"
"""The member that says what stood in the fields that a step changes."""
ROWS: Final = {"AssistanceRecord": "services"}
"""Relation of which a step makes several rows -> the member that lists them."""

TOLD: Final = ("MandatoryReport", "Incident", "DropoutRecord", "Child")
"""Types of whose changes some unit may be told; a test holds them equal to the policy's ``subscribe`` lines."""


def served() -> GraphQLSchema:
    """The whole schema, with every step, and what one may be told of."""
    return whole([signature(step) for step in STEPS.values()], TOLD)


def signature(step: Step) -> Signature:
    """A step as a caller sees it."""
    listed = next((change for change in step.changes if change.many), None)
    plain = (change for change in step.changes if change is not listed)
    return Signature(
        name=step.name,
        zh=step.zh,
        en=step.en,
        clause=step.clause,
        subject=step.subject,
        shown=step.subject in TYPES,
        members=(*_arguments(step), *(member for change in plain for member in _fields(change))),
        rows=None if listed is None else ROWS[listed.relation],
        items=() if listed is None else tuple(_fields(listed)),
        seen=tuple(_seen(step)),
    )


def expects(step: Step) -> bool:
    """Whether the caller may say in which state it believes the row to be."""
    return step.state is not None and not step.creates and bool(step.origin)


def names_about(step: Step) -> bool:
    """Whether the caller names the row that a new one is about."""
    return step.creates and step.about is not None


def _arguments(step: Step) -> Iterator[Member]:
    zh = "幂等键"
    yield _member(IDEMPOTENCY, "String", zh, "your own name of this act: sent again, it is done once", needed=True)
    yield from (_of_field(f"{step.subject}.{name}", needed=True) for name in step.named)
    if not step.creates and not step.named:
        yield _member("id", "ID", "办理对象", f"id of the `{step.subject}`", needed=True)
    if names_about(step):
        yield _member(ABOUT[str(step.about)], "ID", "涉及对象", f"id of the `{step.about}`", needed=True)
    if step.into:
        yield _member("into", "ID", "并入的报告", f"id of another open `{step.subject}`", needed=True)
    if step.finds:
        yield _member("number", "String", "身份证号或档案号", "citizen id or register number of the child", needed=True)
    if step.explained:
        yield _member("reason", "String", "理由", "why, naming nobody; kept with the entry of the log", needed=True)
    if expects(step):
        found = CATALOGUE[str(step.state)]
        words = f"the state in which you believe the row to be; a conflict if it is in another: {found.name_en}"
        yield _member("expected", found.inner, "预期状态", words, needed=False)
    if step.replaces is not None:
        found = CATALOGUE[f"{step.subject}.{step.replaces}"]
        words = f"what you saw there, none: that it was empty; a conflict if something else stands: {found.name_en}"
        yield _member("expected", found.inner, "原值", words, needed=False)


def _fields(change: Change) -> Iterator[Member]:
    for names, needed in ((change.needs, True), (change.may, False)):
        for name in names:
            if f"{change.relation}.{name}" in CATALOGUE:
                yield _of_field(f"{change.relation}.{name}", needed=needed)


def _seen(step: Step) -> Iterator[Member]:
    for change in step.changes:
        for name in step.compared(change):
            yield _of_field(f"{change.relation}.{name}", needed=False)


def _of_field(coordinate: str, *, needed: bool) -> Member:
    found = CATALOGUE[coordinate]
    return _member(found.field, found.gql_type.removesuffix("!"), found.name_zh, found.name_en, needed=needed)


def _member(name: str, gql_type: str, zh: str, en: str, *, needed: bool) -> Member:
    return Member(name=name, gql_type=gql_type, zh=zh, en=en, needed=needed)
