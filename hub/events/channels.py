"""Subscription, Entitlements -> Channel: of which changes it tells, and the plan of what it tells.

Guarantee (invariant 4): a right to be told comes from ``subscribe`` lines alone, and what is told from ``read`` lines;
a document that asks for more is refused before anything is sent. What is told always holds the row, so that the entry
of each event names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from graphql import GraphQLError, GraphQLSchema, get_named_type
from graphql.execution.values import get_argument_values

from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import RefusalError
from hub.events.change import Event
from hub.events.clock import CLOCKS, Clock
from hub.events.unbegun import Unbegun, clocks_within
from hub.lifecycle.signatures import TOLD
from hub.planner import plan as p
from hub.planner.compile import Compiler, Nodes
from hub.planner.payload import Entry, Told, entries_of
from hub.wording import unbound
from policies.decision import Grant
from schema.subscriptions import OVERDUE, field_name

NAMES: Final[Mapping[str, str]] = {field_name(type_name): type_name for type_name in TOLD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One subscription, understood: its response key and field, where it goes on, and what it may tell of.

    ``lines``: coordinate -> the lines by which the principal is told of it; of alarms none, and ``clocks`` instead, and
    ``missing``: those of what is not there.
    """

    key: str
    name: str
    after: str | None
    lines: Mapping[str, tuple[Grant, ...]]
    clocks: Mapping[str, Clock]
    missing: Mapping[str, Unbegun] = field(default_factory=dict)

    def concerns(self, event: Event) -> bool:
        """Whether it may tell of the event, as far as can be known without looking at the row."""
        change = event.change
        if change.clock is not None:
            return change.clock in self.clocks or change.clock in self.missing
        return not self.clocks and any(name in self.lines for name in change.own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What is told of an event about one type: entries in response order, and the plan of its row."""

    entries: tuple[Entry, ...]
    plan: p.Plan


def told_fields(entitlements: Entitlements) -> frozenset[str]:
    """Fields of ``Subscription`` that are open to the unit: it is told of changes, and reads what it is told of."""
    lines = entitlements.policy.grants(entitlements.unit, entitlements.purpose, "subscribe")
    types = {name.partition(".")[0] for name in lines if entitlements.reads(name)}
    changed = frozenset(field_name(type_name) for type_name in types)
    return changed | {OVERDUE} if clocks_of(entitlements) else changed


def clocks_of(entitlements: Entitlements) -> Mapping[str, Clock]:
    """Clocks of whose end the unit is told: it has to act, and reads what they wait for."""
    return {
        name: clock
        for name, clock in CLOCKS.items()
        if entitlements.unit in (clock.units or (entitlements.unit,))
        and all(map(entitlements.reads, (clock.waits, *clock.besides)))
    }


def channel_of(schema: GraphQLSchema, document: Document, entitlements: Entitlements) -> Channel:
    """The channel that a document asks for; NOT_ENTITLED if no line opens it."""
    compiler = _compiler(schema, document, entitlements)
    key, nodes = _root(schema, compiler, document)
    name = nodes[0].name.value
    assert schema.subscription_type is not None
    try:
        given = get_argument_values(schema.subscription_type.fields[name], nodes[0], document.values)
    except GraphQLError as error:
        raise unbound(error) from None
    clocks = clocks_of(entitlements) if name == OVERDUE else {}
    missing = clocks_within(entitlements) if name == OVERDUE else {}
    lines = {} if name == OVERDUE else _lines(entitlements, NAMES[name])
    if name == OVERDUE and not clocks:
        message = f"no clock of this hub runs for `{entitlements.unit}` and purpose `{entitlements.purpose}`"
        raise RefusalError("NOT_ENTITLED", message, coordinate="Subscription.overdue")
    return Channel(key=key, name=name, after=given.get("after"), lines=lines, clocks=clocks, missing=missing)


def layout_of(
    schema: GraphQLSchema, document: Document, entitlements: Entitlements, type_name: str, *, refuse: bool
) -> Layout:
    """What is told of an event about a row of the type; with ``refuse`` a coordinate that is closed refuses all."""
    compiler = _compiler(schema, document, entitlements)
    key, nodes = _root(schema, compiler, document)
    assert schema.subscription_type is not None
    definition = schema.subscription_type.fields[nodes[0].name.value]
    named = get_named_type(definition.type)
    entries = entries_of(compiler, named, nodes, key, type_name)
    if not any(isinstance(entry, p.RowsRoot) for entry in entries):
        # Without it nothing would be read, and the entry of the event could not say of whom it tells.
        raise RefusalError("INVALID_DOCUMENT", f"`{nodes[0].name.value}` is to select the row, its `id` at least")
    rows = tuple(entry for entry in entries if not isinstance(entry, Told))
    return Layout(entries=entries, plan=compiler.plan(rows, refuse=refuse))


def _compiler(schema: GraphQLSchema, document: Document, entitlements: Entitlements) -> Compiler:
    return Compiler(schema=schema, entitlements=entitlements, fragments=document.fragments, variables=document.values)


def _root(schema: GraphQLSchema, compiler: Compiler, document: Document) -> tuple[str, Nodes]:
    """The one field of a subscription; which it is was checked when the document was read, but for directives."""
    assert schema.subscription_type is not None
    found = compiler.collect(schema.subscription_type, [document.operation.selection_set])
    if len(found) != 1:
        raise RefusalError("INVALID_DOCUMENT", f"a subscription has one field, this one has {len(found)}")
    [(key, nodes)] = found.items()
    if nodes[0].name.value == "__typename":
        raise RefusalError("INVALID_DOCUMENT", "a subscription names what it is to be told of")
    return key, nodes


def _lines(entitlements: Entitlements, type_name: str) -> Mapping[str, tuple[Grant, ...]]:
    held = entitlements.policy.grants(entitlements.unit, entitlements.purpose, "subscribe")
    lines = {name: found for name, found in held.items() if name.partition(".")[0] == type_name}
    usable = {name: found for name, found in lines.items() if entitlements.reads(name)}
    if not usable:
        # INVARIANT 3: every decision names its rule: the line that is wanting.
        wanted = next(iter(lines), f"{type_name}.{_FIRST[type_name]}")
        raise entitlements.refusal(wanted, None, "read" if lines else "subscribe")
    return usable


_FIRST: Final = {
    "MandatoryReport": "status",
    "Incident": "townNotifiedAt",
    "DropoutRecord": "status",
    "Child": "riskFlags",
}
"""Coordinate for which a refusal says what is wanting, where there is no line at all."""
