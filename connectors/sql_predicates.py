"""Predicate -> SQL condition with numbered parameters: pure; the only place where a comparison is spelt.

Guarantee: the text holds no value of a request, only ``$n``; a comparison that may use an index stays ``column op $n``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.mapping import Join, Mapped, Mapping, Place, Relation
from connectors.source import All, Bindings, Compare, Constant, Exists, Not, Outer, Param, Predicate, Some, Truth
from connectors.sql_values import Encoder, cast, encoder, literal, quoted, shown, stored_list, to_text

Binder = tuple[Param | Constant, Encoder]
"""Where a parameter's value comes from, and how it is stored."""

_SIGNS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


_BESIDE = {
    **{operator: f"{{here}} {sign} {{there}}" for operator, sign in _SIGNS.items()},
    "in": "{here} = ANY({there})",
    "has": "{here} && {there}",
    "under": "starts_with({here}, {there})",
    "starts": "starts_with({here}, {there})",
    "contains": "strpos({here}, {there}) > 0",
}
"""Two values in schema terms beside each other: dates and instants are texts of one form, so their order is theirs."""


@dataclass(slots=True, kw_only=True)
class Table:
    """One table of a FROM clause, and which of its joins and own columns the statement turned out to need."""

    relation: Relation
    alias: str
    outer: Table | None = None
    joins: dict[str, None] = field(default_factory=dict)
    columns: dict[str, None] = field(default_factory=dict)
    known: dict[Predicate, str] = field(default_factory=dict)
    """Predicates whose value stands in a column already."""
    unindexed: bool = False
    """Whether every row is looked at anyway."""

    def at(self, place: Place) -> str:
        """The physical column as SQL."""
        if place.join is None:
            self.columns[place.column] = None
            return f"{self.alias}.{quoted(place.column)}"
        self._need(self.relation.joins[place.join])
        return f"{self.alias}_{place.join}.{quoted(place.column)}"

    def raw(self, column: Mapped) -> str:
        """The stored value of a mapped column."""
        return self.at(column.place)

    def source(self, table: str | None = None) -> str:
        """The FROM item with its joins; call it last, when all columns are known."""
        text = f"{table or quoted(self.relation.table)} AS {self.alias}"
        for name, join in self.relation.joins.items():
            if name in self.joins:
                on = " AND ".join(f"{self.alias}_{name}.{quoted(left)} = {self.at(right)}" for left, right in join.on)
                text += f"\n  LEFT JOIN {quoted(join.table)} AS {self.alias}_{name} ON {on}"
        return text

    def _need(self, join: Join) -> None:
        self.joins[join.name] = None
        for _, place in join.on:
            self.at(place)


