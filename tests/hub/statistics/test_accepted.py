"""A quarter is frozen when its last town is accepted: once, whole, and by one replica, wherever the hub is killed."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.audit.contract import StoreError
from hub.audit.entry import Entry
from hub.audit.session import Session
from hub.hub import Hub
from hub.statistics.accepted import Freezing, recent
from hub.statistics.tables import Published
from policies.policy import Policy
from tests.bench.freeze import COMMAND, write_settings
from tests.support.running import NOW, ROOT, Asking, connect

pytestmark = pytest.mark.postgres
QUARTER = "2026Q4"
TOWN, ACCEPTED, DRAFT = "2", "3", "0"
ASKED = f"""{{ aggregate(by: ["AssistanceRecord.kind"], measure: "COUNT", where: {{quarter: "{QUARTER}"}}) {{
  quarter cells {{ value suppressed }}
}} }}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The databases by their owner, and what freezes there."""

    server: Server
    session: Session
    sources: Mapping[str, Source]
    policy: Policy
    entries: list[Entry]

    def freezing(self, session: Session | None = None, **more: Any) -> Freezing:
        """What a replica runs."""

        async def record(entry: Entry) -> None:
            self.entries.append(entry)

        given = {
            "record": record,
            "opened": lambda: connect(self.server),
            "policy": lambda: self.policy,
            "now": lambda: NOW,
        }
        return Freezing(connections=session or self.session, **(given | more))

    async def accept(self, but: str = "-") -> None:
        """Every town's survey of the quarter is accepted, but this one's."""
        owner = await asyncpg.connect(self.server.dsn("civil_affairs"))
        await owner.execute(
            "update dcbs set bszt = case when xzqhdm = $1 then $2 else $3 end where jd = $4 and tbjb = $5",
            *(but, DRAFT, ACCEPTED, QUARTER, TOWN),
        )
        await owner.close()

    async def withdraw(self) -> None:
        """No town has submitted anything of the quarter."""
        owner = await asyncpg.connect(self.server.dsn("civil_affairs"))
        await owner.execute("update dcbs set bszt = $1 where jd = $2 and tbjb = $3", DRAFT, QUARTER, TOWN)
        await owner.close()

    async def stored(self) -> tuple[int, int, int]:
        """Rows of the quarter: itself, cells, figures."""
        owner = await asyncpg.connect(self.server.dsn("hub"))
        found = await owner.fetchrow(
            "select (select count(*) from published_quarter where id = $1),"
            " (select count(*) from published_cell where quarter = $1),"
            " (select count(*) from statistic where quarter = $1 and not (value is null and not suppressed))",
            QUARTER,
        )
        await owner.close()
        return tuple(found)

    async def forget(self) -> None:
        """As before it was frozen."""
        owner = await asyncpg.connect(self.server.dsn("hub"))
        for table, column in (("published_cell", "quarter"), ("published_quarter", "id"), ("statistic", "quarter")):
            await owner.execute(f"delete from {table} where {column} = $1", QUARTER)
        await owner.execute("select pg_advisory_unlock_all()")
        await owner.close()


@pytest.fixture
async def place(server: Server, sources: Mapping[str, Source], hub: Hub) -> AsyncIterator[Place]:
    session = Session(server.dsn("hub"), name="quarters", durable=False, timeout=30.0)
    found = Place(server=server, session=session, sources=sources, policy=hub.policy, entries=[])
    await found.forget()
    yield found
    await session.close()
    await found.forget()
    await found.withdraw()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[Published]:
    """Cells in place of a search, where only the storing is looked at."""
    cells = [Published(table="t10", keys=(kind,), value=value) for kind, value in (("TUTORING", None), ("OTHER", 15.0))]

    async def found(_self: Freezing, *_: object) -> Sequence[Published]:
        return cells

    monkeypatch.setattr(Freezing, "_settled", found)
    return cells


def towns(policy: Policy) -> list[str]:
    return [one.code for one in policy.divisions.values() if one.level == "town" and not one.code.startswith("1201144")]


async def test_the_last_town_that_is_accepted_freezes_the_quarter_and_before_that_it_is_said_not_to_be(
    place: Place, ask: Asking
) -> None:
    await place.accept(but=towns(place.policy)[-1])
    freezing = place.freezing()
    assert await freezing.look() == []
    early = await ask("finance_bureau", "support_planning", ASKED)
    assert early.codes() == {"DISCLOSURE_LIMIT"} and QUARTER in early.errors[0]["message"]

    await place.accept()
    assert await freezing.look() == [QUARTER]
    answer = (await ask("finance_bureau", "support_planning", ASKED)).data
    assert answer is not None and answer["aggregate"]["quarter"] == QUARTER and answer["aggregate"]["cells"]
    [entry] = place.entries
    assert f"quarter={QUARTER}" in entry.facts and entry.kind == "policy"
    before = await place.stored()
    assert await freezing.look() == [] and await place.stored() == before and len(place.entries) == 1


async def test_killed_between_entry_and_storing_nothing_is_there_and_the_next_look_freezes(
    place: Place, settled: list[Published]
) -> None:
    await place.accept()

    async def dies(_: Entry) -> None:
        raise StoreError("the log is gone")

    with pytest.raises(StoreError):
        await place.freezing(record=dies).look()
    assert await place.stored() == (0, 0, 0)
    assert await place.freezing().look() == [QUARTER]
    assert (await place.stored())[:2] == (1, len(settled))


@pytest.mark.parametrize("statement", [1, 2, 3])
async def test_cut_off_within_the_storing_no_part_of_the_quarter_is_there(
    place: Place, settled: list[Published], statement: int
) -> None:
    await place.accept()
    cutting = _Cutting(place.session, statement)
    with pytest.raises(StoreError):
        await place.freezing(cutting).look()  # type: ignore[arg-type]
    assert await place.stored() == (0, 0, 0)
    assert await place.freezing().look() == [QUARTER]
    assert (await place.stored())[:2] == (1, len(settled))


class _Cutting:
    """A session whose connection is lost after so many statements of a transaction."""

    def __init__(self, session: Session, after: int) -> None:
        self.session, self.left = session, after

    def connection(self) -> Any:
        return _Cut(self)


class _Cut:
    def __init__(self, owner: _Cutting) -> None:
        self.owner, self.context = owner, owner.session.connection()

    async def __aenter__(self) -> Any:
        self.real = await self.context.__aenter__()
        return self

    async def __aexit__(self, *fault: Any) -> Any:
        return await self.context.__aexit__(*fault)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def execute(self, *arguments: Any) -> Any:
        done = await self.real.execute(*arguments)
        self.owner.left -= 1
        if not self.owner.left:
            self.real.terminate()
        return done


async def test_of_two_replicas_one_freezes(place: Place, settled: list[Published]) -> None:
    await place.accept()
    other = Session(place.server.dsn("hub"), name="other", durable=False, timeout=30.0)
    tasks = [asyncio.create_task(place.freezing(session).run(42, 0.05)) for session in (place.session, other)]
    async with asyncio.timeout(30):
        while (await place.stored())[0] == 0:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await other.close()
    assert len(place.entries) == 1 and (await place.stored())[:2] == (1, len(settled))


def test_the_quarters_that_are_looked_at_are_the_running_one_and_two_before() -> None:
    assert recent(date(2026, 11, 24)) == ["2026Q2", "2026Q3", "2026Q4"]
    assert recent(date(2027, 1, 1)) == ["2026Q3", "2026Q4", "2027Q1"]


@pytest.mark.soak
async def test_killed_at_any_moment_the_command_leaves_no_half_quarter_and_ends_as_if_undisturbed(
    place: Place, tmp_path: Path
) -> None:
    command = [*COMMAND, "--config", str(write_settings(place.server, tmp_path))]
    draw, kept = random.Random(6), 0
    for _ in range(12):
        process = subprocess.Popen([*command, "statistics", "freeze", QUARTER], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            await asyncio.to_thread(process.wait, draw.uniform(0.5, 8.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        quarter, cells, _ = found = await place.stored()
        assert found == (0, 0, 0) or (quarter == 1 and cells > 1_000), found
        kept += quarter
        await place.forget()
    assert kept < 12
    assert subprocess.run([*command, "statistics", "freeze", QUARTER], cwd=ROOT, check=False).returncode == 0
    assert (await place.stored())[0] == 1
