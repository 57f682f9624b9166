"""Entries of answers: what was released of whom, by which rules, and never a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from hub.audit.commitment import KEY_SIZE, commitments
from hub.audit.entry import Entry, Pseudonyms, encode
from hub.audit.receipt import Receipt
from hub.errors import HubError, InternalError, OutageError, RefusalError
from hub.identity import Identity
from hub.recording import Act, Grounds, Recording
from hub.released import Released
from tests.support.running import identity

NAMES = Pseudonyms(key=b"p" * 32)
ME = identity("education_bureau", "dropout_control", case="(2026)津0114民特1号")
NUMBER = "120114201603019022"
REGISTER = "DA00100200300"


@dataclass
class Down:
    """A log that takes no entries."""

    asked: list[Entry] = field(default_factory=list)

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        self.asked += entries
        raise OutageError("AUDIT_UNAVAILABLE", "the log takes no entries")


def recording() -> Recording:
    return Recording(
        log=Down(), pseudonyms=NAMES, clock=lambda: datetime(2026, 11, 24, 2, tzinfo=UTC), policy_version=lambda: "now"
    )


def disclosure(
    found: Released,
    errors: Sequence[HubError] = (),
    *,
    me: Identity = ME,
    refused: Iterable[str] = (),
    of_author: bool = False,
) -> Entry:
    act = Act(identity=me, request_id="request", operation="operation")
    grounds = Grounds(rules=("r:2",), clauses=("2.1.2",), policy="then", of_author=of_author)
    made = recording()
    [entry] = made.entries(act, made.told(found, Released(), refused, errors, grounds))
    return entry


def released(**more: Any) -> Released:
    return Released(
        clear={"Child.name", "Child.id"},
        records={("Child", REGISTER), ("Enrolment", "E1")},
        registers={REGISTER},
        citizens={NUMBER},
        **more,
    )


def test_an_entry_names_who_asked_for_what_and_by_which_rules() -> None:
    entry = disclosure(released(masked={"Child.citizenId"}))
    assert (entry.unit, entry.client, entry.operator) == (ME.key, ME.client, ME.operator)
    assert (entry.purpose, entry.operation, entry.kind) == ("dropout_control", "operation", "disclosure")
    assert (entry.rules, entry.clauses, entry.rows) == (("r:2",), ("2.1.2",), ["civil_affairs=1", "education=1"])
    assert entry.released == ("Child.id", "Child.name")
    assert entry.masked == ("Child.citizenId",)


def test_an_answer_is_recorded_under_the_policy_by_which_it_was_planned() -> None:
    assert disclosure(released()).policy == "then"
    assert recording().refusal(ME, "request", "operation", []).policy == "now"


def test_a_child_is_found_in_the_log_by_file_number_and_by_row_and_by_nothing_else() -> None:
    assert set(disclosure(released()).subjects) == {
        NAMES.record("Child", REGISTER),
        NAMES.record("Enrolment", "E1"),
        NAMES.register(REGISTER),
        NAMES.citizen(NUMBER),
    }


def test_no_number_no_file_and_no_case_stands_in_an_entry_as_it_is() -> None:
    data = encode(disclosure(released())).data.decode()
    for value in (NUMBER, REGISTER, "津0114民特1号"):
        assert value not in data
    assert orjson.loads(data)["case"] == NAMES.case("(2026)津0114民特1号")


OUTAGE = OutageError("SOURCE_UNAVAILABLE", "words", source="courts")
CLOSED = RefusalError("NOT_ENTITLED", "words", coordinate="Child.residenceAddress")


@pytest.mark.parametrize(
    ("found", "errors", "decision"),
    [
        (released(), [], "ALLOWED"),
        (released(masked={"Child.citizenId"}), [], "MASKED"),
        (released(masked={"Child.citizenId"}, filtered=True), [], "FILTERED"),
        (released(), [CLOSED], "FILTERED"),
        (released(filtered=True), [CLOSED, OUTAGE], "FAILED"),
    ],
)
def test_the_gravest_of_what_happened_is_the_decision(found: Released, errors: list[HubError], decision: str) -> None:
    entry = disclosure(found, errors)
    assert entry.decision == decision
    assert list(entry.errors) == sorted({error.code for error in errors})


def test_what_was_refused_beside_the_data_is_named() -> None:
    assert disclosure(released(), [CLOSED], refused={"Child.b", "Child.a"}).refused == ("Child.a", "Child.b")


@pytest.mark.parametrize(
    ("errors", "kind", "decision"),
    [
        ([CLOSED], "refusal", "DENIED"),
        ([RefusalError("INVALID_DOCUMENT", "words")], "refusal", "DENIED"),
        ([OUTAGE], "failure", "FAILED"),
        ([InternalError()], "failure", "FAILED"),
    ],
)
def test_an_answer_without_data_is_a_refusal_or_a_failure(errors: list[HubError], kind: str, decision: str) -> None:
    entry = recording().refusal(ME, "request", "operation", errors)
    assert (entry.kind, entry.decision) == (kind, decision)
    assert entry.errors == [error.code for error in errors]
    assert not entry.released and not entry.subjects


def test_a_refusal_names_its_coordinates_with_the_rules_that_come_closest() -> None:
    error = RefusalError("NOT_ENTITLED", "words", coordinate="Child.name", rules=["r:9", "r:2"], clause="2.1.2")
    entry = recording().refusal(ME, "request", "operation", [error, CLOSED])
    assert entry.refused == ["Child.name", "Child.residenceAddress"]
    assert (entry.rules, entry.clauses) == (["r:2", "r:9"], ["2.1.2"])


def test_a_reporters_own_look_names_neither_the_reporter_nor_the_child() -> None:
    me = identity("mandatory_reporter:2112000001", "emergency_response")
    entry = disclosure(released(), me=me, of_author=True)
    data = encode(entry).data.decode()
    assert "2112000001" not in data
    assert me.operator not in data
    assert set(entry.subjects) == {NAMES.record("Child", REGISTER), NAMES.record("Enrolment", "E1")}


NAME = ("Child.name", "Child", REGISTER, "林某某")
SUBJECT = ("MandatoryReport.subject", "MandatoryReport", "M1", "林家的孩子")


def test_an_entry_without_values_to_bind_has_no_key() -> None:
    entry = disclosure(released())
    assert (entry.secret, entry.commitments) == (b"", ())


def test_each_entry_binds_its_values_under_a_key_of_its_own_and_holds_none_of_them() -> None:
    one, two = (disclosure(released(values=[NAME])) for _ in range(2))
    assert one.secret != two.secret and len(one.secret) == len(two.secret) == KEY_SIZE
    assert one.commitments == commitments(one.secret, [("Child.name", NAMES.record("Child", REGISTER), "林某某")])
    assert not set(one.commitments) & set(two.commitments)
    assert "林某某" not in encode(one).data.decode() and "林某某" not in repr(released(values=[NAME]))


def test_a_reporters_own_look_binds_nothing_that_could_name_the_child() -> None:
    me = identity("mandatory_reporter:2112000001", "emergency_response")
    kinds = ("MandatoryReport.concernKinds", "MandatoryReport", "M1", ["MISSING"])
    found = Released(records={("MandatoryReport", "M1")}, values=[SUBJECT, kinds])
    entry = disclosure(found, me=me, of_author=True)
    record = NAMES.record("MandatoryReport", "M1")
    assert entry.commitments == commitments(entry.secret, [("MandatoryReport.concernKinds", record, ["MISSING"])])
    assert len(disclosure(found, me=me).commitments) == 1 + 2 * len(found.values)


async def test_an_entry_that_cannot_be_written_is_an_outage_for_the_answer() -> None:
    with pytest.raises(OutageError) as found:
        await recording().record([disclosure(released())])
    assert found.value.code == "AUDIT_UNAVAILABLE"
