"""Leaf -> what the index must hold of it: the index's statement said once more, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hub.audit.entry import Leaf
from hub.audit.indexer import ZONE
from hub.audit.named import keys_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """Of one entry: its columns in ``log.found`` and ``log.named``, two names of one child, its place in the tally."""

    found: Mapping[str, Any]
    named: Mapping[str, Any] | None
    alias: tuple[str, str] | None
    tally: tuple[Any, ...]


def indexed(index: int, leaf: Leaf, sensitivities: Mapping[str, str]) -> Indexed:
    """The rows of a leaf that stands at ``index``."""
    document: dict[str, Any] = {**orjson.loads(leaf.data), **leaf.lists}
    names = sorted([*document["subjects"], *_of(document)])
    files, records = _starting(names, "f-"), _starting(names, "r-")
    others = [name for name in names if name not in files and name not in records]
    shown = [*document["released"], *document["masked"]]
    found = {
        "index": index,
        "at": datetime.fromisoformat(document["at"]),
        **{name: document[name] for name in ("kind", "decision", "unit", "operator", "purpose", "request")},
        "case_ref": document["case"],
        "rows": sum(int(row.partition("=")[2]) for row in document["rows"]),
        "subjects": len(names),
        "sensitivity": max((sensitivities.get(name, "L1") for name in shown), default=""),
        **{name: list(document[name]) for name in ("released", "masked", "refused")},
        "coordinates": sorted({*shown, *document["refused"]}),
    }
    named = {
        "index": index,
        "kind": document["kind"],
        "files": len(files),
        "records": len(records),
        "names": [UUID(key) for key in keys_of([*files, *records, *others])],
    }
    children = _starting(names, "i-")
    return Indexed(
        found=found,
        named=named if names else None,
        alias=(files[0], children[0]) if len(files) == len(children) == 1 else None,
        tally=_tally(found),
    )


def _of(document: Mapping[str, Any]) -> list[str]:
    """The entry that a review is of."""
    if document["kind"] != "review":
        return []
    return [f"of:{fact.removeprefix('of=')}" for fact in document["facts"] if fact.startswith("of=")]


def _starting(names: list[str], letter: str) -> list[str]:
    return [name for name in names if name.startswith(letter)]


def _tally(found: Mapping[str, Any]) -> tuple[Any, ...]:
    unit = "reporter" if found["unit"].startswith("a-") else found["unit"]
    return (
        found["at"].astimezone(ZONE).date(),
        unit,
        *(found[n] for n in ("purpose", "kind", "decision", "sensitivity")),
    )
