"""Demands, tables as they stand -> Advice: which indexes a department lacks, what each is for, and what it costs.

Guarantee: pure; an index that is advised serves its demand once it is there, by the same judgement. A demand of many
rows (more than one in ten) or on a small table gets none: reading the table is no slower there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from connectors.catalogue import Index, Key, Spread, Stored, plain
from connectors.demand import Asked, Condition, Demand
from connectors.shares import share, together
from connectors.sql_values import quoted

LEAST = 10_000
"""Rows from which on a table is worth an index."""
FEW = 0.1
"""Share of rows from which on an index leads to too many of them to be of use."""
PAGE = 0.01
"""The same of what callers choose: rows of a commoner value fill a page soon, in the order of the key."""
LONG = 64
"""Characters from which on a text is a description, which nobody knows to the letter, and too long for an index."""
ENOUGH = 4
"""How many times as many rows an index may lead to as the best one would, and be as good."""
ENTRY = 20
"""Bytes of an index row beside its values, with the space that pages keep free."""
KEEPS = 63
"""Bytes that PostgreSQL keeps of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One index that is lacking. ``asked``: by what; ``size``: bytes, about; ``broken``: one of its name, not valid."""

    table: str
    rows: int
    index: Index
    asked: tuple[Asked, ...]
    size: int
    columns: tuple[str, ...]
    whole: bool = False
    """Whether the table is in parts, on which an index is not built aside."""
    broken: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        """SQL that the department's administrator runs, one after the other, in no transaction."""
        aside = "" if self.whole else "CONCURRENTLY "
        name = quoted(self.index.name)
        using = "" if self.index.method == "btree" else f"USING {self.index.method} "
        keys = ", ".join(map(_written, self.index.keys))
        where = f" WHERE {self.index.only}" if self.index.only else ""
        made = f"CREATE INDEX {aside}IF NOT EXISTS {name} ON {quoted(self.table)} {using}({keys}){where}"
        return (f"DROP INDEX {aside}IF EXISTS {name}", made) if self.broken else (made,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a department lacks: ``small`` tables (name, rows) need none, ``uncounted`` ones have no statistics."""

    advice: tuple[Advice, ...]
    small: tuple[tuple[str, int], ...] = ()
    uncounted: tuple[str, ...] = ()


def advise(demands: Iterable[Demand], tables: Mapping[str, Stored], *, least: int = LEAST) -> Findings:
    """The indexes that are lacking; demands that come first decide what an index is, later ones find it there."""
    by_table: dict[str, list[Demand]] = {}
    for demand in demands:
        by_table.setdefault(demand.table, []).append(demand)
    found: list[Advice] = []
    small: list[tuple[str, int]] = []
    uncounted: list[str] = []
    for name, table in tables.items():
        if table.rows is None:
            uncounted.append(name)
        elif table.rows < least:
            small.append((name, table.rows))
        else:
            found += _lacking(by_table.get(name, ()), table)
    return Findings(advice=tuple(found), small=tuple(small), uncounted=tuple(uncounted))


def _lacking(demands: Iterable[Demand], table: Stored) -> Iterator[Advice]:
    unserved = [
        demand
        for demand in demands
        if is_wanted(demand, table) and not any(serves(index, demand, table) for index in table.indexes)
    ]
    for index in _fewest(unserved, table):
        led = [demand for demand in unserved if serves(index, demand, table)]
        able, _ = _best(led[0], table)
        yield Advice(
            table=table.name,
            rows=table.rows or 0,
            index=index,
            asked=tuple(dict.fromkeys(demand.asked for demand in led)),
            size=_size(index, able, table, led[0].asked),
            columns=tuple(dict.fromkeys(one.column for one in able)),
            whole=table.kind == "p",
            broken=any(one.name == index.name for one in table.indexes),
        )


def _fewest(unserved: Sequence[Demand], table: Stored) -> list[Index]:
    """Indexes that serve them all; one whose demands later ones serve as well is left out again."""
    planned: list[Index] = []
    for demand in unserved:
        if not any(serves(index, demand, table) for index in planned):
            planned.append(_index(demand, table))
    for index in tuple(planned):
        others = [one for one in planned if one is not index]
        if all(any(serves(one, demand, table) for one in others) for demand in unserved):
            planned = others
    return planned


def serves(index: Index, demand: Demand, table: Stored) -> bool:
    """Whether the index leads to the demand's rows, or gives them in its order."""
    if not index.valid:
        return False
    if demand.order is not None:
        return index.only is None and index.method == "btree" and _sorted(index.keys[0], demand)
    used = _implied(index, demand)
    if used is None:
        return False
    used += _walked(index, demand.conditions)
    return bool(used) and together(used, table, demand.asked) <= max(_limit(demand), _best(demand, table)[1] * ENOUGH)


def _best(demand: Demand, table: Stored) -> tuple[tuple[Condition, ...], float]:
    """The conditions that the best index of one kind would serve together, and the share of rows that is left."""
    equal = tuple(one for one in demand.conditions if one.kind in ("equal", "null"))
    bounds = [one for one in demand.conditions if one.kind in ("range", "prefix", "given")]
    # Behind a bound no further column leads anywhere, so the narrowest alone is of use (with what else bounds it).
    narrow = min(bounds, key=lambda one: share(one, table, demand.asked), default=None)
    groups = [(*equal, *(one for one in bounds if narrow is not None and one.element == narrow.element))]
    groups.append(tuple(one for one in demand.conditions if one.kind == "has"))
    groups += [(one,) for one in demand.conditions if one.kind == "closed" and one.literal is not None]
    shares = [(group, together(group, table, demand.asked)) for group in groups if group]
    return min(shares, key=lambda pair: pair[1]) if shares else ((), 1.0)


def _limit(demand: Demand) -> float:
    return PAGE if demand.asked.chosen else FEW


def _implied(index: Index, demand: Demand) -> list[Condition] | None:
    """Conditions that hold in every row of the index; None if it lacks rows of the demand."""
    if index.only is None:
        return []
    only = plain(index.only).upper()
    for condition in demand.conditions:
        if condition.literal is not None and plain(condition.literal).upper() == only:
            return [condition]
        # What is compared is not null.
        if (
            condition.kind in ("equal", "range", "prefix", "has")
            and plain(condition.element).upper() + "ISNOTNULL" == only
        ):
            return [condition]
    return None


def _walked(index: Index, conditions: Iterable[Condition]) -> list[Condition]:
    """The conditions that the leading keys of the index serve."""
    used: list[Condition] = []
    for place, key in enumerate(index.keys):
        found = [one for one in conditions if plain(one.element) == plain(key.text)]
        fit = [one for one in found if not key.foreign and _fits(index, key, one, place)]
        used += fit
        if not any(one.kind in ("equal", "null", "has") for one in fit):
            break
    return used


def _fits(index: Index, key: Key, condition: Condition, place: int) -> bool:
    if condition.kind in ("has", "closed"):
        return index.method == "gin" and condition.kind == "has"
    if index.method == "hash":
        return condition.kind == "equal" and place == 0
    return index.method == "btree" and (not key.bytewise or condition.kind in ("equal", "null", "given"))


def _sorted(key: Key, demand: Demand) -> bool:
    """Read forwards or backwards: nulls come last either way."""
    [condition] = demand.conditions
    if plain(key.text) != plain(condition.element) or key.foreign or key.bytewise:
        return False
    return (key.descending, key.nulls_first) in ((demand.order, False), (not demand.order, True))


def is_wanted(demand: Demand, table: Stored) -> bool:
    """Whether an index would lead to few enough rows, of values that are not too long for it."""
    able, rows = _best(demand, table)
    if not able or any(_is_long(table.columns.get(condition.column)) for condition in able):
        return False
    if demand.order is not None or demand.asked.always:
        return True
    ways = [replace(demand, conditions=way) for way in demand.others]
    return rows + sum(_best(way, table)[1] for way in ways) <= _limit(demand)


def _is_long(spread: Spread | None) -> bool:
    return spread is None or (spread.longest or 0) > LONG or (spread.longest is None and spread.width > LONG)


def _index(demand: Demand, table: Stored) -> Index:
    able, _ = _best(demand, table)
    # Equals first, the rarest of them before the others.
    rank = ("equal", "null", "prefix", "range", "given", "has", "closed")
    sorted_ = sorted(able, key=lambda one: (rank.index(one.kind), share(one, table, demand.asked)))
    only = next((one.literal for one in able if one.kind == "closed"), None)
    keys = [] if only else [Key(text=text, descending=bool(demand.order)) for text in _texts(sorted_)]
    method = "gin" if able[0].kind == "has" else "btree"
    if method == "btree" and plain(demand.key) not in {plain(key.text) for key in keys}:
        keys.append(Key(text=demand.key))
    index = Index(name="", method=method, valid=True, keys=tuple(keys), only=only)
    return replace(index, name=_name(table.name, index))


def _texts(conditions: Iterable[Condition]) -> Iterable[str]:
    return dict.fromkeys(condition.element for condition in conditions)


def _name(table: str, index: Index) -> str:
    """A name that says what it is of, and is the same each time."""
    texts = [key.text + ("_desc" if key.descending else "") for key in index.keys]
    words = [re.sub(r"\W+", "_", text).strip("_").lower() for text in (*texts, index.only or "") if text]
    name = "_".join(["hub", table.rpartition(".")[2], *words])
    if len(name.encode()) <= KEEPS:
        return name
    return f"{name.encode()[: KEEPS - 9].decode(errors='ignore')}_{crc32(name.encode()):08x}"


def _size(index: Index, able: Iterable[Condition], table: Stored, asked: Asked) -> int:
    """Bytes, about: each row's values and what the index keeps beside them."""
    rows = table.rows or 0
    spreads = {one.column: table.columns.get(one.column, Spread()) for one in able}
    width = sum(spread.width for spread in spreads.values())
    if index.method == "gin":
        return rows * max(width // 4, 4)
    if index.only is not None:
        rows, width = int(rows * min(share(one, table, asked) for one in able)), 0
    last = plain(index.keys[-1].text)
    key = 0 if last in spreads else table.columns.get(last, Spread()).width
    return rows * (width + key + ENTRY)


def _written(key: Key) -> str:
    text = key.text if re.fullmatch(r'"[^"]+"', key.text) else f"({key.text})"
    return f"{text} DESC NULLS LAST" if key.descending else text