@dataclass(slots=True, kw_only=True)
class Writer:
    """The statement being written: its parameters and its table aliases.

    ``long``: lists that it binds may be; ``states``: it tells the state of each value.
    """

    mapping: Mapping
    long: bool = False
    states: bool = False
    binders: list[Binder] = field(default_factory=list)
    numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)
    aliases: int = 0

    def table(self, relation: str, outer: Table | None = None) -> Table:
        """A new table of the statement, within ``outer``."""
        return Table(relation=self.mapping.relation(relation), alias=self.alias(), outer=outer)

    def alias(self) -> str:
        """A new alias."""
        self.aliases += 1
        return f"t{self.aliases - 1}"

    def bind(self, operand: Param | Constant, encode: Encoder, type_: str, *use: str) -> str:
        """A placeholder; the same operand of the same ``use`` is bound once.

        A placeholder without a cast takes the type of the column beside it, so two columns never share one.
        """
        key = (type(operand), _identity(operand), type_, *use)
        if key not in self.numbers:
            self.binders.append((operand, encode))
            self.numbers[key] = len(self.binders)
        return f"${self.numbers[key]}{type_}"

    def value(self, table: Table, column: Mapped) -> str:
        """The value in schema terms; of a key that must be unique, null where it is not."""
        value, guard = shown(column, table.raw(column)), self.guard(table, column)
        return f"CASE WHEN {guard} THEN {value} END" if guard else value

    def guard(self, table: Table, column: Mapped) -> str | None:
        """The condition under which a key is not null, beside its own value."""
        if column.unique is None:
            return None
        other, key = self.alias(), table.relation.columns["_key"]
        name = quoted(column.place.column)
        parts = [f"{other}.{name} = {table.raw(column)}"]
        parts += [f"{other}.{quoted(place)} = {literal(text)}" for place, text in column.unique]
        parts.append(f"{other}.{quoted(key.place.column)} <> {table.raw(key)}")
        return f"NOT EXISTS (SELECT 1 FROM {quoted(table.relation.table)} AS {other} WHERE {' AND '.join(parts)})"

    def condition(self, predicate: Predicate, table: Table) -> str:
        """SQL that is true where the predicate holds, and false or null elsewhere."""
        if predicate in table.known:
            return table.known[predicate]
        match predicate:
            case Truth(value=value):
                text = "TRUE" if value else "FALSE"
            case Compare():
                text = self._compare(predicate, table)
            case Not(part=part):
                text = f"({self.condition(part, table)}) IS NOT TRUE"
            case All(parts=parts):
                text = self._joined(parts, table, " AND ", "TRUE")
            case Some(parts=parts):
                text = self._joined(parts, table, " OR ", "FALSE")
            case Exists():
                text = self._exists(predicate, table)
        return text

    def _joined(self, parts: Sequence[Predicate], table: Table, word: str, empty: str) -> str:
        if not parts:
            return empty
        texts = [self.condition(part, table) for part in parts]
        return texts[0] if len(texts) == 1 else "(" + word.join(texts) + ")"

    def _exists(self, predicate: Exists, outer: Table) -> str:
        inner = self.table(predicate.relation, outer)
        parts = [self.match(outer, left, inner, right) for left, right in predicate.on]
        parts.append(self.condition(predicate.where, inner))
        where = " AND ".join(part for part in parts if part != "TRUE") or "TRUE"
        return f"EXISTS (SELECT 1 FROM {inner.source()} WHERE {where})"

    def match(self, outer: Table, left: str, inner: Table, right: str) -> str:
        """Equality of two columns, on the stored values where both are stored alike."""
        one, two = outer.relation.column(left), inner.relation.column(right)
        if _form(one) == _form(two):
            parts = [f"{inner.raw(two)} = {outer.raw(one)}"]
        else:
            parts = [f"{shown(two, inner.raw(two))} = {shown(one, outer.raw(one))}"]
        guards = (self.guard(inner, two), self.guard(outer, one))
        return " AND ".join([*parts, *(guard for guard in guards if guard)])

    def _compare(self, predicate: Compare, table: Table) -> str:
        column, operand = table.relation.column(predicate.column), predicate.operand
        if isinstance(operand, Outer):
            return self._beside(table, predicate.column, predicate.operator, operand.column)
        if predicate.operator == "null":
            return self._null(operand, self.value(table, column))
        raw = table.raw(column)
        compared = _Compared(writer=self, column=column, raw=raw, operand=operand, unindexed=table.unindexed)
        text, guard = compared.by(predicate.operator), self.guard(table, column)
        return f"({text} AND {guard})" if guard else text

    def _beside(self, table: Table, inner: str, operator: str, outer: str) -> str:
        """A column beside one of the relation just outside."""
        if table.outer is None:
            raise ValueError(f"column `{outer}` is said to be of an outer relation, but there is none")
        if operator == "eq":
            return f"({self.match(table.outer, outer, table, inner)})"
        here = self.value(table, table.relation.column(inner))
        there = self.value(table.outer, table.outer.relation.column(outer))
        if operator not in _BESIDE:
            raise ValueError(f"operator `{operator}` does not go with a column of the outer relation")
        return _BESIDE[operator].format(here=f"({here})", there=f"({there})")

    def _null(self, operand: Param | Constant, value: str) -> str:
        if isinstance(operand, Constant):
            return f"({value}) IS NULL" if operand.value else f"({value}) IS NOT NULL"
        return f"(({value}) IS NULL) = {self.bind(operand, bool, '::boolean', 'null')}"


