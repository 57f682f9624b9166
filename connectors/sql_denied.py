"""Predicate -> SQL condition, what it denies spelt so that an index may serve it: pure.

Guarantee: true just where ``Writer.condition`` is. Rows that are chosen by what does not hold of them may be few, and
the planner finds them by ``<=`` and by ``NOT EXISTS``; what is ``IS NOT TRUE`` it looks for row by row.
"""

from __future__ import annotations

from connectors.source import All, Compare, Exists, Not, Operator, Outer, Predicate, Some
from connectors.sql_predicates import Table, Writer
from connectors.sql_values import cast, encoder

_OTHERWISE: dict[Operator, Operator] = {"gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}


def denies(predicate: Predicate) -> bool:
    """Whether some part must not hold."""
    match predicate:
        case All(parts=parts):
            return any(map(denies, parts))
        case Not():
            return True
    return False


def holds(predicate: Predicate, writer: Writer, table: Table) -> str:
    """The condition."""
    match predicate:
        case Not(part=part):
            return _fails(part, writer, table)
        case All(parts=parts) if parts:
            return f"({' AND '.join(holds(part, writer, table) for part in parts)})"
        case Some(parts=parts) if parts:
            return f"({' OR '.join(holds(part, writer, table) for part in parts)})"
    return writer.condition(predicate, table)


def _fails(predicate: Predicate, writer: Writer, table: Table) -> str:
    """SQL that is true just where the predicate is not: where it is false, or null."""
    text = None
    match predicate:
        case Not(part=part):
            text = holds(part, writer, table)
        case All(parts=parts) if parts:
            text = f"({' OR '.join(_fails(part, writer, table) for part in parts)})"
        case Some(parts=parts) if parts:
            text = f"({' AND '.join(_fails(part, writer, table) for part in parts)})"
        case Exists():
            text = f"NOT {writer.condition(predicate, table)}"
        case Compare():
            text = _otherwise(predicate, writer, table)
    return text or f"({writer.condition(predicate, table)}) IS NOT TRUE"


def _otherwise(compare: Compare, writer: Writer, table: Table) -> str | None:
    """The comparison the other way round, if an index knows it; with a null on either side it fails as well."""
    column, operand = table.relation.column(compare.column), compare.operand
    if isinstance(operand, Outer) or compare.operator not in _OTHERWISE or column.unique is not None:
        return None
    if column.kind != "date" or column.stored != "date" or column.is_list:
        return None
    other = writer.condition(Compare(compare.column, _OTHERWISE[compare.operator], operand), table)
    given = writer.bind(operand, encoder(column), cast(column), "given")
    return f"({other} OR {table.raw(column)} IS NULL OR {given} IS NULL)"
