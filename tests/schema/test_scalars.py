from __future__ import annotations

import datetime
import decimal
import string

import pytest
from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, execute, get_variable_values, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from schema import scalars

# Invented numbers: right by their check digit, of nobody.
RIGHT = "120114200801011234"
RIGHT_X = "12022220080101123X"

ACCEPTED = [
    ("CitizenId", RIGHT, RIGHT),
    ("CitizenId", RIGHT_X.lower(), RIGHT_X),
    ("Phone", "13800001234", "13800001234"),
    ("Phone", "022-82111234", "022-82111234"),
    ("DivisionCode", "120114", "120114"),
    ("DivisionCode", "120114101", "120114101"),
    ("DivisionCode", "120114101201", "120114101201"),
    ("Date", "2016-02-29", "2016-02-29"),
    ("DateTime", "2017-06-30T08:00:00+08:00", "2017-06-30T08:00:00+08:00"),
    ("DateTime", "2017-06-30T00:00:00Z", "2017-06-30T08:00:00+08:00"),
    ("DateTime", "2017-06-30T00:00:00.5Z", "2017-06-30T08:00:00.500000+08:00"),
    ("Decimal", "1200.5", "1200.50"),
    ("Decimal", 1200, "1200.00"),
    ("Quarter", "2017Q2", "2017Q2"),
]

REFUSED = [
    ("CitizenId", "120114200801011235", "check digit"),
    ("CitizenId", "120114200813011231", "birth date"),
    ("CitizenId", "120114************", "18 characters"),
    ("CitizenId", "120114080101123", "18 characters"),
    ("CitizenId", " " + RIGHT, "18 characters"),
    ("CitizenId", RIGHT + "\n", "18 characters"),
    ("CitizenId", "１２０１１４200801011234", "18 characters"),
    ("CitizenId", 120114200801011234, "18 characters"),
    ("Phone", "*******1234", "in full"),
    ("Phone", "1234", "in full"),
    ("DivisionCode", "1201", "6, 9 or 12"),
    ("DivisionCode", "12011410", "6, 9 or 12"),
    ("Date", "2008", "YYYY-MM-DD"),
    ("Date", "20080101", "YYYY-MM-DD"),
    ("Date", "2017-02-29", "calendar"),
    ("DateTime", "2017-06-29T08:00:00", "offset"),
    ("DateTime", "2017-06-29", "offset"),
    ("DateTime", "2017-06-31T08:00:00Z", "calendar"),
    ("DateTime", "9999-12-31T23:59:59Z", "calendar"),
    ("Decimal", "1.005", "two decimals"),
    ("Decimal", 1.5, "two decimals"),
    ("Decimal", True, "two decimals"),
    ("Decimal", "NaN", "two decimals"),
    ("Quarter", "2017Q5", "2017Q2"),
    ("Quarter", "2017q2", "2017Q2"),
]

SHOWN = [
    ("CitizenId", "120114************", "120114************"),
    ("CitizenId", "120114200801011235", "120114200801011235"),
    ("Phone", "*******1234", "*******1234"),
    ("Date", "2008", "2008"),
    ("Date", "2008-01-01", "2008-01-01"),
    ("Date", datetime.date(2008, 1, 1), "2008-01-01"),
    ("DateTime", datetime.datetime(2017, 6, 30, tzinfo=datetime.UTC), "2017-06-30T08:00:00+08:00"),
    ("Decimal", decimal.Decimal("1200.5"), "1200.50"),
    ("DivisionCode", "120114101", "120114101"),
    ("Quarter", "2017Q2", "2017Q2"),
]


def _scalar(whole: GraphQLSchema, name: str) -> GraphQLScalarType:
    found = whole.type_map[name]
    assert isinstance(found, GraphQLScalarType)
    return found


@pytest.mark.parametrize(("name", "given_value", "expected"), ACCEPTED)
def test_input_is_brought_to_one_form(whole: GraphQLSchema, name: str, given_value: object, expected: str) -> None:
    assert _scalar(whole, name).coerce_input_value(given_value) == expected


@pytest.mark.parametrize(("name", "given_value", "word"), REFUSED)
def test_wrong_and_masked_input_is_refused_in_clear_words_that_repeat_no_value(
    whole: GraphQLSchema, name: str, given_value: object, word: str
) -> None:
    with pytest.raises(GraphQLError) as refused:
        _scalar(whole, name).coerce_input_value(given_value)
    message = refused.value.message
    assert word in message
    assert message[0].islower()
    assert not message.endswith(".")
    assert str(given_value) not in message


@pytest.mark.parametrize(("name", "given_value", "expected"), SHOWN)
def test_values_and_their_masked_forms_are_shown(
    whole: GraphQLSchema, name: str, given_value: object, expected: str
) -> None:
    assert _scalar(whole, name).coerce_output_value(given_value) == expected


@pytest.mark.parametrize("name", ["CitizenId", "Phone", "DivisionCode", "Date", "DateTime", "Decimal", "Quarter"])
def test_what_is_no_text_is_not_shown(whole: GraphQLSchema, name: str) -> None:
    with pytest.raises(GraphQLError):
        _scalar(whole, name).coerce_output_value(["2008"])


@pytest.mark.parametrize("quoted", ['"120114200801011235"', '"120114************"', "1"])
def test_a_wrong_literal_is_refused_when_the_document_is_validated(whole: GraphQLSchema, quoted: str) -> None:
    errors = validate(whole, parse(f"{{child(citizenId: {quoted}) {{id}}}}"), hide_suggestions=True)
    assert len(errors) == 1
    assert "citizen id" in errors[0].message
    assert quoted.strip('"') not in errors[0].message or quoted == "1"


def test_a_variable_reaches_the_plan_in_its_one_form(whole: GraphQLSchema) -> None:
    document = parse("query($c: CitizenId!) {child(citizenId: $c) {id}}")
    assert validate(whole, document) == []
    definitions = document.definitions[0].variable_definitions  # type: ignore[attr-defined]
    values = get_variable_values(whole, definitions, {"c": RIGHT_X.lower()})
    assert not isinstance(values, list)
    assert values.coerced == {"c": RIGHT_X}
    refused = get_variable_values(whole, definitions, {"c": "120114************"})
    assert isinstance(refused, list)
    assert "18 characters" in refused[0].message


def test_graphql_s_own_executor_shows_masked_forms_over_plain_dicts(whole: GraphQLSchema) -> None:
    child = {"birthDate": "2008", "citizenId": "120114************", "sex": "MALE", "riskFlags": ["MISSING"]}
    result = execute(whole, parse('{child(id: "x") {birthDate citizenId sex riskFlags}}'), root_value={"child": child})
    assert (result.data, result.errors) == ({"child": child}, None)  # type: ignore[union-attr]


@given(st.text(alphabet=string.digits, min_size=17, max_size=17), st.sampled_from(string.digits + "X"))
def test_of_eleven_check_digits_one_is_right(body: str, last: str) -> None:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    remainder = sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True)) % 11
    right = "10X98765432"[remainder] == last
    try:
        scalars.parse_citizen_id(body + last)
        accepted = True
    except GraphQLError as refused:
        accepted = "birth date" in refused.message
    assert accepted == right


@given(st.text(max_size=40))
def test_any_text_is_accepted_or_refused_and_nothing_else_happens(text: str) -> None:
    for scalar in scalars.SCALARS:
        try:
            once = scalar.parse(text)
        except GraphQLError:
            continue
        assert scalar.parse(once) == once
        assert scalar.show(once) == once
