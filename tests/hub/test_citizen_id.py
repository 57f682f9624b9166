"""Numbers in their normal form, and what is wrong with those that are wrong."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.demo.citizen_id import broken, citizen_id
from hub.citizen_id import fault, normal, plain_name

NUMBER = citizen_id("120114", date(2014, 3, 9).toordinal(), 37)  # a boy's


def test_a_right_number_is_its_own_normal_form_and_has_no_fault() -> None:
    assert normal(NUMBER, "2014-03-09") == NUMBER
    assert fault(NUMBER, "2014-03-09", "MALE") is None


@pytest.mark.parametrize(
    ("number", "birth", "sex", "wrong"),
    [
        (broken(NUMBER), "2014-03-09", "MALE", "check_digit"),
        (NUMBER, "2014-09-03", "MALE", "birth_date"),
        (NUMBER, "2014-03-09", "FEMALE", "sex"),
        (NUMBER[:6] + NUMBER[8:17], "2014-03-09", "MALE", "form"),
        ("无", "2014-03-09", "MALE", "form"),
        ("", "2014-03-09", "MALE", "form"),
    ],
)
def test_a_wrong_number_says_what_is_wrong(number: str, birth: str, sex: str, wrong: str) -> None:
    assert fault(number, birth, sex) == wrong


def test_what_a_source_does_not_say_is_not_held_against_a_number() -> None:
    assert fault(NUMBER, None, None) is None
    assert fault(NUMBER, "2014-03-09", "UNKNOWN") is None
    assert fault(None, "2014-03-09", "MALE") is None


def test_full_width_digits_spaces_and_a_small_x_are_the_same_number() -> None:
    number = next(found for serial in range(1, 999, 2) if (found := citizen_id("120114", 735000, serial)).endswith("X"))
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    for written in (wide, f" {number[:6]} {number[6:]} ", number.lower()):
        assert normal(written, None) == number
        assert fault(written, None, None) is None


@given(
    born=st.dates(min_value=date(1930, 1, 1), max_value=date(2026, 12, 31)),
    serial=st.integers(min_value=0, max_value=999),
)
def test_an_old_number_gets_back_the_century_that_its_birthday_tells(born: date, serial: int) -> None:
    number = citizen_id("120222", born.toordinal(), serial)
    assert normal(number[:6] + number[8:17], born.isoformat()) == number


def test_names_are_compared_without_spaces_and_with_one_form_of_the_dot() -> None:
    assert plain_name("  赵 小梅 ") == "赵小梅"
    assert plain_name("阿依古丽•买买提") == plain_name("阿依古丽・买买提") == plain_name("阿依古丽·买买提")
    assert plain_name("ＬＩ小明") == "LI小明"
    assert plain_name("   ") is None
