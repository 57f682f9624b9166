"""Events -> messages -> POSTs to units' own systems: by the same way as to any subscriber, at least once.

Guarantee: what a webhook is told of, its unit may be told of and read at that moment, and each message is an entry
before it is queued. A target that does not answer is tried again, later and later, and keeps nobody else waiting. A
redirect is not followed, and what a target answers is not read.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import httpx

from hub.audit.contract import StoreError
from hub.errors import HubError, OutageError, RefusedError
from hub.events.change import Event
from hub.events.mail import Mail, Message
from hub.events.webhook import DOCUMENTS, Target, body_of

if TYPE_CHECKING:
    from hub.events.subscription import Events, Subscription

IDLE: Final = 0.5
"""Seconds between two looks at what is due, and before an outage is looked at again."""
MOST: Final = 50
"""Messages of a target that are tried in one go."""
GONE: Final = 410
"""By this a target says that it wants no more."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """At most ``attempts`` tries, after ``first`` seconds the second, then twice as long, up to ``longest``."""

    attempts: int
    first: float
    longest: float
    timeout: float

    def pause(self, attempt: int) -> float:
        """Seconds after the attempt of that number (from 0), from half of it to the whole, so that few come at once."""
        whole = min(self.first * 2.0**attempt, self.longest)
        return whole * random.uniform(0.5, 1.0)


@dataclass(slots=True, kw_only=True)
class Sending:
    """The task that tells webhooks; every replica runs one, and the one that leads works."""

    events: Events
    mail: Mail
    targets: Sequence[Target]
    subscribed: Callable[[Target, str], Subscription]
    leads: Callable[[], Awaitable[bool]]
    patience: Patience
    now: Callable[[], datetime]
    keep: timedelta
    transport: httpx.AsyncBaseTransport | None = None
    _woken: dict[str, asyncio.Event] = field(default_factory=dict)

    async def run(self) -> None:
        """Works until cancelled; without targets there is nothing to do."""
        while self.targets:
            try:
                if await self.leads():
                    await self.mail.forget(self.now() - self.keep)
                    await self._work()
            except* StoreError as errors:
                _logger.warning("webhooks wait: %s", errors.exceptions[0])
            await asyncio.sleep(IDLE)

    async def _work(self) -> None:
        """Queues and sends until something fails; two replicas that do it at once do nothing twice but send."""
        async with (
            httpx.AsyncClient(
                timeout=self.patience.timeout, follow_redirects=False, trust_env=False, transport=self.transport
            ) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for target in self.targets:
                self._woken[target.name] = asyncio.Event()
                tasks.create_task(self._queue(target))
                tasks.create_task(self._send(client, target))

    # From events to messages.

    async def _queue(self, target: Target) -> None:
        position = await self.mail.place(target.name)
        subscriptions = [self.subscribed(target, query) for query in DOCUMENTS.values()]
        while True:
            for event in await self.events.outbox.after(position):
                messages = await self._messages(target, subscriptions, event)
                await self.mail.put(target.name, event.position, messages)
                position = event.position
                if messages:
                    self._woken[target.name].set()

    async def _messages(self, target: Target, subscriptions: Sequence[Subscription], event: Event) -> dict[str, str]:
        """What the target is told of the event: one message, or none. While that is not known, it waits."""
        for subscription in subscriptions:
            while True:
                try:
                    answer = await subscription.tell(event)
                except (RefusedError, HubError) as error:
                    if isinstance(error, OutageError):
                        await asyncio.sleep(IDLE)
                        continue
                    answer = None  # no right to this field, or none any more
                break
            if answer is not None:
                return {target.message_id(event.id): body_of(answer)}
        return {}

    # From messages to targets.

    async def _send(self, client: httpx.AsyncClient, target: Target) -> None:
        woken = self._woken[target.name]
        while True:
            woken.clear()
            due = await self.mail.due(target.name, self.now(), MOST)
            for message in due:
                await self._try(client, target, message)
            if len(due) < MOST:
                try:
                    await asyncio.wait_for(woken.wait(), IDLE)
                except TimeoutError:
                    continue

    async def _try(self, client: httpx.AsyncClient, target: Target, message: Message) -> None:
        """One attempt. If we crash after it, it is made once more, under the same id."""
        failure = await _posted(client, target, message, self.now())
        if failure is None:
            await self.mail.delivered(message, self.now())
            return
        last = message.attempts + 1 >= self.patience.attempts or failure == f"status {GONE}"
        pause = timedelta(seconds=self.patience.pause(message.attempts))
        await self.mail.failed(message, failure, None if last else self.now() + pause, self.now())
        if last:
            _logger.error("a message to webhook `%s` was given up: %s", target.name, failure)


async def _posted(client: httpx.AsyncClient, target: Target, message: Message, now: datetime) -> str | None:
    """Why it was not taken, in a stable word; None if it was."""
    headers = target.headers(message.id, now, message.body)
    try:
        async with client.stream("POST", target.url, content=message.body, headers=headers) as reply:
            return None if reply.is_success else f"status {reply.status_code}"
    except httpx.TimeoutException:
        return "timeout"
    except (httpx.HTTPError, httpx.InvalidURL):
        return "unreachable"
