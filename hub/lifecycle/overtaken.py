"""Step, what its writer saw, the row as it stands -> nothing, or a conflict: what others wrote is not written over.

Who changes a row whose state stays says what it saw there (``seen``); what nobody says it saw is not taken out of a
list that is added to. Guarantee: compared are fields alone that the writer reads in clear in every row that it may
write, so that a comparison tells nothing; a refusal names fields, no value. Between look and write nobody else
writes the row unnoticed (``Update.touched``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.source import Column, Compare, Fetch, Param
from hub.errors import RefusalError
from hub.identity import Identity
from hub.lifecycle.found import NOBODY, Found
from hub.lifecycle.given import Given
from hub.lifecycle.step import Change, Step
from hub.planner.relations import HOME
from hub.sources import Reading
from policies.policy import Policy
from schema.catalogue import CATALOGUE

Rows = Mapping[str, Mapping[str, Any]]
"""A row by its relation."""


def check_seen(step: Step, given: Given, identity: Identity, policy: Policy) -> None:
    """Returns if the writer reads what it says it saw, wherever it may write it; INVALID_INPUT with the fields."""
    read = policy.grants(identity.unit, identity.purpose, "read")
    write = policy.grants(identity.unit, identity.purpose, step.action)
    fields = []
    for relation, row in given.seen.items():
        for name in (f"{relation}.{name}" for name in row):
            scopes = {line.scope for line in read.get(name, ())}
            if "all" not in scopes and not {line.scope for line in write.get(name, ())} <= scopes:
                fields.append(name)
    if fields:
        names = "、".join(CATALOGUE[name].name_zh for name in fields)
        raise RefusalError(
            "INVALID_INPUT",
            f"`{step.name}`: `seen` names fields that you do not read in every row that you may write",
            messageZh=f"{step.zh}：“原内容”含有您不能读取的字段：{names}",
            step=step.name,
            fields=fields,
        )


async def stands_of(step: Step, given: Given, found: Found, reading: Reading) -> Rows:
    """What stands in the fields that are compared; raises ``SourceError``."""
    stands: dict[str, Mapping[str, Any]] = {}
    for change in step.changes:
        names = tuple(dict.fromkeys((*given.seen.get(change.relation, ()), *_added(change, given))))
        row = found.subject if change.relation == step.subject else found.rows.get(change.relation, {})
        if names:
            fetch = Fetch(
                source=HOME[change.relation],
                relation=change.relation,
                columns=tuple(Column(name=name) for name in names),
                where=Compare("_key", "eq", Param("key")),
            )
            rows = await reading.fetch(fetch, {"key": row.get("_key") or NOBODY})
            stands[change.relation] = dict(zip(names, rows[0], strict=False)) if rows else {}
    return stands


def overtaken(step: Step, given: Given, stands: Rows) -> RefusalError | None:
    """The conflict, if something else stands than was seen, or would be lost."""
    fields = [f"{change.relation}.{name}" for change in step.changes for name in _lost(change, given, stands)]
    if not fields:
        return None
    named, names = "`, `".join(fields), "、".join(CATALOGUE[name].name_zh for name in fields)
    return RefusalError(
        "CONFLICT",
        f"`{step.name}` (clause {step.clause}): in `{named}` stands what you have not seen, and nothing of yours was"
        " written; read the row again, then give what is to stand there, and as `seen` what you saw",
        messageZh=f"{step.zh}（条款 {step.clause}）：{names}已有您未看到的内容，您的内容未写入；请重新查看后再办理",
        step=step.name,
        clause=step.clause,
        reason="changed",
        fields=fields,
    )


def _added(change: Change, given: Given) -> Iterator[str]:
    """Lists to which the step adds, of those that are given."""
    yield from (name for name in change.adds if any(name in row for row in given.rows(change)))


def _lost(change: Change, given: Given, stands: Rows) -> Iterator[str]:
    row, seen = stands.get(change.relation), given.seen.get(change.relation, {})
    if row is None:
        return
    for name, value in seen.items():
        inner = CATALOGUE[f"{change.relation}.{name}"].inner
        if _plain(inner, value) != _plain(inner, row.get(name)):
            yield name
    for name in _added(change, given):
        kept = {item for one in given.rows(change) for item in one.get(name) or ()}
        if name not in seen and not set(row.get(name) or ()) <= kept:
            yield name


def _plain(inner: str, value: Any) -> Any:
    """A value as it is compared: lists in no order, empty ones as none, texts with lines ended in one way."""
    if isinstance(value, list | tuple):
        return frozenset(map(str, value)) or None
    if value is None:
        return None
    match inner:
        case "Decimal":
            return Decimal(str(value))
        case "DateTime":
            return datetime.fromisoformat(str(value))
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
