"""What waits for whom, of the table of steps and of what a unit sees alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from graphql import GraphQLSchema, parse, validate

from hub.entitlements import Entitlements
from hub.hub import view_of
from hub.lifecycle.signatures import served
from hub.lifecycle.steps import STEPS
from hub.pages.duty.duplicates import alike
from hub.pages.duty.waiting import due, fits, listings, steps_in, taken, waiting
from tests.support.running import SHANGHAI
from tests.support.steps import POLICY

WHOLE = served()
AT = datetime(2026, 11, 2, 9, 0, tzinfo=SHANGHAI)


@cache
def view(unit: str, purpose: str) -> GraphQLSchema:
    return view_of(WHOLE, Entitlements.of(POLICY, unit, purpose))


def reported(state: str, **more: object) -> dict[str, object]:
    return {"id": "x", "status": state, "reportedAt": AT.isoformat(), **more}


@pytest.mark.parametrize("unit", sorted(POLICY.units))
def test_what_a_list_asks_for_is_open_to_the_unit_that_asks(unit: str) -> None:
    for purpose in sorted(POLICY.purposes):
        seen = view(unit, purpose)
        for listing in listings(seen):
            assert validate(seen, parse(listing.document)) == []


def test_the_police_wait_for_reports_a_town_for_those_it_was_told_of_and_a_reporter_for_none() -> None:
    police = list(listings(view("public_security_bureau", "emergency_response")))
    assert [(one.state, one.variables) for one in police] == [
        (state, {"filter": {"status": {"eq": state}}}) for state in ("REPORTED", "DISPATCHED", "HANDLED")
    ]
    towns = listings(view("town_government", "guardianship_protection"))
    told = [one.state for one in towns if one.subject == "MandatoryReport"]
    assert told == ["TOWN_NOTIFIED", "ASSESSED", "PLANNED"]
    assert list(listings(view("mandatory_reporter", "emergency_response"))) == []


def test_of_several_clocks_the_one_that_ends_first_is_shown_and_what_is_due_first_stands_first() -> None:
    steps = steps_in(view("public_security_bureau", "emergency_response"))
    early = reported("DISPATCHED", reportedAt=(AT - timedelta(hours=30)).isoformat())
    late = reported("REPORTED")
    rows = waiting("MandatoryReport", [late, early], steps)
    assert [row.state for row in rows] == ["DISPATCHED", "REPORTED"]
    assert rows[1].due is not None and rows[1].due.until == AT + timedelta(minutes=30)
    assert rows[0].due is not None and rows[0].due.until == AT - timedelta(hours=6)


def test_the_clock_of_a_town_runs_from_the_notice_and_not_from_the_report() -> None:
    told = AT + timedelta(hours=5)
    found = due(
        [STEPS["assess"]], reported("TOWN_NOTIFIED", incident={"townNotifiedAt": told.isoformat()}), "TOWN_NOTIFIED"
    )
    assert found is not None and (found.since, found.until) == (told, told + timedelta(days=7))
    assert due([STEPS["assess"]], reported("TOWN_NOTIFIED", incident=None), "TOWN_NOTIFIED") is None


def test_a_supervision_that_was_answered_waits_for_nobody() -> None:
    steps = steps_in(view("village_committee", "legal_supervision"))
    open_ = {"id": "x", "result": "PENDING", "issuedOn": "2026-11-01", "repliedOn": None}
    assert [row.state for row in waiting("ProcuratorialSupervision", [open_], steps)] == ["PENDING"]
    assert waiting("ProcuratorialSupervision", [{**open_, "repliedOn": "2026-11-03"}], steps) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"divisionCode": "120114101"}, True),
        ({"divisionCode": "120114101202"}, False),
        ({"reportedAt": (AT + timedelta(hours=25)).isoformat()}, False),
        ({"narrative": "村西有人落水（虚构）"}, False),
        ({"narrative": "小女孩 独自在楼道，哭（虚构）"}, True),
        ({"subject": "女童，约8岁（虚构）"}, True),
        ({"subject": "男童，约7岁（虚构）"}, False),
        ({"subject": "女童，约12岁（虚构）"}, False),
    ],
)
def test_one_place_one_description_and_a_day_make_two_reports_alike(more: dict[str, object], expected: bool) -> None:
    said = {"narrative": "小女孩独自在楼道哭（虚构）", "subject": "女童，约7岁（虚构）"}
    one = reported("REPORTED", divisionCode="120114101201", **said)
    assert alike(one, {**one, **more}) is expected


@pytest.mark.parametrize(("address", "expected"), [("示例村 11 号", True), ("示例村12号", False), (None, False)])
def test_of_two_accounts_that_differ_the_same_house_makes_one_event_and_the_next_one_none(
    address: str | None, expected: bool
) -> None:
    one = reported("REPORTED", divisionCode="120114101201", narrative="孩子独自在家（虚构）", placeAddress="示例村11号")
    assert alike(one, {**one, "narrative": "村西有人落水（虚构）", "placeAddress": address}) is expected


@pytest.mark.parametrize(("accepted", "fitting"), [(None, "undoMerge"), (AT.isoformat(), "resumeMerged")])
def test_of_two_steps_that_take_a_merge_back_the_one_that_fits_is_offered(accepted: str | None, fitting: str) -> None:
    row = {"status": "MERGED", "acceptedAt": accepted}
    police = steps_in(view("public_security_bureau", "emergency_response"))
    assert [step.name for step in police if "MERGED" in step.origin and fits(step, row)] == [fitting]
    assert [step.name for step in police if "MERGED" in step.origin and fits(step, {})] == ["undoMerge", "resumeMerged"]


@pytest.mark.parametrize(("at", "fitting"), [(None, "notifyVillage"), (AT.isoformat(), "notifyVillageAgain")])
def test_a_village_is_notified_first_and_only_then_again(at: str | None, fitting: str) -> None:
    row = {"status": "HANDLED", "incident": {"id": "i", "villageNotifiedAt": at}}
    police = steps_in(view("public_security_bureau", "emergency_response"))
    named = [step for step in police if step.name.startswith("notifyVillage")]
    assert [step.name for step in named if fits(step, row) and not taken(step, row)] == [fitting]


def survey(level: str, state: str) -> dict[str, object]:
    return {"id": f"{level} {state}", "level": level, "status": state, "quarter": "2026Q3"}


def test_a_town_waits_for_its_own_summary_and_for_what_villages_submitted_and_not_for_their_drafts() -> None:
    seen = view("town_government", "survey_management")
    steps = steps_in(seen)
    rows = [survey(level, state) for level in ("VILLAGE", "TOWN") for state in ("DRAFT", "RETURNED")]
    shown = waiting("SurveySubmission", [*rows, survey("VILLAGE", "VILLAGE_SUBMITTED")], steps)
    assert {one.row["id"]: [step.name for step in one.steps] for one in shown} == {
        "TOWN DRAFT": ["summariseSurvey"],
        "TOWN RETURNED": ["summariseSurvey"],
        "VILLAGE VILLAGE_SUBMITTED": ["returnToVillage", "includeVillage"],
    }
    asked = {one.state: one.variables["filter"] for one in listings(seen) if one.subject == "SurveySubmission"}
    # However many villages still write, the town's own stands on the first page of its list.
    assert asked["DRAFT"] == {"status": {"eq": "DRAFT"}, "level": {"eq": "TOWN"}}
    assert asked["VILLAGE_SUBMITTED"] == {"status": {"eq": "VILLAGE_SUBMITTED"}, "level": {"eq": "VILLAGE"}}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_how_long_a_row_has_waited_is_the_same_in_every_time_zone(zone: str) -> None:
    police = steps_in(view("public_security_bureau", "emergency_response"))
    now = (AT + timedelta(minutes=31)).astimezone(ZoneInfo(zone))
    for written in (AT.isoformat(), AT.astimezone(UTC).isoformat().replace("+00:00", "Z")):
        [row] = waiting("MandatoryReport", [reported("REPORTED", reportedAt=written)], police)
        assert row.due is not None and row.due.until < now
        assert now - row.due.since == timedelta(minutes=31)
    district = steps_in(view("civil_affairs_bureau", "survey_management"))
    given = {**survey("TOWN", "TOWN_SUMMARISED"), "quarter": "2026Q2"}
    [one] = waiting("SurveySubmission", [given], district)
    # Fifteen working days after 30 June are over when 21 July is, in Shanghai, wherever the hub's own clock stands.
    assert one.due is not None and one.due.until == datetime(2026, 7, 22, tzinfo=SHANGHAI)
    assert one.due.until < datetime(2026, 7, 22, 0, 0, 1, tzinfo=SHANGHAI).astimezone(ZoneInfo(zone))
