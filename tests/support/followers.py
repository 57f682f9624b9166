"""Subscribers of many principals over real WebSockets, and what each must have been told once a round is over.

Who is told of what is decided here by the domain model's lines (``rights.py``) and scopes (``scopes.py``) over the rows
as the departments hold them, never by the hub's own tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import WebSocketException

from tests.support.course import CIVIL, EMERGENCY, GUARDIANSHIP, POLICE, PROCURATORATE
from tests.support.drive import CHANGED, Drive, Driven
from tests.support.listening import OverError, listening
from tests.support.rights import Me, scopes, selected
from tests.support.served import Served
from tests.support.sight import Sight
from tests.support.world import HOME, Row, World

FIELDS_OF = {"MandatoryReport": "mandatoryReport", "Incident": "incident", "Child": "child"}
FLAGS = "Child.riskFlags"
AGAIN_AFTER = 0.05
OVERDUE = "overdue"
"""In place of a type: alarms."""


@dataclass(slots=True, kw_only=True)
class Follower:
    """One subscription of one principal; ``told``: everything that it was ever told, in order."""

    served: Served
    me: Me
    type_name: str
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        """What it asks for: all that its grants let it read."""
        return [] if self.type_name == OVERDUE else selected(self.me, self.type_name)

    @property
    def row(self) -> str:
        """The field of an event that holds its row."""
        return "node" if self.type_name == OVERDUE else FIELDS_OF[self.type_name]

    @property
    def root(self) -> str:
        """The field of ``Subscription``."""
        return "overdue" if self.type_name == OVERDUE else f"{self.row}Changed"

    @property
    def query(self) -> str:
        """Its document."""
        words = "clock" if self.type_name == OVERDUE else "changed"
        return (
            f"subscription($after: String) {{ {self.root}(after: $after)"
            f" {{ cursor {words} {self.row} {{ id {' '.join(self.fields)} }} }} }}"
        )

    def position(self, told: Mapping[str, Any]) -> int:
        """The event's place among all events."""
        bound = f"event/{self.me.purpose}/{self.root}".encode()
        return int(self.served.seals.of(self.me.key).place(told["cursor"], bound)[1])

    def key(self, told: Mapping[str, Any]) -> str:
        """Key of the row that it is told of."""
        return str(self.served.seals.of(self.me.key).identified(told[self.row]["id"], "id")[1])

    def named(self, sight: Sight, row: Row, names: Iterable[str]) -> list[str]:
        """Those of the row's changed fields of which it must be told: subscribed to, in scope, and read in clear."""
        return sorted(
            coordinate
            for coordinate in (f"{self.type_name}.{name}" for name in names)
            if sight.state(self.type_name, row, coordinate) == "clear"
            and any(
                sight.scopes.holds(scope, self.type_name, row) for scope in scopes(self.me, coordinate, "subscribe")
            )
        )

    def owed(self, sight: Sight, world: World, steps: Sequence[tuple[Driven, str]]) -> dict[str, list[str]]:
        """Key -> coordinates, for each row of whose change in this round it must be told."""
        found = {}
        for driven, step in steps:
            names = CHANGED[step].get(self.type_name, frozenset())
            column = "_key" if self.type_name == "MandatoryReport" else "_report"
            rows = world.by(HOME[self.type_name], self.type_name, column, driven.course.key) if names else []
            for row in rows:
                if changed := self.named(sight, row, names):
                    found[str(row["_key"])] = changed
        return found

    def holds_what_it_may_read(self, told: Mapping[str, Any], before: Sight, after: Sight) -> None:
        """Each value is what the principal read of the row before the round or reads after it, and nothing else."""
        key, shown = self.key(told), told[self.row]
        values = [
            {name: sight.shown(self.type_name, row, name) for name in self.fields}
            for sight in (before, after)
            for row in sight.world.by(HOME[self.type_name], self.type_name, "_key", key)
        ]
        for name in self.fields:
            assert any(shown[name] == one[name] for one in values), (self.me, key, name, shown[name], values)


