"""A signal to the process -> the policy folder read anew: another policy in force, or the last good one kept.

Guarantee: a request keeps the policy that it began with. What came into force, or why nothing did, is an entry of the
log and a line for the operator, and ``/readyz`` says so until a folder is good again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from hub.audit.entry import Entry
from hub.errors import HubError
from hub.hub import Hub
from policies.problems import PolicyError

_logger = logging.getLogger(__name__)


@contextmanager
def reloading_on_signal(hub: Hub) -> Iterator[None]:
    """Until the end, SIGHUP reads the policy folder anew."""
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def begin() -> None:
        task = loop.create_task(reload_policy(hub))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, begin)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def reload_policy(hub: Hub) -> None:
    """Reads the folder anew; in force is what it holds, or what was in force before."""
    before, refused = hub.policy.version, ""
    try:
        # Reading and checking takes a tenth of a second of the processor: answers go on meanwhile.
        changed = await asyncio.to_thread(hub.current.reload)
    except PolicyError as error:
        changed, refused = False, str(error)
    if refused:
        _logger.error("the policy is not reloaded, version %s stays in force:\n%s", before, refused)
    else:
        _logger.info("the policy was read anew, version %s is in force", hub.policy.version)
    if not changed and not refused:
        return
    try:
        await hub.recording.log.record([_entry(hub, before, refused=bool(refused))])
    except HubError as error:
        # The version stands in every entry all the same: what was answered by which policy is never in doubt.
        _logger.error("the reload has no entry of its own: %s", error.message)


def _entry(hub: Hub, before: str, *, refused: bool) -> Entry:
    return Entry(
        kind="policy",
        request=secrets.token_hex(16),
        at=hub.clock(),
        unit="hub",
        policy=hub.policy.version,
        decision="DENIED" if refused else "ALLOWED",
        facts=("act=reload", f"before={before}"),
    )
