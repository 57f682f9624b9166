"""Settings -> what tells of changes, and the tasks behind it: the outbox followed, subscriptions; composed.

What stops a start: tables of events that are not there. What does not: nothing else, an outage is waited out.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from hub.audit.contract import StoreError
from hub.audit.session import Session, Sessions
from hub.audited import working
from hub.batches import SHANGHAI
from hub.credential import Credential
from hub.errors import HubError
from hub.events.channels import told_fields
from hub.events.clocks import Clocks
from hub.events.delivery import Delivery
from hub.events.letters import Letters
from hub.events.mail import Mail
from hub.events.outbox import Outbox
from hub.events.seen import Looking
from hub.events.sending import Patience, Sending
from hub.events.subscription import Events
from hub.events.webhook import Target, identity_of, key_of
from hub.hub import Hub, Remembered
from hub.identity import Declaration, Identity, declare
from hub.pipeline import Request, refuse
from hub.settings import ConfigurationError, Settings
from hub.settings_events import Webhook

_CLOCKS_LOCK: Final = 0x57757169_6E67436B
_WEBHOOKS_LOCK: Final = 0x57757169_6E675768
"""Advisory locks of the replica that looks at clocks, and of the one that tells webhooks."""
READERS = 2
"""Connections that read what is no longer in memory."""
LOOKS = 4_000
"""What subscribers have learnt of an event, remembered for others of the same principal."""
PLANS = 1_000
"""Plans that look at rows: a few for each unit, purpose and field that is subscribed to."""


@asynccontextmanager
async def open_events(settings: Settings, hub: Hub, dsn: str) -> AsyncIterator[Events]:
    """What tells of changes, until it is closed."""

    def session(name: str) -> Session:
        return Session(dsn, name=name, durable=settings.fsync_required, timeout=settings.deadlines.reading)

    reading, following = Sessions([session(f"events {number}") for number in range(READERS)]), session("following")
    outbox = Outbox(connections=reading, following=following)
    events = Events(
        hub=hub,
        outbox=outbox,
        looking=Looking(hub=hub, looks=Remembered(LOOKS), plans=Remembered(PLANS)),
        delivery=Delivery(hub=hub),
        refuse=refuse,
        patience=settings.sockets.away,
        limits=settings.clocks,
    )
    ticking = session("clocks")
    clocks = Clocks(
        connections=ticking,
        leads=lambda: ticking.hold(_CLOCKS_LOCK),
        sources=hub.sources,
        limits=settings.clocks,
        now=lambda: hub.clock().astimezone(SHANGHAI),
        every=settings.clocks.every,
        keep=timedelta(days=settings.clocks.keep_days),
        divisions=lambda: hub.policy.divisions,
    )
    mailing, leading = session("webhooks"), session("webhooks lead")
    mail = Mail(connections=mailing)
    events.dead = mail.dead_count
    sending = _sending(settings, events, mail, lambda: leading.hold(_WEBHOOKS_LOCK))
    events.letters = Letters(mail=mail, targets=sending.targets, told=lambda identity: _told(hub, identity))
    try:
        await _check(outbox)
        async with working(outbox.run(), clocks.run(), sending.run()):
            yield events
    finally:
        await asyncio.gather(*(held.close() for held in (reading, following, ticking, mailing, leading)))


def _sending(settings: Settings, events: Events, mail: Mail, leads: Callable[[], Awaitable[bool]]) -> Sending:
    return Sending(
        events=events,
        mail=mail,
        targets=[_target(webhook, events.hub, settings.case_pattern) for webhook in settings.webhooks],
        subscribed=lambda target, query: events.subscription(_request(query), lambda: target.identity),
        leads=leads,
        patience=Patience(**settings.sending.model_dump()),
        now=events.hub.clock,
        keep=timedelta(days=settings.clocks.keep_days),
    )


def _told(hub: Hub, identity: Identity) -> frozenset[str]:
    return told_fields(hub.entitlements(identity.unit, identity.purpose))


def _target(webhook: Webhook, hub: Hub, case_pattern: str) -> Target:
    """The target; raises ``ConfigurationError`` for a unit, purpose or secret that is none."""
    identity = identity_of(webhook.unit, webhook.purpose, webhook.case)
    try:
        credential = Credential(
            token_id="webhook",
            client=identity.client,
            unit=identity.unit,
            operator=identity.operator,
            division=identity.division,
            institution=identity.institution,
            purposes=identity.purposes,
            expires_at=identity.expires_at,
        )
        declare(credential, Declaration(purpose=webhook.purpose, case=webhook.case), hub.policy, case_pattern)
        key = key_of(webhook.secret.get_secret_value())
    except (HubError, ValueError) as error:
        raise ConfigurationError(f"setting `webhooks`, `{webhook.name}`: {error}") from None
    return Target(name=webhook.name, identity=identity, url=webhook.url, key=key)


def _request(query: str) -> Request:
    return Request(query=query, operation_name=None, variables={}, denied="refuse", request_id=secrets.token_hex(16))


async def _check(outbox: Outbox) -> None:
    try:
        await outbox.bounds()
    except StoreError as error:
        if "3F000" in error.reason or "42P01" in error.reason:
            message = "the tables of events are missing in the hub's own database: its owner runs `hub install`"
            raise ConfigurationError(message) from None
        raise
