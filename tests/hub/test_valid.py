"""The one walk over a document against graphql-core's rules: never surer than they are, and sure where it matters."""

from __future__ import annotations

import re
from random import Random

import pytest
from graphql import GraphQLSyntaxError, parse, validate

from hub.document import RULES
from hub.valid import Rules
from schema.build import whole
from tests.bench.documents import AGGREGATE, BY_NUMBER, IDS, LIST, MIX, POINT

SCHEMA = whole()
CHECK = Rules(SCHEMA)
NODE = "... on Child { kin: familyMembers { edges { cursor } } }"

VALID = (
    *(AGGREGATE, BY_NUMBER, IDS, LIST, POINT, *MIX),
    "query A { children { ...F } } query B($yes: Boolean = true) { children { ...F @include(if: $yes) } }"
    " fragment F on ChildConnection { edges { ... { cursor } node { ...G } } } fragment G on Child { id id name }",
    f"query N($id: ID!) {{ node(id: $id) {{ __typename id ... on Guardian {{ name }} {NODE} }} }}",
    "query L($town: DivisionCode) { children(first: 3, filter: {and: [{divisionCode: {under: $town}},"
    " {sex: {in: FEMALE}}] not: {birthDate: {isNull: true}}}, orderBy: [{field: BIRTH_DATE, direction: DESC}])"
    " { pageInfo { hasNextPage } } }",
    "query S($no: Boolean!) { children @skip(if: $no) { edges { node { a: name b: name @include(if: true) } } } }",
    "{ children(first: 1) { edges { node { enrolments(first: 1) { edges { node { id } } } } } }"
    " children(first: 1) { edges { node { enrolments(first: 1) { pageInfo { endCursor } } } } } }",
    "{ one: children(first: 1) { edges { node { id } } } two: children(first: 2) { edges { node { id } } } }",
)
"""Documents of every part of the language."""

WRONG = (
    "{ children { edges { node { nonsense } } } }",
    "{ children }",
    "{ children { edges { node { name { x } } } } }",
    "{ children(first: 1, first: 2) { edges { cursor } } }",
    '{ children(first: "one") { edges { cursor } } }',
    "{ children(last: 1) { edges { cursor } } }",
    "{ children(filter: {sex: {eq: NEITHER}}) { edges { cursor } } }",
    "{ children(filter: {sex: {eq: MALE}, sex: {eq: MALE}}) { edges { cursor } } }",
    "{ children(filter: {nonsense: 1}) { edges { cursor } } }",
    "{ children(orderBy: [{direction: ASC}]) { edges { cursor } } }",
    "{ children(first: $n) { edges { cursor } } }",
    "query ($n: Int) { children { edges { cursor } } }",
    "query ($n: String) { children(first: $n) { edges { cursor } } }",
    "query ($n: Int, $n: Int) { children(first: $n) { edges { cursor } } }",
    "query ($n: Child) { children(first: $n) { edges { cursor } } }",
    "query ($n: Nonsense) { children(first: $n) { edges { cursor } } }",
    'query ($n: Int = "x") { children(first: $n) { edges { cursor } } }',
    "query ($id: ID) { node(id: $id) { id } }",
    "query ($b: Boolean) { children @skip(if: $b) { edges { cursor } } }",
    "{ node(id: null) { id } }",
    "{ node { id } }",
    "{ children { ...F } }",
    "{ children { edges { cursor } } } fragment F on Child { id }",
    "{ children { ...F } } fragment F on Child { id }",
    "{ children { ... on Guardian { id } } }",
    "{ children { ... on Nonsense { id } } }",
    "{ children { ... on Int { id } } }",
    "{ children { ...F } } fragment F on ChildConnection { ...F }",
    "{ children { ...F } } fragment F on ChildConnection { ...G } fragment G on ChildConnection { ...F }",
    "{ children { ...F } } fragment F on ChildConnection { edges { cursor } }"
    " fragment F on ChildConnection { __typename }",
    "{ children { edges { cursor } } } { children { edges { cursor } } }",
    "query A { children { edges { cursor } } } query A { children { edges { cursor } } }",
    "{ children @nonsense { edges { cursor } } }",
    "{ children @deprecated { edges { cursor } } }",
    "{ children @skip { edges { cursor } } }",
    "{ children @skip(if: 1) { edges { cursor } } }",
    "{ children @skip(if: true) @skip(if: true) { edges { cursor } } }",
    "query @skip(if: true) { children { edges { cursor } } }",
    "{ children { edges { node { a: name a: sex } } } }",
    "{ children(first: 1) { edges { cursor } } children(first: 2) { edges { cursor } } }",
    "{ children { edges { node { a: name ...F } } } } fragment F on Child { a: sex }",
    "query ($id: ID!) { node(id: $id) { ... on Child { a: birthDate } ... on Guardian { a: kind } } }",
    "type Child { id: ID } query { children { edges { cursor } } }",
    "mutation { nonsense }",
)
"""Documents that some rule refuses, each for a reason of its own."""


@pytest.mark.parametrize("text", VALID)
def test_a_valid_document_needs_no_stock_rules(text: str) -> None:
    """Otherwise it would be right, and ten times as slow."""
    assert not validate(SCHEMA, parse(text), RULES)
    assert CHECK.surely_hold(parse(text))


@pytest.mark.parametrize("text", WRONG)
def test_what_a_rule_refuses_is_never_sure(text: str) -> None:
    """The stock rules then find and word it."""
    assert validate(SCHEMA, parse(text), RULES)
    assert not CHECK.surely_hold(parse(text))


def test_introspection_is_left_to_the_stock_rules() -> None:
    """They bound how deep it goes."""
    assert not CHECK.surely_hold(parse("{ __schema { types { name } } }"))
    assert not CHECK.surely_hold(parse('{ __type(name: "Child") { name } }'))


def _changed(text: str, chance: Random) -> str:
    """The document with a few of its tokens left out, doubled, exchanged, or taken from another one."""
    tokens = re.findall(r'\.\.\.|"[^"]*"|[A-Za-z_]\w*|-?\d+|\S', text)
    others = re.findall(r'\.\.\.|"[^"]*"|[A-Za-z_]\w*|-?\d+|\S', chance.choice(WRONG + VALID))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(4):
            case 0 if len(tokens) > 1:
                del tokens[place]
            case 1:
                tokens.insert(place, tokens[other])
            case 2:
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case _:
                tokens[place] = chance.choice(others)
    return " ".join(tokens)


def test_changed_documents_are_never_sure_where_a_rule_refuses_them() -> None:
    """Thousands of near misses; enough of both kinds parse for the comparison to mean something."""
    chance = Random(20261126)
    sure = refused = 0
    for _ in range(12_000):
        text = _changed(chance.choice(VALID), chance)
        try:
            node = parse(text)
        except GraphQLSyntaxError:
            continue
        if CHECK.surely_hold(node):
            assert not validate(SCHEMA, node, RULES), text
            sure += 1
        else:
            refused += 1
    assert sure > 300, sure
    assert refused > 1_000, refused
