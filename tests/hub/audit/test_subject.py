"""The report to a guardian: from the log alone, whole, and the same to the byte whether anybody reported or not."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.desk import Desk
from hub.audit.entry import Entry, encode, without_author
from hub.audit.holds import tellable
from hub.audit.naming import AlteredError, Recorded, naming, parsed
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.audit.subject import CATEGORIES, NOTES, NOTHING, report
from hub.commands.audit_subject import words_of
from policies import load
from schema.catalogue import CATALOGUE
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.test_holds import CHILD, NAMES, OTHER, POLICE, act, recorded
from tests.support.running import ROOT

NUMBERS = ("120114201203070016", "WQ2017-000017")
WORDS = words_of(load(ROOT / "policies", CATALOGUE))
ISSUED = datetime(2026, 11, 25, 3, tzinfo=UTC)
START = datetime(2026, 3, 2, 1, tzinfo=UTC)
SCHOOL, VILLAGE, CLINIC = "mandatory_reporter:2112000001", "village_committee:120114101201", "mandatory_reporter:5112"
OWN_REPORTS = ("MandatoryReport.status", "MandatoryReport.reportedAt", "MandatoryReport.concernKinds")


def text_of(entries: Sequence[Recorded]) -> str:
    return report(tellable(entries, CHILD), WORDS, issued=ISSUED, asked_by=("citizen_id", "register"))


def test_the_report_says_who_when_why_and_which_kinds_of_data() -> None:
    text = text_of(
        [
            recorded(0, unit="town_government:120114101", purpose="survey_management", released=("Child.name",)),
            recorded(1, unit="education_bureau", released=("Enrolment.status",), masked=("Guardian.phone",)),
        ]
    )
    assert text.startswith("儿童数据查阅情况告知书\n")
    assert "2026年3月2日 09:00" in text and "摸底排查建档" in text and "基本信息 basic facts" in text
    assert "区教育局 District Education Bureau" in text and "控辍保学" in text
    assert "数据 Data: 就学 schooling；实际监护情况 actual guardianship（已遮蔽 masked）" in text
    assert re.search(r"1\. .*（镇人民政府/街道办事处）", text)


def test_neither_number_operator_coordinate_case_nor_place_in_the_log_stands_in_it() -> None:
    case = NAMES.case("(2026)津0114刑初1号")
    entries = [
        recorded(4711, unit="education_bureau", operator="T0042", client="client-of-schools"),
        recorded(4712, unit=POLICE, purpose="judicial_proceeding", case=case, released=("CriminalCase.stage",)),
        act(4713, "release", POLICE, case=case),
    ]
    text = text_of(entries)
    assert "办案材料 case materials" in text
    for hidden in (*NUMBERS, "T0042", "client-of-schools", "CriminalCase", "Child.", case, "4711", *CHILD.names):
        assert hidden not in text


def test_the_notes_are_the_same_words_whatever_is_held() -> None:
    held = recorded(1, unit=POLICE, purpose="emergency_response")
    assert text_of([]) == text_of([held])
    for words in (*NOTHING, *(line for note in NOTES for line in note)):
        assert words in text_of([])
    assert all(line in text_of([held, act(2, "release", POLICE)]) for note in NOTES for line in note)


def test_every_category_of_the_catalogue_has_its_word_and_a_report_has_none_of_its_own() -> None:
    assert {found.category for found in CATALOGUE.values()} == set(CATEGORIES)
    assert CATEGORIES["report"] == CATEGORIES["incident"] == CATEGORIES["case"] == CATEGORIES["supervision"]


# Reported or not: generated logs.


def ordinary(number: int, kind: str) -> dict[str, Any]:
    """An entry that would be there without any report."""
    unit, purpose, released = {
        "school's bureau": ("education_bureau", "dropout_control", ("Enrolment.status", "Child.name")),
        "village": (VILLAGE, "guardianship_protection", ("Child.name", "Guardian.phone")),
        "clinic's commission": ("health_commission", "care_service", ("Child.illnessType",)),
        "police": (POLICE, "emergency_response", ("Child.name", "Incident.findings")),
        "police, report": (POLICE, "emergency_response", OWN_REPORTS),
        "town": ("town_government:120114101", "guardianship_protection", ("Child.name", "Incident.findings")),
        "other child": ("education_bureau", "dropout_control", ("Enrolment.status",)),
    }[kind]
    child = OTHER if kind == "other child" else CHILD
    subjects = [*child.names, child.row]
    return {
        "request": f"r{number}",
        "at": START + timedelta(minutes=number),
        "unit": unit,
        "purpose": purpose,
        "released": released,
        "subjects": subjects,
    }


def of_reporting(number: int, kind: str, unit: str) -> Entry:
    """An act of reporting, or a read in scope own_reports, alone or beside others; or what auditors do."""
    row = NAMES.record("MandatoryReport", "BG1")
    fields: dict[str, Any] = {
        "request": f"w{number}",
        "at": START + timedelta(minutes=number),
        "unit": unit,
        "purpose": "emergency_response",
        "released": OWN_REPORTS,
        "subjects": [row, *CHILD.names, CHILD.row],
        "rules": [f"{unit.partition(':')[0]}:11"],
        "clauses": ["2.3"],
    }
    match kind:
        case "reported" | "recorded":
            made = entry(**fields | {"kind": "intent" if kind == "reported" else "outcome"})
            return without_author(made, NAMES)
        case "own reports":
            return without_author(entry(**fields), NAMES)
        case "told of the own report":
            return without_author(entry(**fields | {"kind": "event"}), NAMES)
        case "own reports beside the child":
            return entry(**fields | {"released": (*OWN_REPORTS, "Child.name", "Child.residenceAddress")})
        case "child before the report":
            return entry(**fields | {"released": ("Child.name", "Child.residenceAddress")})
        case _:
            return entry(**fields | {"kind": "look", "unit": "auditor", "purpose": "audit", "released": ()})


ORDINARY = ("school's bureau", "village", "clinic's commission", "police", "police, report", "town", "other child")
WATCHED = (
    *("reported", "recorded", "own reports", "told of the own report"),
    *("own reports beside the child", "child before the report", "look"),
)
REPORTERS = (SCHOOL, VILLAGE, CLINIC, "education_bureau", "health_commission", "town_government:120114101")


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Entry], list[Entry]]:
    """A log without any trace of reporting, and the same with it, interleaved."""
    without: list[Entry] = []
    reported: list[Entry] = []
    for number in range(draw(st.integers(1, 25))):
        if draw(st.booleans()):
            made = of_reporting(number, draw(st.sampled_from(WATCHED)), draw(st.sampled_from(REPORTERS)))
            reported.append(made)
            continue
        made = entry(**ordinary(number, draw(st.sampled_from(ORDINARY))))
        without.append(made)
        reported.append(made)
    return without, reported


def placed(entries: Sequence[Entry]) -> list[Recorded]:
    leaves = [encode(each) for each in entries]
    return [parsed(leaf.data, leaf.lists, index) for index, leaf in enumerate(leaves)]


@settings(max_examples=300, deadline=None)
@given(logs())
def test_no_report_tells_whether_anybody_reported(pair: tuple[list[Entry], list[Entry]]) -> None:
    without, reported = (placed(entries) for entries in pair)
    assert text_of(without) == text_of(reported)
    for unit in (POLICE, "district_procuratorate"):
        release = act(100, "release", unit)
        assert text_of([*without, release]) == text_of([*reported, release])


# In the database.


async def fill(dsn: str, entries: Sequence[Entry], *, waiting: Sequence[Entry] = ()) -> None:
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    assert await desk.acquire()
    await store.append([encode(each) for each in entries])
    await Sequencer(desk, KEY).drain()
    if waiting:
        await store.append([encode(each) for each in waiting])
    await desk.close()
    await store.close()


@pytest.fixture
async def session(dsn: str) -> AsyncIterator[Session]:
    session = Session(dsn, name="reader", timeout=30)
    yield session
    await session.close()


@pytest.mark.postgres
async def test_reads_are_found_by_either_number_in_lists_and_before_they_have_a_place(
    dsn: str, session: Session
) -> None:
    citizen, register = NAMES.citizen(NUMBERS[0]), NAMES.register(NUMBERS[1])
    crowd = [NAMES.register(f"other-{number}") for number in range(400)]
    made = [
        entry("by citizen", subjects=[citizen]),
        entry("nothing", subjects=[OTHER.row]),
        entry("by register", subjects=[register]),
        entry("in a list", subjects=[*crowd, register]),
        *(entry(subjects=crowd[:2]) for _ in range(300)),
    ]
    wide = tuple(f"Type{number}.{'x' * 240}" for number in range(400))
    waiting = [entry("waits", subjects=[citizen]), entry("waits in a list", subjects=[*crowd, citizen], released=wide)]
    await fill(dsn, made, waiting=waiting)
    found = await naming(session, sorted(CHILD.names))
    assert [each.index for each in found] == [0, 2, 3, None, None]
    assert found[2].subjects == {*crowd, register} and found[4].released == set(wide)


@pytest.mark.postgres
async def test_an_entry_that_was_altered_is_no_line_of_a_report(dsn: str, session: Session) -> None:
    await fill(dsn, [entry(subjects=sorted(CHILD.names)), entry(subjects=[*CHILD.names, *map(str, range(200))])])
    owner = await asyncpg.connect(dsn)
    await owner.execute("set session_replication_role = replica")
    await owner.execute("update log.long_list set items = items || array['more']")
    with pytest.raises(AlteredError, match="entry `1` is not as it was hashed"):
        await naming(session, sorted(CHILD.names))
    await owner.execute("delete from log.long_list")
    await owner.execute(
        "update log.entry set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'bureau', 'burean'), 'UTF8')"
    )
    with pytest.raises(AlteredError, match="entry `0` is not"):
        await naming(session, sorted(CHILD.names))
    await owner.close()


@pytest.mark.postgres
async def test_the_report_of_a_real_log_is_the_same_with_and_without_reports(server: Any, template: str) -> None:
    chosen = random.Random(17)
    texts = []
    base = [ordinary(number, chosen.choice(ORDINARY)) for number in range(0, 600, 3)]
    traces = [of_reporting(n, chosen.choice(WATCHED), chosen.choice(REPORTERS)) for n in range(1, 600, 2)]
    owner = await asyncpg.connect(server.dsn("postgres"))
    for name, entries in (("quiet", ()), ("reported", traces)):
        await owner.execute(f"create database subject_{name} template {template}")
        dsn = server.dsn(f"subject_{name}")
        mixed = sorted([*(entry(**fields) for fields in base), *entries], key=lambda each: each.at)
        await fill(dsn, mixed)
        session = Session(dsn, name="reader", timeout=30)
        texts.append(text_of(await naming(session, sorted(CHILD.names))))
        await session.close()
        await owner.execute(f"drop database subject_{name} with (force)")
    await owner.close()
    assert texts[0] == texts[1] and "区教育局" in texts[0]
