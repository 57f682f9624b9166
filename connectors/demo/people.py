"""Seed, index -> one invented child with everything that the departments' rows of it must agree on.

Guarantee: a function of (seed, index, today, places) alone, chunk by chunk.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from connectors.demo import plants
from connectors.demo.calendar import age_on, years_before
from connectors.demo.citizen_id import CHILD_REGION, Serials, citizen_id
from connectors.demo.names import Draw, given, pick, surname
from connectors.demo.places import Places, Village
from connectors.demo.stories import EVERY, PASSES, STORIES, Story

CHUNK = 10_000
MOST = CHUNK * 100

PERSON_FACTORS = {"education": 7919, "public_security": 104729, "courts": 15485863, "procuratorate": 32452843}
PERSON_MODULUS = 99_999_989
"""A prime: a department's numbers of persons are a shuffle of their own, so that two departments' never look alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What every chunk shares."""

    seed: int
    today: date
    children: int
    places: Places

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.children // CHUNK)

    def draw(self, chunk: int) -> Draw:
        """The stream of random numbers of one chunk."""
        return random.Random(f"{self.seed}/{self.today}/{chunk}").random

    def day(self, days: int) -> date:
        """The day so many days ago."""
        return self.today - timedelta(days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A child, on file or not: name, sex, birthday, number, home. ``index`` is its place among all persons."""

    index: int
    surname: str
    name: str
    male: bool
    birth: date
    number: str | None
    village: Village

    def numbered(self, source: str) -> str:
        """The number that a department gave this person."""
        return f"{(self.index + 1) * PERSON_FACTORS[source] % PERSON_MODULUS:08d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A file of the register and the person it is about.

    ``persons`` collects the departments that know the child, ``origin`` is where a moved one is registered.
    """

    index: int
    register: str
    person: Person
    age: int
    draw: Draw
    away: str
    guardianship: str
    plant: str | None = None
    story: Story | None = None
    closed: bool = False
    draft: bool = False
    edited: bool = False
    duplicate_of: str | None = None
    origin: Village | None = None
    disabled: bool = False
    persons: dict[str, str] = field(default_factory=dict)

    def known_to(self, source: str) -> str:
        """The child's number in a department, which from now on knows it."""
        number = self.person.numbered(source)
        self.persons[source] = number
        return number

    @property
    def open(self) -> bool:
        """Whether the file is open."""
        return not self.closed

    @property
    def school_age(self) -> bool:
        """6 to 15."""
        return 6 <= self.age <= 15


