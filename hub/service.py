"""Settings -> Service: schema, policy, sources, log and keys opened and put together, and closed in good order.

What stops a start: a wrong setting, policy, mapping or key, and a log that takes no entry, once it was waited for. What
does not: a department that does not answer, since its connection is made when it is first asked, and again after every
outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import connectors
import policies
from connectors.mapping import MappingError
from connectors.mapping import load as load_mapping
from connectors.postgres import PoolSettings, PostgresSource
from connectors.source import Aggregate, Bindings, Fetch, Row, Source, SourceError
from connectors.write import Target
from hub.audit.contract import StoreError
from hub.audit.entry import Entry, Pseudonyms
from hub.audit.log import Log
from hub.audited import Audited, auditing, console_of, tlog_of
from hub.awaited import awaited
from hub.credential import RevokedFile, Verifier
from hub.document import Documents
from hub.eventing import open_events
from hub.events.subscription import Events
from hub.gate import Gate
from hub.http import Turned
from hub.hub import Hub
from hub.identity import Identity
from hub.keys import KeySet
from hub.lifecycle.held import Held
from hub.lifecycle.refused import refused_reports
from hub.lifecycle.signatures import served
from hub.ordered import fulfilling
from hub.pages.console.ports import Console
from hub.pages.desk import Desk, HeldReports
from hub.pipeline import Request, answer
from hub.planner.scopes import SCOPES
from hub.quarterly import freezing
from hub.recording import Recording
from hub.reloading import Reloading, following
from hub.response import Answer
from hub.seal import Seals
from hub.secrets import Secrets, open_secrets
from hub.settings import SOURCES, ConfigurationError, Settings
from hub.sources import Sources
from hub.statistics.accepted import DEADLINE
from hub.telemetry import Stages
from hub.tlog import Tlog
from hub.today import Truancy
from hub.writing import holding, open_writing
from policies.current import Current
from policies.folder import load as load_policy
from policies.policy import Policy
from policies.problems import PolicyError
from schema.catalogue import CATALOGUE


@dataclass(slots=True, kw_only=True)
class Behind:
    """What stands behind the door: keeps ``hub.http.Service``."""

    hub: Hub
    verifier: Verifier
    stages: Stages
    log: Log
    tlog: Tlog | None
    console: Console | None
    ready_within: float
    desk: Desk | None = None
    reloading: Reloading | None = None

    @property
    def events(self) -> Events | None:
        """What tells of changes."""
        return self.hub.events

    @property
    def registry(self) -> Policy:
        """The policy in force."""
        return self.hub.policy

    async def answer(self, identity: Identity, request: Request) -> Answer:
        """The answer to a request; its entry is durable."""
        return await answer(self.hub, identity, request)

    async def turned_away(self, turned: Turned) -> None:
        """Makes the entry of a refused request durable."""
        await self.log.record([entry_of(turned, self.hub)])

    async def ready(self) -> Mapping[str, str]:
        """Each part and how it is."""
        targets = {} if self.hub.writing is None else self.hub.writing.targets
        parts = {name: self._pinged(name) for name in self.hub.sources.by_name}
        parts |= {f"write {name}": self._written(target) for name, target in targets.items()}
        parts |= {"log": self._log_state()}
        if self.hub.held is not None:
            parts["held reports"] = _held_state(self.hub.held)
        if self.events is not None:
            parts["webhooks"] = self._webhooks(self.events)
        states = await asyncio.gather(*parts.values())
        return {**dict(zip(parts, states, strict=True)), "policy": _policy_state(self.hub.current)}

    async def _webhooks(self, events: Events) -> str:
        """Whether every message to a unit's own system was taken, or may still be."""
        try:
            async with asyncio.timeout(self.ready_within):
                dead = 0 if events.dead is None else await events.dead()
        except (StoreError, TimeoutError):
            return "unavailable"
        return f"{dead} given up" if dead else "ok"

    async def _written(self, target: Target) -> str:
        try:
            # The role's own way to the department, without a trace: a name that no act has.
            await target.found("", deadline=self.ready_within)
        except SourceError as error:
            return error.reason
        return "ok"

    async def _pinged(self, name: str) -> str:
        try:
            await self.hub.sources.by_name[name].ping(deadline=self.ready_within)
        except SourceError as error:
            return error.reason
        return "ok"

    async def _log_state(self) -> str:
        try:
            async with asyncio.timeout(self.ready_within):
                return "ok" if await self.log.healthy() else "unavailable"
        except TimeoutError:
            return "timeout"


