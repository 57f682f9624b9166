"""What the generator promises without a database: numbers, ages, places, the shape of its plans."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric

from connectors.demo import plants
from connectors.demo.calendar import SHANGHAI, age_on, quarter_of, recent_quarters, term_of, years_before
from connectors.demo.chunk import make_chunk
from connectors.demo.citizen_id import CHILD_REGION, CHUNKS, Serials, broken, citizen_id, is_valid
from connectors.demo.people import CHUNK, World, models, register_number
from connectors.demo.places import Places, read_places
from connectors.demo.stories import PROVISIONS, REPORTERS, REPORTING_UNITS, STORIES
from connectors.demo.tallies import PERFORMANCE, RESTRICTED, suppressed, write_statistics

ROOT = Path(__file__).resolve().parents[2]
DAYS = (date(2026, 11, 24), date(2024, 2, 29), date(2027, 1, 1), date(2026, 12, 31), date(2025, 4, 1))


@cache
def places() -> Places:
    return read_places(ROOT / "policies" / "divisions.csv", ROOT / "policies" / "institutions.csv")


def world(today: date = DAYS[0], children: int = 400, seed: int = 3) -> World:
    return World(seed=seed, today=today, children=children, places=places())


def test_a_number_has_the_check_digit_of_the_standard() -> None:
    # The example of GB 11643-1999: 110105 19491231 002 has X.
    assert citizen_id("110105", date(1949, 12, 31).toordinal(), 2) == "11010519491231002X"
    draw = random.Random(1).random
    for _ in range(500):
        number = citizen_id(CHILD_REGION, date(2012, 1, 1).toordinal() + int(draw() * 4000), int(draw() * 1000))
        assert is_valid(number)
        assert ric.is_valid(number)
        assert not is_valid(broken(number))


def test_serials_of_different_chunks_never_meet_and_tell_the_sex() -> None:
    day = date(2015, 5, 5).toordinal()
    taken = []
    for chunk in (0, 1, 57, CHUNKS - 1):
        serials = Serials(chunk)
        for turn in range(40):
            male = turn % 2 == 1
            ordinal, serial = serials.take(day, male)
            assert serial % 2 == male
            assert 0 <= serial <= 999
            assert day - 4 <= ordinal <= day
            taken.append((ordinal, serial))
    assert max(Counter(taken).values()) == 1
    with pytest.raises(ValueError, match="out of range"):
        Serials(CHUNKS)


def test_the_last_chunk_of_a_million_still_finds_numbers_of_its_own() -> None:
    first, last = Serials(0), Serials(CHUNKS - 1)
    days = [date(2012, 1, 1).toordinal() + turn % 50 for turn in range(200)]
    assert {first.take(day, True) for day in days}.isdisjoint({last.take(day, True) for day in days})


@pytest.mark.parametrize("today", DAYS)
def test_on_any_day_ages_fit_and_nothing_lies_in_the_future(today: date) -> None:
    batch = make_chunk(world(today), 0)
    births = [row[4] for row in batch.table("civil_affairs", "etda")]
    ages = [age_on(today, birth) for birth in births]
    assert all(birth < today for birth in births)
    assert set(ages) == set(range(17))
    aged_out = {register_number(index) for index in range(400) if plants.planted(index) == "AGED_OUT"}
    assert {
        row[0] for row, age in zip(batch.table("civil_affairs", "etda"), ages, strict=True) if age == 16
    } == aged_out
    for (_, table), rows in batch.rows.items():
        for value in (value for row in rows for value in row):
            if table not in ("jd_ws", "jq_cj") and isinstance(value, date) and not isinstance(value, datetime):
                assert value <= today, (table, value)
            if isinstance(value, datetime):
                assert value.replace(tzinfo=SHANGHAI).date() <= today, (table, value)


def test_the_plan_depends_on_seed_day_and_place_alone() -> None:
    def rows(**changes: Any) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
        return make_chunk(world(**changes), 0).rows

    assert rows() == rows()
    assert rows() != rows(seed=4)
    assert rows() != rows(today=DAYS[1])


def test_a_larger_load_keeps_the_children_of_a_smaller_one() -> None:
    few, many = (make_chunk(world(children=children), 0).table("civil_affairs", "etda") for children in (200, 400))
    assert many[:200] == few


def test_a_later_chunk_continues_the_numbers() -> None:
    batch = make_chunk(world(children=CHUNK + 50), 1)
    registers = [row[0] for row in batch.table("civil_affairs", "etda")]
    assert registers == [register_number(index) for index in range(CHUNK, CHUNK + 50)]


def test_departments_number_persons_each_in_its_own_way() -> None:
    lines = [json.loads(line) for line in make_chunk(world(), 0).truth]
    both = [line["persons"] for line in lines if {"education", "public_security"} <= line["persons"].keys()]
    assert both
    assert all(persons["education"] != persons["public_security"] for persons in both)
    for source in ("education", "public_security"):
        # A second file is of the same person.
        numbers = [
            line["persons"][source] for line in lines if source in line["persons"] and not line.get("duplicate_of")
        ]
        assert len(set(numbers)) == len(numbers)


def test_what_is_planted_never_meets_another_plan() -> None:
    for index in range(2000):
        special = [
            plants.planted(index) is not None,
            plants.is_copy(index),
            plants.numberless(index),
            plants.is_draft(index),
            plants.is_edited(index),
            plants.is_closed(index),
            index % plants.CYCLE in plants.CORRECTED,
        ]
        assert sum(special) <= 1, index


def test_the_stories_name_only_units_that_exist() -> None:
    units = {line.split(",")[0] for line in (ROOT / "tests/vectors/domain/units.csv").read_text("utf-8").splitlines()}
    assert set(REPORTING_UNITS) == units - {
        "code",
        "public_security_bureau",
        "town_government",
        "village_committee",
        "mandatory_reporter",
        "auditor",
    }
    assert {provider for _, provider in PROVISIONS} <= units
    assert {watch.target for story in STORIES for watch in story.supervisions} <= units
    assert len(set(REPORTERS)) == len(REPORTERS) - 2


def test_institutions_are_of_known_kinds_under_their_bureaus_and_in_real_divisions() -> None:
    codes = [one.code for one in places().institutions]
    assert len(set(codes)) == len(codes)
    divisions = {line.code for line in places().divisions}
    bureaus = {
        "SCHOOL": "education_bureau",
        "KINDERGARTEN": "education_bureau",
        "MEDICAL_INSTITUTION": "health_commission",
        "SOCIAL_WORK_AGENCY": "civil_affairs_bureau",
        "RESCUE_INSTITUTION": "civil_affairs_bureau",
        "WELFARE_INSTITUTION": "civil_affairs_bureau",
    }
    for one in places().institutions:
        assert one.bureau == bureaus[one.kind]
        assert one.division in divisions
        assert re.fullmatch(r"[0-9]{10}" if one.kind in ("SCHOOL", "KINDERGARTEN") else r"[0-9A-Z]{18}", one.code)
        assert one.name.startswith("示例")  # every institution is an example, and says so


def test_towns_are_those_with_a_government_and_models_are_villages_of_two_of_them() -> None:
    assert len(places().towns) == 30
    assert len(places().parks) == 7
    first, neighbour, far = models(places())
    assert first.town == neighbour.town
    assert far.town != first.town
    assert all(village.address.endswith("村") for village in (first, neighbour, far))


@pytest.mark.parametrize(
    ("counts", "k", "hidden"),
    [
        ({"a": 9, "b": 8, "c": 7}, 5, set()),
        ({"a": 9, "b": 0, "c": 7}, 5, set()),
        ({"a": 9, "b": 3, "c": 7}, 5, {"b", "c"}),
        ({"a": 9, "b": 3, "c": 4}, 5, {"b", "c"}),
        ({"a": 9, "b": 1, "c": 1}, 5, {"a", "b", "c"}),
        ({"a": 19, "b": 0, "c": 12}, 10, {"b", "c"}),
    ],
)
def test_small_cells_take_a_second_one_with_them(counts: dict[str, int], k: int, hidden: set[str]) -> None:
    assert suppressed(counts, k) == hidden


@pytest.mark.parametrize("children", [300, 2000, 6000])
def test_no_published_cell_is_small_and_no_difference_gives_one_away(children: int) -> None:
    of = world(children=children)
    batch = make_chunk(of, 0)
    write_statistics(of, batch.tally, batch)
    groups: dict[tuple[str, str], dict[str, float | None]] = {}
    for _, division, level, quarter, indicator, value, hidden, _ in batch.table("hub", "statistic"):
        assert hidden == (value is None)
        if level != "village":
            groups.setdefault((quarter, indicator), {})[division] = value
    assert len(groups) == 22 * 4
    for (_, indicator), cells in groups.items():
        if indicator in PERFORMANCE:
            continue
        k = 10 if indicator in RESTRICTED else 5
        assert all(value is None or value >= k or (value == 0 and k == 5) for value in cells.values()), indicator
        total = cells.pop("120114")
        unknown = [division for division, value in cells.items() if value is None]
        if total is not None and unknown:
            rest = total - sum(value for value in cells.values() if value is not None)
            # Either nothing is left of the total, or at least k over several hidden cells.
            assert rest == 0 or (len(unknown) > 1 and rest >= k), indicator


def test_quarters_terms_and_ages() -> None:
    assert [quarter_of(day) for day in recent_quarters(date(2026, 2, 10), 3)] == ["2026Q1", "2025Q4", "2025Q3"]
    assert term_of(date(2026, 11, 24)) == "2026-2027-1"
    assert term_of(date(2027, 1, 10)) == "2026-2027-1"
    assert term_of(date(2027, 5, 10)) == "2026-2027-2"
    assert years_before(date(2024, 2, 29), 1) == date(2023, 2, 28)
    assert age_on(date(2026, 11, 24), date(2010, 11, 24)) == 16
    assert age_on(date(2026, 11, 23), date(2010, 11, 24)) == 15
