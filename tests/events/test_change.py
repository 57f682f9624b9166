"""What a write will have changed, and of whose changes whom the policy lets be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from connectors.source import Constant, Param
from connectors.write import Insert, Put, Update, Write
from hub.entitlements import Entitlements
from hub.events.change import FLAGS, INPUTS, Change, Event, changes_of
from hub.events.channels import NAMES, Channel, clocks_of, told_fields
from hub.events.clock import CLOCKS
from hub.lifecycle.compile import Part
from hub.lifecycle.signatures import TOLD
from schema.catalogue import CATALOGUE
from schema.subscriptions import OVERDUE
from tests.support.steps import POLICY


def part(*changes: Insert | Update, **bindings: str) -> Part:
    return Part(write=Write(source="public_security", changes=changes), bindings=bindings, coordinates=())


def test_each_row_that_is_written_is_a_change_of_its_coordinates_and_no_key_or_value_is_named() -> None:
    status = Update(relation="MandatoryReport", key=Param("subject"), puts=(Put("status", Constant("DISPATCHED")),))
    made = Insert(
        relation="Incident",
        key=Param("new"),
        puts=(Put("dispatchedAt", Constant("2026-11-24")), Put("_report", Param("subject"))),
    )
    report, flags, incident = changes_of(part(status, made, subject="R1", new="I1"), "C1")
    assert (report.type_name, report.key, report.coordinates) == ("MandatoryReport", "R1", ("MandatoryReport.status",))
    assert (incident.type_name, incident.key, incident.coordinates) == ("Incident", "I1", ("Incident.dispatchedAt",))
    assert (flags.type_name, flags.key) == ("Child", "C1")
    assert (flags.coordinates, flags.cause) == ((FLAGS, "MandatoryReport.concernKinds"), ("MandatoryReport", "R1"))


def test_a_row_that_is_only_looked_at_is_no_change_and_a_child_that_is_not_known_has_no_flags() -> None:
    held = Update(relation="SurveySubmission", key=Param("submission"))
    assert changes_of(part(held, submission="S1"), "C1") == ()
    status = Update(relation="MandatoryReport", key=Param("subject"), puts=(Put("status", Constant("REPORTED")),))
    assert [change.type_name for change in changes_of(part(status, subject="R1"), None)] == ["MandatoryReport"]


def test_every_input_of_a_flag_is_a_field() -> None:
    assert {name for names in INPUTS.values() for name in names} <= CATALOGUE.keys()


def test_there_is_a_field_for_each_type_of_which_a_line_lets_somebody_be_told_and_no_other() -> None:
    told = {
        name.partition(".")[0] for _, _, action, grants in POLICY.sets() if action == "subscribe" for name in grants
    }
    assert told == set(TOLD) == set(NAMES.values())


@pytest.mark.parametrize("unit", POLICY.units)
def test_a_unit_sees_the_fields_that_its_own_lines_open(unit: str) -> None:
    for purpose in POLICY.purposes:
        entitlements = Entitlements.of(POLICY, unit, purpose)
        lines = POLICY.grants(unit, purpose, "subscribe")
        types = {name.partition(".")[0] for name in lines if name in entitlements.read}
        assert {NAMES[name] for name in told_fields(entitlements) if name != OVERDUE} == types
        assert (OVERDUE in told_fields(entitlements)) == bool(clocks_of(entitlements))


def test_what_a_clock_waits_for_is_read_by_whoever_has_to_act_for_some_purpose() -> None:
    for clock in CLOCKS.values():
        for unit in clock.units:
            assert any(clock.name in clocks_of(Entitlements.of(POLICY, unit, purpose)) for purpose in POLICY.purposes)


def test_a_change_of_a_files_flags_is_none_of_the_report_by_which_they_changed() -> None:
    change = Change(
        type_name="Child",
        key="LS1",
        coordinates=(FLAGS, "MandatoryReport.concernKinds"),
        cause=("MandatoryReport", "B1"),
    )
    event = Event(position=1, id=uuid4(), at=datetime(2026, 11, 26, tzinfo=UTC), change=change)

    def channel(*names: str) -> Channel:
        return Channel(key="k", name="n", after=None, lines={name: () for name in names}, clocks={})

    assert change.own == (FLAGS,)
    assert channel(FLAGS).concerns(event)
    assert not channel("MandatoryReport.concernKinds", "MandatoryReport.status").concerns(event)
    of_report = replace(change, type_name="MandatoryReport", coordinates=("MandatoryReport.status",))
    assert channel("MandatoryReport.status").concerns(replace(event, change=of_report))
