"""When the page says that a clock strikes, and when the alarm is raised: the same moment, whatever settings say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hub.events.clock import moments
from hub.lifecycle.steps import STEPS
from hub.pages.duty.limits import span
from hub.pages.duty.waiting import due
from hub.settings_events import Clocks
from tests.support.running import SHANGHAI

AT = datetime(2026, 11, 2, 9, 0, tzinfo=SHANGHAI)
SHORT = Clocks(
    dispatch_minutes=5,
    notify_town_hours=2,
    assess_days=3,
    reply_days=10,
    survey_village_days=2,
    survey_town_days=4,
    survey_district_days=6,
)
LONG = Clocks()


@pytest.mark.parametrize("limits", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    ("clock", "parameter"),
    [("dispatch", "dispatched_by"), ("notify_town", "notified_by"), ("assess", "assessed_by")],
)
def test_a_clock_strikes_on_the_page_when_its_alarm_is_raised(clock: str, parameter: str, limits: Clocks) -> None:
    runs = span(clock, [AT.isoformat()], {}, limits)
    assert runs is not None and runs[0] == AT
    for moment, raised in ((runs[1], True), (runs[1] - timedelta(seconds=1), False)):
        assert (AT.isoformat() <= moments(limits, moment)[parameter]) is raised


@pytest.mark.parametrize("limits", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize(("level", "shown"), [("village", "VILLAGE"), ("town", "TOWN"), ("district", "TOWN")])
@pytest.mark.parametrize("quarter", ["2026Q1", "2026Q3", "2025Q4"])
def test_a_survey_is_overdue_on_the_page_from_the_day_on_which_its_alarm_is_raised(
    quarter: str, level: str, shown: str, limits: Clocks
) -> None:
    runs = span(f"survey_{level}", [], {"quarter": quarter, "level": shown}, limits)
    assert runs is not None
    assert moments(limits, runs[1])[f"surveyed_{level}"] == quarter
    assert moments(limits, runs[1] - timedelta(seconds=1))[f"surveyed_{level}"] < quarter


def test_the_day_that_a_supervision_names_still_counts_and_one_that_names_none_has_the_days_of_settings() -> None:
    issued = {"issuedOn": "2026-11-02"}
    named = span("reply", ["2026-11-02"], {**issued, "replyDueOn": "2026-11-20"}, SHORT)
    assert named is not None and named[1] == datetime(2026, 11, 21, tzinfo=SHANGHAI)
    assert moments(SHORT, named[1])["today"] > "2026-11-20" >= moments(SHORT, named[1] - timedelta(seconds=1))["today"]
    plain = span("reply", ["2026-11-02"], issued, SHORT)
    assert plain is not None and moments(SHORT, plain[1])["issued_by"] == "2026-11-02"
    assert moments(SHORT, plain[1] - timedelta(seconds=1))["issued_by"] < "2026-11-02"


def test_what_cannot_be_read_is_not_guessed() -> None:
    assert span("dispatch", [None], {}, LONG) is None
    for row in ({}, {"quarter": "2026Q5", "level": "VILLAGE"}, {"quarter": "２０２６Q1", "level": "VILLAGE"}):
        assert span("survey_village", [], row, LONG) is None
    assert span("survey_village", [], {"quarter": "2026Q1", "level": "TOWN"}, LONG) is None


def test_settings_reach_the_clock_of_a_row() -> None:
    row = {"status": "REPORTED", "reportedAt": AT.isoformat()}
    found = due([STEPS["dispatch"]], row, "REPORTED", SHORT)
    assert found is not None and found.until == AT + timedelta(minutes=5)
