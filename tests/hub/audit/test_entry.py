"""Entries are canonical, bounded and say nothing of a person. Every number and name here is invented."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.entry import (
    INLINE,
    LIMIT,
    Entry,
    Pseudonyms,
    encode,
    list_hash,
    printable,
    without_author,
)
from hub.audit.merkle import leaf_hash

AT = datetime(2026, 3, 1, 8, 30, 0, 125_900, tzinfo=timezone(timedelta(hours=8)))
PSEUDONYMS = Pseudonyms(bytes(range(32)))

texts = st.text(max_size=300)
lists = st.lists(texts, max_size=40)


def entry(**changes: Any) -> Entry:
    given_fields: dict[str, Any] = {
        "kind": "disclosure",
        "request": "r-1",
        "at": AT,
        "unit": "town_government:120114101",
        "decision": "ALLOWED",
    }
    return Entry(**(given_fields | changes))


def read(leaf_data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(leaf_data)
    return document


@settings(deadline=None)
@given(st.builds(entry, client=texts, operator=texts, case=texts, released=lists, subjects=lists, rules=lists))
def test_bytes_are_those_of_rfc_8785_whatever_the_fields_hold(drawn: Entry) -> None:
    leaf = encode(drawn)
    assert leaf.data == rfc8785.dumps(read(leaf.data))
    assert leaf.hash == leaf_hash(leaf.data)


_MEMBERS = sorted(each.name for each in fields(Entry) if each.name not in ("at", "secret", "notes"))


@pytest.mark.parametrize("name", _MEMBERS)
def test_an_entry_that_differs_from_the_one_before_in_one_member_is_written_with_that_difference(name: str) -> None:
    given_fields = {"part": 1, "promise": 3600}
    before = entry(**given_fields)
    changed: Any = {"part": 2, "promise": 60}.get(name, ("other",) if getattr(before, name) == () else "other")
    first, second = (read(encode(one).data) for one in (before, entry(**given_fields | {name: changed})))
    assert second == first | {name: [*changed] if isinstance(changed, tuple) else changed}


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(max_codepoint=127)), texts | st.integers(0, 2**53 - 1) | lists))
def test_the_fast_writer_and_the_reference_agree_on_ascii_keys(document: dict[str, Any]) -> None:
    from hub.audit.entry import canonical

    assert canonical(document) == rfc8785.dumps(document)


@settings(deadline=None)
@given(st.data())
def test_no_entry_is_longer_than_the_limit(data: st.DataObject) -> None:
    heavy = [f"{number:0200d}" for number in range(data.draw(st.integers(200, 700)))]
    names = data.draw(st.sets(st.sampled_from(["released", "masked", "refused", "rules", "errors", "subjects"])))
    leaf = encode(entry(client="字" * 5000, **dict.fromkeys(names, heavy)))
    assert len(leaf.data) <= LIMIT
    document = read(leaf.data)
    for name in names:
        kept = leaf.lists.get(name, tuple(document[name]))
        assert list(kept) == heavy
        if name in leaf.lists:
            assert document[f"{name}Hash"] == list_hash(heavy) and document[f"{name}Count"] == len(heavy)


def test_a_long_list_of_subjects_stands_beside_and_a_short_one_inside() -> None:
    short = [PSEUDONYMS.register(f"no-{number}") for number in range(INLINE["subjects"])]
    assert encode(entry(subjects=short)).lists == {}
    leaf = encode(entry(subjects=[*short, PSEUDONYMS.register("one more")]))
    assert len(leaf.lists["subjects"]) == INLINE["subjects"] + 1
    assert read(leaf.data)["subjects"] == []


def test_every_field_of_an_entry_changes_its_leaf() -> None:
    plain = encode(entry()).hash
    changed = {str: "other", int: 7, datetime: AT + timedelta(seconds=1)}
    for item in fields(Entry):
        if item.name == "secret":
            continue
        value = getattr(entry(), item.name)
        other = changed.get(type(value), ("other",))
        assert encode(entry(**{item.name: other})).hash != plain, item.name


def test_order_and_repetition_in_lists_change_nothing() -> None:
    assert encode(entry(subjects=["b", "a", "b"])) == encode(entry(subjects=["a", "b"]))


def test_times_are_utc_in_milliseconds() -> None:
    leaf = encode(entry())
    assert read(leaf.data)["at"] == "2026-03-01T00:30:00.125Z"
    assert leaf.at == datetime(2026, 3, 1, 0, 30, 0, 125_000, tzinfo=UTC)


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "line\nbreak", "字" * 300])
def test_text_that_cannot_be_kept_stands_as_its_hash(text: str) -> None:
    document = read(encode(entry(client=text, subjects=[text])).data)
    assert document["client"].startswith("sha256:") and document["subjects"] == [document["client"]]


def test_an_operation_is_known_by_document_and_name() -> None:
    name = PSEUDONYMS.operation
    hashes = {name("{ me }"), name("{ me }", "A"), name("{me}"), Pseudonyms(b"k" * 32).operation("{ me }")}
    assert len(hashes) == 4


NAMES: list[Callable[[Pseudonyms, str], str]] = [
    Pseudonyms.register,
    Pseudonyms.citizen,
    Pseudonyms.case,
    Pseudonyms.author,
    lambda pseudonyms, number: pseudonyms.record("Child", number),
    lambda pseudonyms, number: pseudonyms.record("Incident", number),
]


def test_one_number_has_unrelated_pseudonyms_in_each_domain_and_under_each_key() -> None:
    others = Pseudonyms(b"k" * 32)
    names = [make(keyed, "120114201503010017") for make in NAMES for keyed in (PSEUDONYMS, others)]
    assert len({name.partition("-")[2] for name in names}) == len(names)
    assert not any("120114" in name for name in names)


def test_parts_of_a_name_are_not_run_together() -> None:
    assert PSEUDONYMS.record("ab", "c") != PSEUDONYMS.record("a", "bc")


def test_a_pseudonym_is_stable() -> None:
    assert PSEUDONYMS.register("A-1") == Pseudonyms(bytes(range(32))).register("A-1")
    assert PSEUDONYMS.case("") == ""


def test_the_key_is_neither_short_nor_shown() -> None:
    with pytest.raises(ValueError, match="fewer than 32"):
        Pseudonyms(b"short")
    assert "\\x" not in repr(PSEUDONYMS)


def test_reporters_of_different_units_cannot_be_told_apart_by_their_entry() -> None:
    child = PSEUDONYMS.citizen("120114201503010017")
    report = PSEUDONYMS.record("MandatoryReport", "17")

    def reported(unit: str, clause: str) -> dict[str, Any]:
        act = entry(
            unit=unit,
            client=f"client of {unit}",
            operator="T0042",
            subjects=[child, report],
            rules=[f"{unit.partition(':')[0]}/7"],
            clauses=["2.5", clause],
        )
        return read(encode(without_author(act, PSEUDONYMS)).data)

    school = reported("mandatory_reporter:1201140001", "2.1.2")
    village = reported("village_committee:120114101201", "3.2.2")
    differing = {name for name in school if school[name] != village[name]}
    assert differing == {"unit", "operator", "rules"}
    assert all(set("".join(text)) and "".join(text).startswith("a-") for text in (school["unit"], school["rules"]))
    assert school["subjects"] == [report] and school["clauses"] == ["2.5"] and school["client"] == ""
    assert school["unit"] == PSEUDONYMS.author("mandatory_reporter:1201140001")


def test_the_key_of_commitments_stands_in_no_entry_and_is_not_printed() -> None:
    leaf = encode(entry(secret=b"s" * 32))
    assert leaf.hash == encode(entry()).hash
    assert leaf.secret == b"s" * 32 and "ssss" not in repr(leaf) + repr(entry(secret=b"s" * 32))


def test_words_of_a_person_are_kept_whole_and_beside_the_entry() -> None:
    words = "已与教育局核对，" * 60
    leaf = encode(entry(notes=(words,)))
    assert leaf.lists["notes"] == (words,) and words.encode() not in leaf.data


def test_names_of_many_are_the_names_of_each() -> None:
    names = Pseudonyms(b"p" * 32)
    keys = ["1", "", "120114201203070016", "林", "1"]
    assert names.records("Child", keys) == [names.record("Child", key) for key in keys]
    assert names.registers(keys) == [names.register(key) for key in keys]
    assert names.citizens(keys) == [names.citizen(key) for key in keys]
    assert names.records("Child", []) == []
    message = b"".join(len(part).to_bytes(4) + part for part in (b"hub-log", b"r", b"Child", b"1"))
    by_hand = hmac.digest(b"p" * 32, message, "sha256")[:16]
    assert names.record("Child", "1") == "r-" + urlsafe_b64encode(by_hand).decode().rstrip("=")


@settings(max_examples=300)
@given(st.text() | st.text(st.characters(max_codepoint=130)) | st.text(st.characters(categories=["Cs", "Cc"])))
def test_what_is_printable_at_a_glance_is_what_python_says(text: str) -> None:
    assert printable(text) == text.isprintable()
