"""Expected, reply -> differences: the hub's answer against the oracle's, ids and cursors mapped one to one.

Data must be equal in content and order of keys; ids must stand for the same rows wherever they stand (``Names`` keeps
the mapping for a principal); cursors are opaque and only their presence counts here. Errors must name the same
coordinates, rows and paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.reference import CURSOR, Expected
from tests.support.running import Reply
from tests.support.world import TYPES

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Names:
    """The oracle's names of rows and the hub's ids of them, for one principal: one to one."""

    of_row: dict[str, str] = field(default_factory=dict)
    of_id: dict[str, str] = field(default_factory=dict)

    def agree(self, name: str, opaque: Any) -> bool:
        """Whether the id stands for this row and no other; a new pair is kept."""
        if not isinstance(opaque, str) or not opaque or name.partition(":")[2] in opaque:
            return False
        return self.of_row.setdefault(name, opaque) == opaque and self.of_id.setdefault(opaque, name) == name


def differences(expected: Expected, reply: Reply, names: Names) -> list[str]:
    """What differs, in words; empty if the answers are the same. Only then are new names kept."""
    codes = reply.codes()
    if expected.invalid:
        return [] if codes == {"INVALID_INPUT"} else [f"wanted INVALID_INPUT, got {sorted(codes)}"]
    found = list(_errors(expected, reply))
    if expected.data is None or reply.data is None:
        if (expected.data is None) != (reply.data is None):
            found.append(f"data: wanted {_kind(expected.data)}, got {_kind(reply.data)} {reply.errors[:1]}")
        return found
    learnt = Names(of_row=dict(names.of_row), of_id=dict(names.of_id))
    found.extend(_values(expected.data, reply.data, (), learnt))
    if not found:
        names.of_row, names.of_id = learnt.of_row, learnt.of_id
    return found


def _kind(data: Any) -> str:
    return "none" if data is None else "some"


def _errors(expected: Expected, reply: Reply) -> Iterator[str]:
    strange = [error for error in reply.errors if error["extensions"]["code"] != "NOT_ENTITLED"]
    if strange:
        yield f"errors: {strange}"
    facts = [error["extensions"] for error in reply.errors if error["extensions"]["code"] == "NOT_ENTITLED"]
    refused = sorted(fact["coordinate"] for fact in facts if "rows" not in fact)
    if refused != sorted(expected.refused):
        yield f"refused: wanted {sorted(expected.refused)}, got {refused}"
    closed = sorted(
        (fact["coordinate"], sorted(map(tuple, fact["paths"]), key=str)) for fact in facts if "rows" in fact
    )
    missed = sorted(
        (name, sorted(paths, key=str)) for name, paths in (*expected.closed.items(), *expected.denied.items())
    )
    if closed != missed:
        yield f"closed: wanted {missed}, got {closed}"
    counts = [fact for fact in facts if "rows" in fact and fact["rows"] != len(fact["paths"])]
    if counts:
        yield f"rows: {counts}"


def _values(wanted: Any, got: Any, path: Path, names: Names) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        if list(wanted) != list(got):
            yield f"{path}: keys {list(wanted)} against {list(got)}"
            return
        for key in wanted:
            yield from _values(wanted[key], got[key], (*path, key), names)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, pair in enumerate(zip(wanted, got, strict=True)):
            yield from _values(*pair, (*path, number), names)
    else:
        yield from _leaf(wanted, got, path, names)


def _leaf(wanted: Any, got: Any, path: Path, names: Names) -> Iterator[str]:
    if isinstance(wanted, str) and wanted.startswith(CURSOR):
        if not isinstance(got, str) or len(got) < 16:
            yield f"{path}: no cursor, but {got!r}"
    elif isinstance(wanted, str) and wanted.partition(":")[0] in TYPES and ":" in wanted:
        if not names.agree(wanted, got):
            yield f"{path}: {wanted} is not {got} ({names.of_row.get(wanted)}, {names.of_id.get(str(got))})"
    elif wanted != got or isinstance(wanted, bool) != isinstance(got, bool):
        yield f"{path}: wanted {wanted!r}, got {got!r}"
