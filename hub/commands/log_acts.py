"""An act on the log by command -> who does it, by a verified token, and its entry durable or placed.

Guarantee: ``put`` returns when the entry is on disk, ``place`` when it has its place in the tree as well. A token is
verified as at the hub's door; numbers of children are read from a prompt or standard input, never from where others
who work on the same host can see them, if ``-`` is given.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Final

import typer
from graphql import GraphQLError

from hub.audit.desk import Desk
from hub.audit.entry import Entry, encode
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.store import PostgresStore
from hub.commands.log_access import keyring, writing
from hub.commands.outcome import MISCONFIGURED, Failure
from hub.commands.principals import dev_token
from hub.errors import RefusalError
from hub.identity import Declaration, Identity, declare
from hub.service import make_verifier
from hub.settings import Settings
from policies.policy import Policy
from schema.scalars import parse_citizen_id

PATIENCE: Final = 10.0
"""Seconds in which a running hub gives an entry its place; after that the command does it itself."""
TOKEN: Final = "HUB_TOKEN"
"""Environment variable with a token; without one, a local hub's dev issuer makes it, as for `hub query`."""


async def identified(settings: Settings, policy: Policy, unit: str, purpose: str, case: str | None) -> Identity:
    """Who acts: ``unit``, by a token that is verified; raises ``RefusalError`` for a credential that does not hold."""
    token = os.environ.get(TOKEN) or dev_token(settings, unit, purposes=(purpose,), operator="cli", policy=policy)
    credential = await make_verifier(settings).verify(token)
    if credential.unit != unit:
        raise RefusalError("UNAUTHENTICATED", f"the token in `{TOKEN}` is not one of `{unit}`")
    return declare(credential, Declaration(purpose=purpose, case=case or None), policy, settings.case_pattern)


async def put(settings: Settings, entry: Entry) -> None:
    """Makes the entry durable; the same name with other bytes is a ``Failure``."""
    leaf = encode(entry)
    store = PostgresStore(writing(settings, "command"))
    try:
        kept = await store.append([leaf])
    finally:
        await store.close()
    if leaf.hash not in kept:
        raise Failure(f"the log has another entry `{leaf.name}` already")


async def place(settings: Settings, reader: Reader, entry: Entry) -> None:
    """Returns when the entry, durable already, stands in the tree: a running hub places it, or else this command."""
    until = time.monotonic() + PATIENCE
    while not await _placed(reader, entry) and time.monotonic() < until:
        await asyncio.sleep(0.2)
    if not await _placed(reader, entry):
        desk = Desk(writing(settings, "command"))
        if await desk.acquire():
            await Sequencer(desk, keyring(settings)).drain()
        await desk.close()
    if not await _placed(reader, entry):
        raise Failure("the entry got no place in the tree: is a sequencer hanging?")


async def _placed(reader: Reader, entry: Entry) -> bool:
    found = await reader.named(entry.request, entry.kind, entry.part)
    return found is not None and found.index is not None


def numbers(citizen_id: str | None, register: str | None) -> tuple[str | None, str | None]:
    """The numbers as typed, or asked for where ``-`` stands; at least one is needed."""
    if citizen_id is None and register is None:
        raise Failure("say `--citizen-id` or `--register`, best both; `-` asks for the number", MISCONFIGURED)
    citizen_id = asked("公民身份号码 citizen id", citizen_id)
    register = asked("档案编号 register number", register)
    try:
        return (None if citizen_id is None else parse_citizen_id(citizen_id)), register
    except GraphQLError as error:
        raise Failure(error.message, MISCONFIGURED) from None


def asked(name: str, value: str | None) -> str | None:
    """``value``, or where it is ``-`` what is typed unseen, or a line of standard input."""
    if value == "-":
        value = typer.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if value is not None and not value.strip():
        raise Failure(f"{name}: the number is empty", MISCONFIGURED)
    return None if value is None else value.strip()