def _policy_state(current: Current) -> str:
    if current.failure is not None:
        return "reload refused, the last good one is in force"
    return "ok" if current.awaited is None else "another version was put in force elsewhere"


async def _held_state(held: Held) -> str:
    try:
        counts = await held.shelf.counts()
    except StoreError:
        return "unavailable"
    return "refused" if counts.refused else "waiting" if counts.waiting else "ok"


def entry_of(turned: Turned, hub: Hub) -> Entry:
    """The entry of a request turned away at the door; what the caller wrote stands in it only if it is a known word."""
    credential, declaration = turned.credential, turned.declaration
    purpose = declaration.purpose if declaration and declaration.purpose in hub.policy.purposes else ""
    codes = sorted({error.code for error in turned.errors})
    failed = codes == ["INTERNAL"]
    return Entry(
        kind="failure" if failed else "refusal",
        request=turned.request_id,
        at=hub.clock(),
        unit=credential.key if credential else "",
        client=credential.client if credential else "",
        operator=credential.operator if credential else "",
        purpose=purpose or "",
        case=hub.pseudonyms.case((declaration.case if declaration else None) or ""),
        decision="FAILED" if failed else "DENIED",
        policy=hub.policy.version,
        errors=codes,
    )


@dataclass(slots=True)
class Unadopted:
    """A department without a DSN: everything that is asked of it is an outage, never an empty answer."""

    name: str

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def ping(self, *, deadline: float) -> None:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def close(self) -> None:
        """Nothing is open."""


def read_policy(settings: Settings) -> Policy:
    """The policy that settings name; raises ``PolicyError``."""
    folder = settings.policies or Path(str(policies.__path__[0]))
    return load_policy(folder, CATALOGUE, scopes=frozenset(SCOPES))


def open_sources(settings: Settings, *, longest: float | None = None) -> dict[str, Source]:
    """Every source, nothing asked of it yet; raises ``ConfigurationError`` for a mapping that cannot be read.

    ``longest``: seconds that a statement may take, where whole tables are read.
    """
    folder = Path(str(connectors.__path__[0]))
    pool = PoolSettings(connections=settings.pools.source, connect_timeout=settings.deadlines.source)
    if longest is not None:
        pool = replace(pool, statement_timeout=longest)
    found: dict[str, Source] = {}
    for name in SOURCES:
        dsn = settings.databases.dsn(name)
        if dsn is None:
            found[name] = Unadopted(name)
            continue
        try:
            mapping = load_mapping(folder / f"{name}.toml")
        except MappingError as error:
            raise ConfigurationError(str(error)) from None
        found[name] = PostgresSource(name=name, mapping=mapping, dsn=dsn, settings=pool)
    return found


def make_verifier(settings: Settings) -> Verifier:
    """The judge of tokens."""
    credentials = settings.credentials
    return Verifier(
        keys=KeySet(place=settings.jwks, seconds=credentials.jwks_seconds, clock=time.monotonic),
        issuer=credentials.issuer,
        audience=credentials.audience,
        lifetime=credentials.lifetime,
        leeway=credentials.leeway,
        clock=time.time,
        revoked=RevokedFile(credentials.revoked) if credentials.revoked else frozenset,
        remembered=credentials.remembered,
    )


