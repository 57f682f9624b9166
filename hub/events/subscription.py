"""A subscription's document, Identity at each event -> answers in order, from a place on: at least once, no gap.

Guarantee: before each event the credential, the policy and the rights of that moment are asked again; what may not be
seen is left out, and nothing says so. There is no queue: the next event is read when the last one has been taken, so a
slow client costs no memory. While a department or the log is away, the subscription waits, and ends after ``patience``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from hub.audit.contract import StoreError
from hub.calls import Call, read_call
from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import HubError, OutageError, RefusalError, RefusedError
from hub.events.change import Event
from hub.events.channels import Channel, Layout, channel_of, layout_of, told_fields
from hub.events.clock import Limits
from hub.events.delivery import Delivered, Delivery
from hub.events.letters import Letters
from hub.events.outbox import Outbox
from hub.events.seen import Looking
from hub.events.unbegun import WAITS, is_within, place_of
from hub.identity import Identity
from hub.lifecycle.signatures import TOLD
from hub.planner.payload import Told
from hub.planner.plan import RowsRoot, Word
from hub.response import Answer, respond
from hub.settings_events import Clocks
from schema.subscriptions import OVERDUE

if TYPE_CHECKING:
    from hub.hub import Hub
    from hub.pipeline import Request


Refuse: TypeAlias = Callable[..., Awaitable[Answer]]
"""``hub.pipeline.refuse``: makes the entry of a refusal durable, and the answer without data."""
RETRY = 0.5
"""Seconds between two tries while something is away."""


@dataclass(slots=True, kw_only=True)
class Events:
    """What subscriptions share in one process."""

    hub: Hub
    outbox: Outbox
    looking: Looking
    delivery: Delivery
    refuse: Refuse
    dead: Callable[[], Awaitable[int]] | None = None
    """How many messages to webhooks were given up."""
    letters: Letters | None = None
    """Those messages, each for the unit for which it was."""
    patience: float = 30.0
    limits: Limits = field(default_factory=Clocks)

    def listens(self, request: Request) -> bool:
        """Whether the request is a subscription; one that cannot be read is none, and is refused as any other."""
        try:
            document = self.hub.documents.read(request.query, request.operation_name, request.variables, listens=True)
        except (HubError, RefusedError):
            return False
        return document.listens

    async def here(self, identity: Identity) -> Mapping[str, str]:
        """The place of this moment, by each field that is open to the principal: what comes later has no gap to it."""
        _, last = await self.outbox.bounds()
        seal = self.hub.seals.of(identity.key)
        fields = told_fields(self.hub.entitlements(identity.unit, identity.purpose))
        return {name: seal.cursor(query_of(identity, name), [], str(last)) for name in sorted(fields)}

    async def refused(self, identity: Identity, request: Request, errors: tuple[HubError, ...]) -> Answer:
        """The answer that ends a subscription, its entry durable."""
        own = self.hub.entitlements(identity.unit, identity.purpose).own_alone
        operation = self.hub.pseudonyms.operation(request.query, request.operation_name)
        return await self.refuse(self.hub, identity, request, operation, errors, own=own)

    def subscription(self, request: Request, identify: Callable[[], Identity]) -> Subscription:
        """A subscription; ``identify`` says who asks by the credential and policy of the moment, or raises."""
        return Subscription(events=self, request=request, identify=identify)


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One subscription under way."""

    events: Events
    request: Request
    identify: Callable[[], Identity]
    layouts: dict[tuple[str, str], Layout] = field(default_factory=dict)
    understood: tuple[str, Document, Channel] | None = None
    """By which policy version it was understood, and how."""

    async def answers(self) -> AsyncIterator[bytes]:
        """The body of an answer an event; raises ``HubError`` or ``RefusedError`` when it ends."""
        identity = self.identify()
        _, channel = self._understood(identity)
        position = await self._start(identity, channel)
        while True:
            for event in await self._after(position):
                position = event.position
                body = await self.tell(event)
                if body is not None:
                    yield body

    async def tell(self, event: Event) -> bytes | None:
        """The answer that tells of the event; None if it does not concern the subscriber, or may not be seen."""
        if self.understood is not None and not self.understood[2].concerns(event):
            return None
        identity = self.identify()
        document, channel = self._understood(identity)
        return await self._patiently(identity, document, channel, event) if channel.concerns(event) else None

    def _understood(self, identity: Identity) -> tuple[Document, Channel]:
        """The document, and what it asks for by the policy of the moment; raises if that is refused."""
        hub, request = self.events.hub, self.request
        if self.understood is None or self.understood[0] != hub.policy.version:
            document = hub.documents.read(request.query, request.operation_name, request.variables, listens=True)
            channel = channel_of(hub.schema, document, self._entitlements(identity))
            self.layouts.clear()
            self._check(identity, channel, document)
            self.understood = (hub.policy.version, document, channel)
        return self.understood[1:]

    def _entitlements(self, identity: Identity) -> Entitlements:
        return self.events.hub.entitlements(identity.unit, identity.purpose)

    def _check(self, identity: Identity, channel: Channel, document: Document) -> None:
        """What may not be read is refused at once, and not at the first event."""
        types = {clock.type_name for clock in channel.clocks.values()} or {
            type_name for type_name in TOLD if any(name.startswith(f"{type_name}.") for name in channel.lines)
        }
        for type_name in types:
            self._layout(identity, document, type_name)

    def _layout(self, identity: Identity, document: Document, type_name: str) -> Layout:
        entitlements = self._entitlements(identity)
        key = (entitlements.policy.version, type_name)
        if key not in self.layouts:
            self.layouts[key] = self._shared_layout(entitlements, document, type_name)
        return self.layouts[key]

    def _shared_layout(self, entitlements: Entitlements, document: Document, type_name: str) -> Layout:
        """One plan for all who ask alike, so that they read together."""
        hub, refuse = self.events.hub, self.request.denied == "refuse"
        what = (document.digest, document.operation_name, document.steering, refuse, type_name)
        key = (what, entitlements.unit, entitlements.purpose, entitlements.policy.version)
        found = hub.layouts.get(key)
        if found is None:
            found = layout_of(hub.schema, document, entitlements, type_name, refuse=refuse)
            hub.layouts.put(key, found)
        return found

    # Places.

    async def _start(self, identity: Identity, channel: Channel) -> int:
        """The position after which it goes on."""
        try:
            first, last = await self.events.outbox.bounds()
        except StoreError:
            raise _away() from None
        if channel.after is None:
            return last
        seal = self.events.hub.seals.of(identity.key)
        _, text = seal.place(channel.after, query_of(identity, channel.name))
        if int(text) < first - 1:
            # Said, and not passed over: events in between are gone, and the client is to look at the rows themselves.
            message = "`after` is older than what is kept, read the rows anew and subscribe without it"
            raise RefusalError("INVALID_INPUT", message, argument="after", reason="expired")
        return int(text)

    async def _after(self, position: int) -> Any:
        tries = self.events.patience / RETRY
        while True:
            try:
                return await self.events.outbox.after(position)
            except StoreError:
                tries -= 1
                if tries <= 0:
                    raise _away() from None
                await asyncio.sleep(RETRY)

    # One event.

    async def _patiently(self, identity: Identity, document: Document, channel: Channel, event: Event) -> bytes | None:
        tries = self.events.patience / RETRY
        while True:
            try:
                return await self._body(identity, document, channel, event)
            except OutageError:
                # Nobody knows whether it may be seen: in order means that what comes later waits as well.
                tries -= 1
                if tries <= 0:
                    raise
            await asyncio.sleep(RETRY)
            identity = self.identify()

    async def _body(self, identity: Identity, document: Document, channel: Channel, event: Event) -> bytes | None:
        """The answer that tells of the event; None if it may not be seen."""
        events, change = self.events, event.change
        if change.clock in channel.missing:
            return await self._of_nothing(identity, document, channel, event)
        seen = await events.looking.seen(identity, channel, event)
        if not seen:
            return None
        layout = self._layout(identity, document, change.type_name)
        row = next(entry.key for entry in layout.entries if isinstance(entry, RowsRoot))
        call = self._call(identity, document, layout)
        call.wishes = {key: wish and replace(wish, key=change.key) for key, wish in call.wishes.items()}
        call.path = (channel.key,)
        delivered = await events.delivery(call, row)
        if delivered is None:
            return None
        told = self._told(identity, channel, event, seen)
        data = {entry.key: _value(entry, delivered, told) for entry in layout.entries}
        return respond({channel.key: data}, delivered.errors, *delivered.receipts).body

    async def _of_nothing(self, identity: Identity, document: Document, channel: Channel, event: Event) -> bytes | None:
        """The answer that tells of a row that is not there; None if it would not be the subscriber's to see."""
        if not is_within(self._entitlements(identity), identity, event.change.key):
            return None
        layout = self._layout(identity, document, event.change.type_name)
        receipts = await self.events.delivery.of_nothing(self._call(identity, document, layout), WAITS)
        told = self._told(identity, channel, event, frozenset())
        rows = {entry.key: entry.text if isinstance(entry, Word) else None for entry in layout.entries}
        data = rows | {entry.key: told[entry.name] for entry in layout.entries if isinstance(entry, Told)}
        return respond({channel.key: data}, (), *receipts).body

    def _call(self, identity: Identity, document: Document, layout: Layout) -> Call:
        hub, request = self.events.hub, self.request
        call = read_call(hub, identity, secrets.token_hex(16), document, layout.plan, self._entitlements(identity))
        call.operation = hub.pseudonyms.operation(request.query, request.operation_name)
        return call

    def _told(self, identity: Identity, channel: Channel, event: Event, seen: frozenset[str]) -> dict[str, Any]:
        hub, clock = self.events.hub, event.change.clock
        seal = hub.seals.of(identity.key)
        told: dict[str, Any] = {
            "cursor": seal.cursor(query_of(identity, channel.name), [], str(event.position)),
            "at": event.at.astimezone(hub.clock().tzinfo).isoformat(timespec="seconds"),
            "changed": sorted(seen),
        }
        if clock is not None and channel.name == OVERDUE:
            found = channel.clocks.get(clock) or channel.missing[clock]
            told |= {"clock": found.name, "clockZh": found.zh, "clause": found.clause}
            told |= place_of(event.change.key) if clock in channel.missing else {"division": None, "quarter": None}
        return told


def query_of(identity: Identity, name: str) -> bytes:
    """To what a cursor is bound, beside its principal."""
    return f"event/{identity.purpose}/{name}".encode()


def _value(entry: Any, delivered: Delivered, told: dict[str, Any]) -> Any:
    return told[entry.name] if isinstance(entry, Told) else delivered.data[entry.key]


def _away() -> HubError:
    return OutageError("SOURCE_UNAVAILABLE", "the hub's own database does not answer", source="hub")
