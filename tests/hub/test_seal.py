"""Ids and cursors: good for the principal that got them, for nothing and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import RefusalError
from hub.seal import Seals

SEALS = Seals(b"k" * 32)
TOWN = SEALS.of("town_government:120114101")
OTHER_TOWN = SEALS.of("town_government:120114102")
texts = st.text(max_size=40)


@settings(deadline=None)
@given(texts, st.none() | texts)
def test_an_id_opens_to_what_it_was_made_of(key: str, citizen: str | None) -> None:
    assert TOWN.identified(TOWN.identify("Child", key, citizen), "id") == ("Child", key)


def test_an_id_is_the_same_each_time_so_that_clients_may_keep_it() -> None:
    assert TOWN.identify("Child", "DA001", None) == TOWN.identify("Child", "DA001", None)
    assert Seals(b"k" * 32).of("courts").identify("Child", "1") == SEALS.of("courts").identify("Child", "1")


def test_an_id_from_before_a_corrected_number_still_opens_the_file() -> None:
    before, after = TOWN.identify("Child", "DA001", "120114200001010000"), TOWN.identify("Child", "DA001", "x")
    assert before != after
    assert TOWN.identified(before, "id") == TOWN.identified(after, "id") == ("Child", "DA001")


def test_two_principals_cannot_join_on_the_ids_that_they_see() -> None:
    assert TOWN.identify("Child", "DA001") != OTHER_TOWN.identify("Child", "DA001")


def test_an_id_of_another_principal_opens_nothing() -> None:
    with pytest.raises(RefusalError) as refused:
        OTHER_TOWN.identified(TOWN.identify("Child", "DA001"), "id")
    assert refused.value.code == "INVALID_INPUT"
    assert refused.value.facts == {"argument": "id"}


def test_an_id_made_with_another_master_key_opens_nothing() -> None:
    foreign = Seals(b"x" * 32).of("town_government:120114101")
    with pytest.raises(RefusalError):
        TOWN.identified(foreign.identify("Child", "DA001"), "id")


@settings(deadline=None)
@given(st.data())
def test_a_changed_id_opens_nothing(data: st.DataObject) -> None:
    sealed = TOWN.identify("Child", "DA001", None)
    # The last character may hold bits that decode to nothing: those before it all count.
    place = data.draw(st.integers(0, len(sealed) - 2))
    letter = data.draw(st.characters(codec="ascii", categories=["L", "N"]).filter(lambda c: c != sealed[place]))
    with pytest.raises(RefusalError):
        TOWN.identified(sealed[:place] + letter + sealed[place + 1 :], "id")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_what_was_never_given_out_is_refused_in_words_that_do_not_repeat_it(text: str) -> None:
    with pytest.raises(RefusalError) as refused:
        TOWN.identified(text, "id")
    assert refused.value.message == "`id` is no id that this unit was given"


@settings(deadline=None)
@given(st.lists(st.none() | texts, max_size=3), texts)
def test_a_cursor_opens_to_its_place(order: list[str | None], key: str) -> None:
    assert TOWN.place(TOWN.cursor(b"query", order, key), b"query") == (tuple(order), key)


@pytest.mark.parametrize("query", [b"", b"quer", b"query2", b"other purpose"])
def test_a_cursor_of_another_query_or_purpose_opens_nothing(query: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        TOWN.place(TOWN.cursor(b"query", ("2016",), "DA001"), query)
    assert refused.value.facts == {"argument": "after"}


def test_a_cursor_of_another_principal_opens_nothing() -> None:
    with pytest.raises(RefusalError):
        OTHER_TOWN.place(TOWN.cursor(b"query", (), "DA001"), b"query")


def test_an_id_is_no_cursor_and_a_cursor_is_no_id() -> None:
    with pytest.raises(RefusalError):
        TOWN.place(TOWN.identify("Child", "DA001"), b"")
    with pytest.raises(RefusalError):
        TOWN.identified(TOWN.cursor(b"", ("Child",), "DA001"), "id")


def test_nothing_of_a_key_or_a_number_stands_in_an_id() -> None:
    sealed = TOWN.identify("Child", "A" * 30, "120114201603011234")
    assert "AAAA" not in sealed
    assert "120114" not in sealed