@dataclass(slots=True, kw_only=True)
class Followers:
    """All subscriptions of a drive, held against the departments' rows after each round."""

    followers: list[Follower]
    checked: dict[int, int] = field(default_factory=dict)
    count: int = 0
    last: Sequence[tuple[Driven, str]] = ()

    async def after(self, steps: Sequence[tuple[Driven, str]], before: World, world: World) -> None:
        """Returns when everybody was told of the round: each change once, in order, and of nothing else."""
        for follower in self.followers:
            sight, earlier = Sight(world, follower.me), Sight(before, follower.me)
            if follower.type_name == "Child":
                await self._flags(follower, steps, earlier, sight)
            else:
                owed = follower.owed(sight, world, steps)
                await self._exactly(follower, owed, earlier, sight)
        self.last = steps

    def _fresh(self, follower: Follower) -> list[dict[str, Any]]:
        return follower.told[self.checked.get(id(follower), 0) :]

    async def _exactly(self, follower: Follower, owed: Mapping[str, list[str]], before: Sight, after: Sight) -> None:
        await _until(lambda: len(self._fresh(follower)) >= len(owed), follower, owed)
        fresh = self._fresh(follower)
        found = [(follower.key(told), told["changed"]) for told in fresh]
        assert sorted(found) == sorted(owed.items()), (follower.me, follower.type_name)
        self._judge(follower, fresh, before, after)

    async def _flags(
        self, follower: Follower, steps: Sequence[tuple[Driven, str]], before: Sight, after: Sight
    ) -> None:
        """Of a flag that changed for it it is told, if it sees by what; of a child of no step it never is.

        Who loses sight of a report with its end is not told of the flag that ends as well.
        """
        due = {
            key: (step, _flags_of(follower, before, key), _flags_of(follower, after, key))
            for driven, step in steps
            for key in (driven.course.child.register,)
            if _flags_of(follower, after, key) not in (None, _flags_of(follower, before, key))
            if _sees_why(after, driven)
        }
        await _until(lambda: due.keys() <= {follower.key(told) for told in self._fresh(follower)}, follower, due)
        fresh = self._fresh(follower)
        children = {driven.course.child.register for driven, _ in (*self.last, *steps)}
        assert {follower.key(told) for told in fresh} <= children, follower.me
        assert all(told["changed"] == [FLAGS] for told in fresh)
        self._judge(follower, fresh, before, after)

    def _judge(self, follower: Follower, fresh: Sequence[dict[str, Any]], before: Sight, after: Sight) -> None:
        positions = [follower.position(told) for told in follower.told]
        assert positions == sorted(set(positions)), "an event came twice, or before an earlier one"
        for told in fresh:
            follower.holds_what_it_may_read(told, before, after)
        self.checked[id(follower)] = len(follower.told)
        self.count += len(fresh)

    async def silent(self, seconds: float) -> None:
        """Nothing more comes to anybody, but of flags of which the last round told twice."""
        await asyncio.sleep(seconds)
        children = {driven.course.child.register for driven, _ in self.last}
        more = {
            (one.me.key, one.type_name): one.key(told)
            for one in self.followers
            for told in self._fresh(one)
            if one.type_name != "Child" or one.key(told) not in children
        }
        assert not more, more


async def follow_on(follower: Follower, begun: asyncio.Event) -> None:
    """Follows until cancelled: whatever ends the socket, it comes again with the last cursor that it has.

    ``begun`` is set once its place is known: from then on nothing may be missing.
    """
    after: str | None = None
    while True:
        try:
            async with listening(follower.served, follower.me.key, follower.me.purpose) as listener:
                after = after or listener.after[follower.root]
                begun.set()
                await listener.subscribe(follower.query, after=after)
                while True:
                    told = await listener.told(3600)
                    follower.told.append(told)
                    after = told["cursor"]
        except (OSError, TimeoutError, WebSocketException, OverError):
            # The socket is gone, or the subscription has ended: something that it needs was away for too long.
            await asyncio.sleep(AGAIN_AFTER)


def _flags_of(follower: Follower, sight: Sight, register: str) -> list[str] | None:
    """Flags of the child's file that it must be told of when they change; None: the file is not there for it."""
    for row in sight.world.by("civil_affairs", "Child", "_key", register):
        if follower.named(sight, row, ["riskFlags"]):
            found: list[str] = sight.shown("Child", row, "riskFlags")
            return found
    return None


def _sees_why(sight: Sight, driven: Driven) -> bool:
    """Whether the principal reads what of the report, or of its incident, raises flags."""
    key, police = driven.course.key, "public_security"
    reports = sight.world.by(police, "MandatoryReport", "_key", key)
    incidents = sight.world.by(police, "Incident", "_report", key)
    of_report = any(sight.reads("MandatoryReport", row, "concernKinds") for row in reports)
    return of_report or any(sight.reads("Incident", row, "parentsReached") for row in incidents)


async def _until(reached: Any, follower: Follower, owed: Any) -> None:
    """Waits for what is under way, as long as something comes; what does not come at all is told by name."""
    while not reached():
        count = len(follower.told)
        try:
            async with asyncio.timeout(60):
                while not reached() and len(follower.told) == count:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            came = [(follower.key(told), told["changed"]) for told in follower.told[-8:]]
            raise AssertionError((follower.me, follower.type_name, "owed", owed, "came last", came)) from None


def subscribers(drive: Drive, strangers: Sequence[str]) -> list[tuple[Me, str]]:
    """Everybody who may be told of a report: police, civil affairs, procuratorate, towns, villages, reporters."""
    children = [one.course.child for one in drive.driven]
    towns = sorted({child.town for child in children} | {key for key in strangers if key.startswith("town")})
    villages = sorted({child.committee for child in children} | {key for key in strangers if key.startswith("vill")})
    institutions = sorted({one.reporter for one in drive.driven if one.reporter.startswith("mandatory_reporter:")})
    return [
        (Me(POLICE, EMERGENCY), "MandatoryReport"),
        (Me(CIVIL, EMERGENCY), "Incident"),
        (Me(CIVIL, GUARDIANSHIP), "Child"),
        (Me(PROCURATORATE, "legal_supervision"), "Child"),
        *((Me(key, EMERGENCY), "Incident") for key in (*towns, *villages)),
        *((Me(key, GUARDIANSHIP), "Child") for key in towns),
        *((Me(key, EMERGENCY), "MandatoryReport") for key in institutions),
    ]


@asynccontextmanager
async def following(drive: Drive, strangers: Sequence[str]) -> AsyncIterator[Followers]:
    """All of them, listening."""
    followers = [Follower(served=drive.served, me=me, type_name=name) for me, name in subscribers(drive, strangers)]
    begun = [asyncio.Event() for _ in followers]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow_on(one, event)) for one, event in zip(followers, begun, strict=True)]
        await asyncio.gather(*(event.wait() for event in begun))
        yield Followers(followers=followers)
        for task in tasks:
            task.cancel()