def _identity(operand: Param | Constant) -> Any:
    """Tells `1` from `true`, which Python takes for equal; lists have no hash."""
    return operand.name if isinstance(operand, Param) else repr(operand.value)


def _form(column: Mapped) -> tuple[Any, ...]:
    codes = column.codes.pairs if column.codes else None
    return (column.kind, column.stored, column.separator, column.true, codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One column beside one operand."""

    writer: Writer
    column: Mapped
    raw: str
    operand: Param | Constant
    unindexed: bool

    def by(self, operator: str) -> str:
        if self.column.is_list != (operator == "has"):
            raise ValueError(f"operator `{operator}` does not go with column `{self.column.name}`")
        if operator in _SIGNS:
            return self._sign(operator)
        return {"in": self._among, "under": self._under, "has": self._has}.get(operator, self._text)(operator)

    def bind(self, encode: Encoder, type_: str, use: str) -> str:
        return self.writer.bind(self.operand, encode, type_, use, self.raw.partition(".")[2], self._owner())

    def _owner(self) -> str:
        return self.raw.partition(".")[0] if self.column.place.join else self.column.name

    def _sign(self, operator: str) -> str:
        column, sign = self.column, _SIGNS[operator]
        if column.codes is not None:
            return self._coded(operator)
        if column.kind == "instant":
            return self._instant(operator)
        if column.true is not None or (column.kind == "bool" and isinstance(self.operand, Constant)):
            return self._bool(operator)
        if column.kind == "int" and column.is_key and operator != "eq":
            return f"{shown(column, self.raw)} {sign} {self.bind(to_text, '::text', 'text')}"  # keys are texts
        left = shown(column, self.raw) if column.stored == "digits" else self.raw
        left = f"round({left}::numeric, 2)" if column.kind == "decimal" else left
        text = f"{left} {sign} {self.bind(encoder(column), cast(column), 'value')}"
        # A stored text that is no date is shown as null, so it must not be below every date.
        return f"({text} AND {self.raw} ~ '^[0-9]{{8}}$')" if column.stored == "yyyymmdd" and sign != "=" else text

    def _coded(self, operator: str) -> str:
        codes = self.column.codes
        assert codes is not None
        if operator != "eq":
            value = shown(self.column, self.raw)
            return f"({value}) {_SIGNS[operator]} {self.bind(encoder(self.column), '::text', 'value')}"
        if codes.one_to_one:
            return f"{self.raw} = {self.bind(lambda value: codes.stored.get(value, (None,))[0], '', 'code')}"
        return f"{self.raw} = ANY({self.bind(lambda value: list(codes.stored.get(value, ())), '', 'codes')})"

    def _bool(self, operator: str) -> str:
        value = shown(self.column, self.raw)
        if operator != "eq" or not isinstance(self.operand, Constant):
            return f"{value} {_SIGNS[operator]} {self.bind(encoder(self.column), '::boolean', 'value')}"
        if self.operand.value is None:
            return "FALSE"
        if self.column.true is None:
            return value if self.operand.value else f"NOT {value}"
        return f"{self.raw} {'=' if self.operand.value else '<>'} {literal(self.column.true)}"

    def _instant(self, operator: str) -> str:
        """An instant counts by its whole second, as it is shown, and the stored column stays bare for its index."""
        here = self.bind(encoder(self.column), cast(self.column), "value")
        after = f"{here} + INTERVAL '1 second'"
        return {
            "eq": f"({self.raw} >= {here} AND {self.raw} < {after})",
            "lt": f"{self.raw} < {here}",
            "le": f"{self.raw} < {after}",
            "gt": f"{self.raw} >= {after}",
            "ge": f"{self.raw} >= {here}",
        }[operator]

    def _among(self, _: str) -> str:
        column, left = self.column, self.raw
        if column.codes is not None:
            return f"{left} = ANY({self.bind(_codes(column), '', 'codes of')})"
        if column.kind == "instant":
            left = f"date_trunc('second', {left})"
        elif column.kind == "decimal":
            left = f"round({left}::numeric, 2)"
        elif column.true is not None or column.stored == "digits":
            left = shown(column, left)
        elif column.kind == "text" and self.unindexed:
            # A bound list is gone through from its beginning for each row; what a query gives is looked up.
            return f"{left} IN (SELECT unnest({self.bind(_each(encoder(column)), '::text[]', 'values')}))"
        type_ = cast(column) and cast(column) + "[]"
        return f"{left} = ANY({self.bind(_each(encoder(column)), type_, 'values')})"

    def _has(self, _: str) -> str:
        encode = _codes(self.column) if self.column.codes is not None else _each(encoder(self.column))
        return f"{stored_list(self.column, self.raw)} && {self.bind(encode, '', 'list')}"

    def _under(self, _: str) -> str:
        if self.column.kind != "text" or self.column.codes is not None:
            raise ValueError(f"operator `under` does not go with column `{self.column.name}`")
        low = self.bind(encoder(self.column), "", "low")
        return f"({self.raw} >= {low} AND {self.raw} < {self.bind(_above, '', 'high')})"

    def _text(self, operator: str) -> str:
        if self.column.kind != "text":
            raise ValueError(f"operator `{operator}` does not go with column `{self.column.name}`")
        value, sought = shown(self.column, self.raw), self.bind(encoder(self.column), "::text", "text")
        if operator == "contains":
            return f"strpos({value}, {sought}) > 0"
        return f"starts_with({value}, {sought})"


def reaches(predicate: Predicate) -> bool:
    """Whether it looks into another row."""
    return any(isinstance(part, Exists) for part in _parts(predicate))


def divided(predicate: Predicate) -> bool:
    """Whether the rows are those of a division that a request names."""
    return any(
        isinstance(part, Compare) and part.operator == "under" and isinstance(part.operand, Param)
        for part in _parts(predicate)
    )


def _parts(predicate: Predicate) -> Iterator[Predicate]:
    yield predicate
    match predicate:
        case Not(part=part):
            yield from _parts(part)
        case All(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from _parts(part)
        case Truth() | Compare() | Exists():
            return


def _each(encode: Encoder) -> Encoder:
    def encoded(values: Any) -> list[Any] | None:
        if values is None:
            return None
        return [stored for value in values if value is not None and (stored := encode(value)) is not None]

    def texts(values: Any) -> list[Any] | None:
        return values if type(values) is list and _are_texts(values) else encoded(values)

    return texts if encode is to_text else encoded


def _are_texts(values: list[Any]) -> bool:
    """Whether each is a text that is stored as it is, as keys are: seen at a glance over all of them."""
    try:
        return "\0" not in "".join(values)
    except TypeError:
        return False


def _codes(column: Mapped) -> Callable[[Any], list[str] | None]:
    assert column.codes is not None
    stored = column.codes.stored
    return lambda values: None if values is None else [code for value in values for code in stored.get(value, ())]


def _above(prefix: Any) -> str | None:
    """The least text above every text that begins with the prefix.

    For digits by counting up, not by a high character: right under a department's linguistic collation as well.
    """
    if not isinstance(prefix, str) or "\0" in prefix:
        return None
    kept = prefix.rstrip("9")
    if kept and kept.isascii() and kept.isdigit():
        return kept[:-1] + chr(ord(kept[-1]) + 1)
    return prefix + "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL text and, for each ``$n`` in order, where its value comes from and how it is stored."""

    text: str
    binders: tuple[Binder, ...]
    planned: bool = False
    """Whether how it is best read depends on its values: a town is a hundred rows or a tenth of all."""
    lists: bool = False
    """Whether it is written otherwise where lists are long."""
    given: tuple[tuple[str | None, Any], ...] = field(init=False, repr=False, compare=False)
    """The same: the parameter's name and how it is stored, or no name and a constant as it is stored."""

    def __post_init__(self) -> None:
        given = tuple(
            (None, encode(operand.value)) if isinstance(operand, Constant) else (operand.name, encode)
            for operand, encode in self.binders
        )
        object.__setattr__(self, "given", given)

    def arguments(self, bindings: Bindings) -> list[Any]:
        """The values of ``$1``, ``$2``...; ``KeyError`` if a parameter is not bound."""
        return [given if name is None else given(bindings[name]) for name, given in self.given]