class Cast:
    """The children of one chunk, one after another: who lives where, which story is whose."""

    __slots__ = ("_chunk", "_draw", "_mates", "_models", "_previous", "_serials", "_told", "_world")

    def __init__(self, world: World, chunk: int, draw: Draw) -> None:
        self._world = world
        self._chunk = chunk
        self._draw = draw
        self._serials = Serials(chunk)
        self._told = 0
        self._mates = 0
        self._previous: Child | None = None
        self._models = models(world.places)

    def child(self, index: int) -> Child:
        """The child with this index; call in order."""
        copied = self._previous if plants.is_copy(index) else None
        child = self._second_file(copied, index) if copied else self._first_file(index)
        self._previous = child
        return child

    def schoolmate(self, child: Child, *, youngest: int, oldest: int) -> Person:
        """A child of the same town who is not on file."""
        self._mates += 1
        # Persons who are not on file are numbered above all who are.
        index = MOST + self._chunk * CHUNK * 2 + self._mates
        village = pick(self._draw, self._world.places.villages_of(child.person.village.town))
        return self._person(index, village, (youngest, oldest), numberless=False)

    def _first_file(self, index: int) -> Child:
        plant = plants.planted(index)
        linked = plants.numberless(index) and plants.link_of(index) == "CONFIRMED"
        draft, closed, edited = plants.is_draft(index), plants.is_closed(index), plants.is_edited(index)
        plain = not (draft or closed or edited or (plants.numberless(index) and not linked))
        tellable = plain and (plant is None or (plant == "AGED_OUT" and index // plants.CYCLE % 2 == 1))
        story, village = self._story(index) if tellable else (None, self._home(index, plant))
        ages = plants.FORCED_AGE.get(plant or "", (7, 14) if story and story.dropout else (0, 15))
        person = self._person(index, village, ages, numberless=plants.numberless(index))
        away = "NO_LONGER" if closed else "BOTH_AWAY" if self._draw() < 0.74 else "ONE_AWAY_OTHER_INCAPABLE"
        return Child(
            index=index,
            register=register_number(index),
            person=person,
            age=age_on(self._world.today, person.birth),
            draw=self._draw,
            away=away,
            guardianship=_guardianship(self._draw(), away),
            plant=plant,
            story=story,
            closed=closed,
            draft=draft,
            edited=edited,
            disabled=self._draw() < 0.03 or index % 60 == 11,
        )

    def _second_file(self, first: Child, index: int) -> Child:
        """A moved child entered again by the receiving village, before anybody noticed."""
        person = first.person
        moved = Person(
            index=person.index,
            surname=person.surname,
            name=person.name,
            male=person.male,
            birth=person.birth,
            number=person.number,
            village=pick(self._draw, self._world.places.villages),
        )
        return Child(
            index=index,
            register=register_number(index),
            person=moved,
            age=first.age,
            draw=self._draw,
            away=first.away,
            guardianship="FAIR",
            plant="DUPLICATE_FILE",
            duplicate_of=first.register,
            origin=person.village,
            disabled=first.disabled,
        )

    def _story(self, index: int) -> tuple[Story | None, Village]:
        """The child's story, if it has one, and its home: the model villages have every story."""
        told_all = self._told >= PASSES * len(STORIES)
        if (self._chunk or told_all) and index % EVERY != 5:
            return None, self._home(index, None)
        number, turn = divmod(self._told, len(STORIES))
        self._told += 1
        home = self._models[number] if not self._chunk and number < len(self._models) else self._home(index, None)
        return STORIES[turn], home

    def _home(self, index: int, plant: str | None) -> Village:
        if plant and index < plants.CYCLE * len(self._models):
            return self._models[index // plants.CYCLE]
        return pick(self._draw, self._world.places.villages)

    def _person(self, index: int, village: Village, ages: tuple[int, int], *, numberless: bool) -> Person:
        draw = self._draw
        male = draw() < 0.53
        wanted = birthday(self._world.today, ages, draw)
        ordinal, serial = self._serials.take(wanted, male)
        family = surname(draw)
        return Person(
            index=index,
            surname=family,
            name=family + given(draw, male),
            male=male,
            birth=date.fromordinal(ordinal),
            number=None if numberless else citizen_id(CHILD_REGION, ordinal, serial),
            village=village,
        )


def register_number(index: int) -> str:
    """The number of the file of a child."""
    return f"LS2016{index + 1:08d}"


def birthday(today: date, ages: tuple[int, int], draw: Draw) -> int:
    """A day (ordinal) such that the age lies in ``ages``, with weeks to spare for taken serials."""
    youngest, oldest = ages
    latest = years_before(today, youngest).toordinal() - 21
    earliest = years_before(today, oldest + 1).toordinal() + 42
    return earliest + int(draw() * (latest - earliest))


def models(places: Places) -> tuple[Village, Village, Village]:
    """Two neighbouring villages of one rural town, and one of the next town: there every story is told."""
    rural = [town for town in places.towns if town[6] != "0"]
    first, second = (_proper(places.villages_of(town)) for town in rural[:2])
    return first[0], first[1], second[0]


def _proper(villages: tuple[Village, ...]) -> list[Village]:
    """Villages first, communities after them."""
    return sorted(villages, key=lambda village: (not village.address.endswith("村"), village.code))


def _guardianship(chance: float, away: str) -> str:
    if away == "ONE_AWAY_OTHER_INCAPABLE":
        ladder = ((0.01, "NONE"), (0.55, "PARENT_INCAPABLE"), (0.65, "ENTRUSTED_INADEQUATE"), (0.85, "FAIR"))
    else:
        ladder = ((0.01, "NONE"), (0.02, "PARENT_INCAPABLE"), (0.1, "ENTRUSTED_INADEQUATE"), (0.5, "FAIR"))
    return next((kind for limit, kind in ladder if chance < limit), "GOOD")