@asynccontextmanager
async def open_service(
    settings: Settings, stages: Stages, *, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[Behind]:
    """The service, ready to answer; raises ``ConfigurationError`` with what is wrong and where.

    ``clock`` (default: this machine's) says which day it is for scopes, steps and entries; tokens go by this machine's.
    """
    current, dsn = _current(settings), _log_of(settings)
    secrets, sources = open_secrets(settings.keys, origin=settings.origin), open_sources(settings)

    def opening() -> AbstractAsyncContextManager[Behind]:
        return _opened(settings, dsn, current, secrets, sources, stages, clock or _clock_of(settings))

    try:
        async with AsyncExitStack() as stack:
            yield await awaited(stack, opening, within=settings.deadlines.start)
    except StoreError as error:
        raise ConfigurationError(f"the log takes no entries ({error.reason}), see `databases.log`") from None
    finally:
        await asyncio.gather(*(source.close() for source in sources.values()))


@asynccontextmanager
async def _opened(
    settings: Settings,
    dsn: str,
    current: Current,
    secrets: Secrets,
    sources: Mapping[str, Source],
    stages: Stages,
    clock: Callable[[], datetime],
) -> AsyncIterator[Behind]:
    """All that rests on the log's database; ``StoreError`` if that does not answer now."""
    async with (
        auditing(settings, dsn, secrets.log) as audited,
        Log.opened(
            dsn,
            key=secrets.log,
            durable=settings.fsync_required,
            patience=settings.deadlines.log,
            may_release=audited.age.may_release,
        ) as log,
    ):
        hub = _hub(settings, current, sources, log, secrets, stages, clock)
        async with (
            open_events(settings, hub, dsn) as hub.events,
            open_writing(settings, hub, dsn, log, secrets.pseudonyms, secrets.seal) as writing,
            holding(settings, writing, dsn, secrets.seal) as hub.held,
            fulfilling(settings, lambda: hub.policy, hub.clock, log, secrets.pseudonyms) as orders,
            freezing(settings, hub, dsn, log, lambda: open_sources(settings, longest=DEADLINE)),
            following(settings, hub, dsn) as reloading,
        ):
            hub.writing = writing
            behind = _behind(settings, hub, stages, log, audited)
            assert behind.desk is not None
            behind.desk, behind.reloading = replace(behind.desk, orders=orders), reloading
            yield behind


def _current(settings: Settings) -> Current:
    try:
        return Current(lambda: read_policy(settings))
    except PolicyError as error:
        raise ConfigurationError(str(error)) from None


def _log_of(settings: Settings) -> str:
    dsn = settings.databases.dsn("log")
    if dsn is None:
        raise ConfigurationError("setting `databases.log` (`HUB_DATABASES__LOG`) is missing: no entry, no answer")
    return dsn


def _behind(settings: Settings, hub: Hub, stages: Stages, log: Log, audited: Audited) -> Behind:
    verifier = make_verifier(settings)
    console = console_of(settings, hub, verifier, log, audited)
    behind = Behind(
        hub=hub,
        verifier=verifier,
        stages=stages,
        log=log,
        tlog=tlog_of(settings, hub, verifier, log, audited),
        console=console,
        ready_within=settings.deadlines.ready,
    )
    behind.desk = Desk(
        verifier=verifier,
        sessions=console.sessions,
        auditors=console.auditors,
        policy=console.policy,
        view=lambda unit, purpose: hub.view(hub.entitlements(unit, purpose)),
        answering=behind,
        clock=hub.clock,
        case_pattern=settings.case_pattern,
        duty_phone=settings.duty_phone,
        gate=Gate(settings.limits.concurrency),
        limits=settings.clocks,
        invented=settings.invented,
        held=_held_of(hub),
        letters=None if hub.events is None else hub.events.letters,
    )
    return behind


def _held_of(hub: Hub) -> HeldReports | None:
    """What pages tell the police of reports that their system did not take."""
    held = hub.held
    return None if held is None else HeldReports(counts=held.shelf.counts, shown=partial(refused_reports, hub, held))


def _clock_of(settings: Settings) -> Callable[[], datetime]:
    zone = ZoneInfo(settings.timezone)
    return lambda: datetime.now(zone)


def _hub(
    settings: Settings,
    current: Current,
    sources: Mapping[str, Source],
    log: Log,
    secrets: Secrets,
    stages: Stages,
    clock: Callable[[], datetime],
) -> Hub:
    schema, pseudonyms = served(), Pseudonyms(secrets.pseudonyms)
    return Hub(
        schema=schema,
        current=current,
        documents=Documents(schema, settings.limits),
        sources=Sources.of(sources, deadline=settings.deadlines.source, monotonic=time.monotonic),
        recording=Recording(log=log, pseudonyms=pseudonyms, clock=clock, policy_version=lambda: current.policy.version),
        pseudonyms=pseudonyms,
        seals=Seals(secrets.seal),
        limits=settings.limits,
        clock=clock,
        patience=settings.deadlines.count,
        duty_phone=settings.duty_phone,
        parks=settings.parks,
        truancy=Truancy(running=settings.clocks.truancy_run, term=settings.clocks.truancy_days),
        stage=stages.stage,
    )
