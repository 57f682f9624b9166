"""``hub audit key`` and ``rotate``: the key by which the log signs, told and handed on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import typer

from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.keyring import Keyring, hand_over, key_entry, next_key
from hub.audit.keys import VerifierKey
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.store import PostgresStore
from hub.commands.log_access import keyring, reading, writing
from hub.commands.outcome import Failure, err, out, outcomes, settings_of
from hub.settings import Settings

PATIENCE: Final = 10.0
"""Seconds in which a running hub gives the new key's entry its place; after that this command does it itself."""


def add(group: typer.Typer) -> None:
    """Adds the commands to ``hub audit``."""
    group.command()(key)
    group.command()(rotate)


def key(context: typer.Context) -> None:
    """Print the verifier keys of the log, the oldest first: what auditors and witnesses are given. 日志验证公钥。

    Exit codes: 0 printed; 2 the keys folder cannot be used.
    """
    with outcomes():
        for verifier in keyring(settings_of(context)).verifiers:
            out.print(str(verifier), markup=False)


def rotate(context: typer.Context) -> None:
    """Hand the log over to a new key, by an entry that the old one signs. 更换日志签名密钥。

    Running replicas that share the keys folder follow at their next signature; copy the folder to the others first
    of all, or they refuse to sign. If the command is interrupted, run it again.

    Exit codes: 0 done; 1 the entry got no place; 2 the keys folder or the log's database cannot be used.
    """
    with outcomes():
        settings = settings_of(context)
        ring = keyring(settings)
        asyncio.run(_announce(settings, ring))
        new = hand_over(ring)
        err.print("hub: the new key is in force; give it to auditors and witnesses:", markup=False)
        out.print(str(new), markup=False)


async def _announce(settings: Settings, ring: Keyring) -> None:
    """Returns when the entry that names the next key stands in the tree."""
    new = next_key(ring).verifier
    entry = encode(key_entry(ring.current, new, datetime.now(UTC)))
    async with reading(settings) as reader:
        if await reader.named(entry.request, entry.kind, entry.part) is None:
            store = PostgresStore(writing(settings, "rotate"))
            await store.append([entry])
            await store.close()
        until = time.monotonic() + PATIENCE
        while not await _placed(reader, new) and time.monotonic() < until:
            await asyncio.sleep(0.2)
        if not await _placed(reader, new):
            await _sequence(settings, ring)
        if not await _placed(reader, new):
            raise Failure("the entry of the new key got no place in the tree: is a sequencer hanging?")


async def _placed(reader: Reader, new: VerifierKey) -> bool:
    found = await reader.named(f"key-{new.id.hex()}", "key", 0)
    return found is not None and found.index is not None


async def _sequence(settings: Settings, ring: Keyring) -> None:
    """Gives waiting entries their places here, if no hub does."""
    desk = Desk(writing(settings, "rotate"))
    if await desk.acquire():
        await Sequencer(desk, ring).drain()
    await desk.close()
