from __future__ import annotations

import csv
from pathlib import Path

from graphql import GraphQLEnumType, GraphQLSchema

from schema.inputs import ENUMS

# Taken from the domain model's tables of enums, purposes, discrepancies, flags and indicators.
VOCABULARIES = Path(__file__).parent / "enums.csv"


def _rows() -> list[dict[str, str]]:
    with VOCABULARIES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_vocabularies_have_exactly_the_values_of_the_domain_in_its_order() -> None:
    expected: dict[str, list[str]] = {}
    for row in _rows():
        expected.setdefault(row["enum"], []).append(row["value"])
    assert {name: [value.name for value in found] for name, found in ENUMS.items()} == expected


def test_values_carry_the_words_and_codes_of_their_standard() -> None:
    for row in _rows():
        meaning = ENUMS[row["enum"]][row["value"]].value
        assert row["name_zh"] in meaning.zh
        assert list(meaning.codes) == [code for code in row["codes"].split(";") if code]


def test_no_code_means_two_values() -> None:
    for found in ENUMS.values():
        codes = [code for value in found for code in value.value.codes]
        assert len(codes) == len(set(codes))


def test_every_vocabulary_is_in_the_schema_described_in_both_languages(whole: GraphQLSchema) -> None:
    for name, found in ENUMS.items():
        shown = whole.type_map[name]
        assert isinstance(shown, GraphQLEnumType)
        assert list(shown.values) == [value.name for value in found]
        for value in found:
            assert shown.values[value.name].description == str(value.value)
            assert shown.values[value.name].value == value.name
            assert value.value.zh
            assert value.value.en
