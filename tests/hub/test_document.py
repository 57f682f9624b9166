"""Documents: what is read, what is refused, in which words, and in how many steps."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, build_schema, get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.document import Document, Documents
from hub.errors import RefusedError
from hub.measure import Measuring, check_limits, split
from hub.settings import Limits

SDL = """
scalar CitizenId
enum Sex { MALE FEMALE }
interface Node { id: ID! }
input ChildFilter { name: String, sex: Sex, age: Int, and: [ChildFilter!], under: Under }
input Under { code: String!, deep: Boolean }
type Child implements Node {
  id: ID!  name: String  sex: Sex  friend: Child  friends(first: Int, filter: ChildFilter): Children
}
type Children { edges: [Edge] }
type Edge { node: Child cursor: String }
type Query {
  child(citizenId: CitizenId, id: ID): Child
  children(first: Int, filter: ChildFilter): Children
  node(id: ID!): Node
}
type Mutation { forget: Boolean }
type Subscription { told: Boolean }
"""
NUMBER = "120114201001011234"
LIMITS = Limits()


def _refuse(value: object) -> object:
    if value == "valid":
        return value
    raise GraphQLError("the check digit of the citizen id is wrong (GB 11643)")


def _schema() -> GraphQLSchema:
    schema = build_schema(SDL)
    scalar = schema.type_map["CitizenId"]
    assert isinstance(scalar, GraphQLScalarType)
    scalar.coerce_input_value = _refuse
    scalar.parse_value = _refuse  # type: ignore[method-assign]
    return schema


SCHEMA = _schema()


def read(query: str, name: str | None = None, variables: dict[str, Any] | None = None) -> Document:
    return Documents(SCHEMA, LIMITS).read(query, name, variables)


def refused(query: str, name: str | None = None, variables: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    with pytest.raises(RefusedError) as caught:
        read(query, name, variables)
    return [{"message": error.message, **error.as_json()["extensions"]} for error in caught.value.errors]


def codes(errors: list[dict[str, Any]]) -> set[str]:
    return {error["code"] for error in errors}


def limits_of(query: str) -> dict[str, tuple[int, int]]:
    return {error["limit"]: (error["value"], error["maximum"]) for error in refused(query)}


def test_the_operation_is_chosen_by_its_name() -> None:
    text = "query a { child { name } } query b { child { sex } }"
    assert read(text, "b").operation_name == "b"
    assert "name one by `operationName`" in refused(text)[0]["message"]
    assert "`a`, `b`" in refused(text, "c")[0]["message"]


def test_an_anonymous_operation_alone_is_chosen() -> None:
    document = read("{ child { name } }")
    assert document.operation_name is None
    assert re.fullmatch("[0-9a-f]{64}", document.digest)


def test_variables_are_coerced_and_defaults_filled_in() -> None:
    document = read("query ($n: Int = 7, $s: Sex) { children(first: $n, filter: {sex: $s}) { edges { cursor } } }")
    assert dict(document.variables) == {"n": 7}


def test_a_remembered_document_coerces_its_variables_anew() -> None:
    documents = Documents(SCHEMA, LIMITS)
    text = "query ($n: Int) { children(first: $n) { edges { cursor } } }"
    first, second = documents.read(text, None, {"n": 1}), documents.read(text, None, {"n": 2})
    assert first.operation is second.operation
    assert (first.variables["n"], second.variables["n"]) == (1, 2)
    with pytest.raises(RefusedError):
        documents.read(text, None, {"n": "two"})


def test_no_more_documents_are_remembered_than_the_limit_says() -> None:
    documents = Documents(SCHEMA, Limits(documents=3))
    kept = documents.read("{ child { name } }", None, None)
    for number in range(3):
        documents.read(f"{{ child {{ a{number}: name }} }}", None, None)
    assert documents.read("{ child { name } }", None, None).operation is not kept.operation


def test_variables_that_steer_are_named_with_their_values_wherever_they_stand() -> None:
    document = read(
        "query ($a: Boolean!, $b: Boolean = false, $n: Int) { child { ...F } children(first: $n) { edges { cursor } } }"
        " fragment F on Child { name @skip(if: $a) friend @include(if: $b) { sex } }",
        variables={"a": True, "n": 3},
    )
    assert document.steering == (("a", True), ("b", False))


@pytest.mark.parametrize(
    "query",
    [
        f'{{ child(citizenId: "{NUMBER}") {{ name }} }}',
        f'{{ child(id: "x") "{NUMBER}" }}',
        f"{{ children(first: {NUMBER}) {{ edges {{ cursor }} }} }}",
        f'{{ children(first: "{NUMBER}") {{ edges {{ cursor }} }} }}',
        f'{{ children(filter: {{sex: "{NUMBER}"}}) {{ edges {{ cursor }} }} }}',
        f'{{ children(filter: {{age: "{NUMBER}", and: [{{name: {NUMBER}}}]}}) {{ edges {{ cursor }} }} }}',
        f'{{ child(citizenId: """{NUMBER}""") {{ name }} }}',
        f'{{ """{NUMBER}""" child {{ name }} }}',
        f'query ($c: CitizenId = "{NUMBER}") {{ child(citizenId: $c) {{ name }} }}',
        f'{{ child {{ name @skip(if: "{NUMBER}") }} }}',
    ],
)
def test_no_refusal_repeats_a_literal(query: str) -> None:
    errors = refused(query)
    assert codes(errors) <= {"INVALID_INPUT", "INVALID_DOCUMENT"}
    assert NUMBER not in json.dumps(errors, ensure_ascii=False)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("CitizenId", NUMBER),
        ("CitizenId", {"number": NUMBER}),
        ("Int", NUMBER),
        ("ID", [NUMBER, {"a": NUMBER}]),
        ("Boolean", NUMBER),
        ("Sex", NUMBER),
        ("ChildFilter", NUMBER),
        ("ChildFilter", {"name": [NUMBER]}),
        ("ChildFilter", {"and": [{"sex": NUMBER, "under": {"deep": True, "more": NUMBER}}]}),
        ("ChildFilter", {"under": {"deep": NUMBER}}),
    ],
)
def test_no_refusal_repeats_the_value_of_a_variable(type_name: str, value: object) -> None:
    argument = {"CitizenId": "child(citizenId: $v)", "ID": "child(id: $v)"}.get(type_name, "child")
    filtered = {
        "ChildFilter": "children(filter: $v) { edges { cursor } }",
        "Sex": "children(filter: {sex: $v}) { edges { cursor } }",
        "Int": "children(first: $v) { edges { cursor } }",
        "Boolean": "b: child { name @skip(if: $v) }",
    }.get(type_name, "")
    non_null = "!" if type_name == "Boolean" else ""
    errors = refused(
        f"query ($v: {type_name}{non_null}) {{ {argument} {{ name }} {filtered} }}", variables={"v": value}
    )
    assert codes(errors) == {"INVALID_INPUT"}
    assert all(error["variable"] == "v" for error in errors)
    assert NUMBER not in json.dumps(errors)


def test_a_wrong_variable_is_told_what_would_be_right() -> None:
    query = "query ($f: ChildFilter, $n: Int!) { children(filter: $f, first: $n) { edges { cursor } } }"
    errors = refused(query, variables={"f": {"and": [{"sex": "BOY"}]}})
    assert [error["message"] for error in errors] == [
        "`$f.and[0].sex` is wrong, expected one of `MALE`, `FEMALE`",
        "`$n` of type `Int!` is required, expected a whole number from -2147483648 to 2147483647",
    ]


def test_a_literal_of_the_wrong_type_is_invalid_input_with_its_place() -> None:
    (error,) = refused('{ child(citizenId: "1") { name } }')
    assert error["code"] == "INVALID_INPUT"
    assert error["locations"] == [{"line": 1, "column": 20}]
    assert "check digit" in error["message"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "does not parse"),
        ("{ child { name }", "does not parse"),
        ("{ child { nme } }", "cannot query field `nme` on type `Child`"),
        ("{ child { name }} fragment F on Child { name }", "fragment `F` is never used"),
        ("{ child { ...F } } fragment F on Child { ...G } fragment G on Child { ...F }", "spreads itself"),
        ("fragment F on Child { name }", "never used"),
        ("{ }", "does not parse"),
        ("subscription { told }", "this is a subscription"),
        ("{ child { name @defer } }", "unknown directive `@defer`"),
        ("{ child { ... @defer { name } } }", "unknown directive `@defer`"),
        ("type Query { a: Int }", "not executable"),
        ("{ child { name: sex name } }", "conflict"),
        ("{ \ud800 }", "half of a surrogate pair"),
    ],
)
def test_a_bad_document_is_refused_in_words_of_the_house(query: str, words: str) -> None:
    errors = refused(query)
    assert codes(errors) == {"INVALID_DOCUMENT"}
    text = errors[0]["message"]
    assert words in text
    assert text[0].islower() or text[0] == "`"
    assert not text.endswith(".")
    assert "Did you mean" not in text


def test_every_limit_is_named_with_its_number() -> None:
    assert limits_of("{" + " id" * 2500 + "}") == {"tokens": (2001, 2000)}
    assert limits_of("# c\n" * 2500 + "{ child { id } }") == {"tokens": (2001, 2000)}
    assert limits_of("{ child { " + "friend { " * 10 + "id" + " }" * 10 + " } }") == {"depth": (12, 10)}
    aliases = "".join(f" a{number}: id" for number in range(31))
    assert limits_of(f"{{ child {{ {aliases} }} }}") == {"aliases": (31, 30)}
    assert limits_of("{ child { id" + " @skip(if: false)" * 51 + " } }") == {"directives": (51, 50)}
    assert limits_of("query" + " @a" * 51 + " { child { id } }") == {"directives": (51, 50)}
    assert limits_of("{" + " child { id }" * 31 + " }")["roots"] == (31, 30)
    fragments = " ".join(f"fragment F{number} on Child {{ id }}" for number in range(61))
    assert limits_of(f"{{ child {{ id }} }} {fragments}") == {"fragments": (61, 60)}
    operations = " ".join(f"query q{number} {{ child {{ id }} }}" for number in range(21))
    assert limits_of(operations) == {"operations": (21, 20)}


def test_edges_and_node_are_not_counted_but_the_root_field_node_is() -> None:
    def chain(times: int) -> str:
        return (
            "{ children { edges { node { " + "friends { edges { node { " * times + "id" + " } } }" * (times + 1) + " }"
        )

    read(chain(8))
    assert limits_of(chain(9)) == {"depth": (11, 10)}
    assert limits_of("{ node(id: 1) { ... on Child { " + "friend { " * 9 + "id" + " }" * 12) == {"depth": (11, 10)}


def test_an_alias_called_edges_hides_no_depth() -> None:
    assert limits_of("{ child { " + "edges: friend { " * 10 + "id" + " }" * 12)["depth"] == (12, 10)


def test_a_fragment_called_after_introspection_gets_no_deeper_bound() -> None:
    deep = "friend { " * 11 + "id" + " }" * 11
    for name in ("__schema", "__type"):
        assert limits_of(f"{{ child {{ ...{name} }} }} fragment {name} on Child {{ {deep} }}") == {"depth": (13, 10)}
    assert limits_of(f"{{ child {{ __schema: {deep.removesuffix('}')} }} }} }}")["depth"][1] == 10


def test_introspection_passes_and_has_a_bound_of_its_own() -> None:
    read(get_introspection_query(descriptions=True, input_value_deprecation=True))
    deep = "ofType { " * 20 + "name" + " }" * 20
    assert limits_of(f'{{ __type(name: "Child") {{ {deep} }} }}') == {"introspection_depth": (22, 20)}


def bomb(links: int) -> str:
    """Fragments each of which spreads the next twice, below different fields."""
    twice = "friend {{ ...F{0} }} ... on Child {{ friend {{ ...F{0} }} }}"
    chain = " ".join(f"fragment F{number} on Child {{ {twice.format(number + 1)} }}" for number in range(links))
    return f"{{ child {{ ...F0 }} }} {chain} fragment F{links} on Child {{ id }}"


def steps(query: str, limits: Limits = LIMITS) -> int:
    document = parse(query)
    operations, fragments = split(document)
    measuring = Measuring(fragments)
    for operation in operations:
        measuring.operation(operation)
    return measuring.steps


def test_the_pass_takes_as_many_steps_as_the_document_has_selections() -> None:
    for links in (1, 10, 40):
        # root field, spread, and five selections a link, one in the last fragment
        assert steps(bomb(links)) == 2 + 5 * links + 1


def test_a_bomb_of_doubling_fragments_is_refused_by_its_size_once_expanded() -> None:
    found = limits_of(bomb(50))
    assert found["fields"][0] > 10**12
    assert found["fields"][1] == 1000


def test_an_unused_bomb_is_refused_before_it_is_validated() -> None:
    assert "fields" in limits_of(bomb(50).replace("{ child { ...F0 } }", "{ child { id } }"))


def test_a_thousand_fields_of_one_name_are_refused_before_the_quadratic_rule() -> None:
    found = limits_of("{ child {" + " name" * 1000 + " } }")
    assert found == {"repeats": (999, 60), "fields": (1001, 1000)}
    nested = "{ child {" + (" friend {" + " name" * 9 + " }") * 9 + " } }"
    assert limits_of(nested) == {"repeats": (80, 60)}


def test_repeats_through_fragments_are_counted_once_a_set() -> None:
    read("{ child {" + " ...F" * 200 + " } } fragment F on Child { id name }")
    many = " ".join(f"fragment F{n} on Child {{ id name sex }}" for n in range(40))
    spreads = " ".join(f"...F{n}" for n in range(40))
    assert limits_of(f"{{ child {{ {spreads} }} }} {many}") == {"repeats": (117, 60)}


def test_nesting_that_would_exhaust_the_interpreter_is_refused() -> None:
    for text in (
        "{ child { " + "... { " * 600 + "id" + " }" * 602,
        "{ child { " + "... { " * 80 + "id" + " }" * 82,
        "{" + "a{" * 600 + "b" + "}" * 601,
        "{ child(id: " + "[" * 900 + "]" * 900 + ") { id } }",
    ):
        (error,) = refused(text)
        assert (error["code"], error["limit"]) == ("TOO_COMPLEX", "depth")


def test_variables_nested_too_deeply_are_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(900):
        value = {"and": [value]}
    errors = refused("query ($f: ChildFilter) { children(filter: $f) { edges { cursor } } }", variables={"f": value})
    assert codes(errors) == {"INVALID_INPUT"}


SELECTIONS = st.recursive(
    st.sampled_from(["id", "name", "a: sex", "...F", "...G", "name @skip(if: true)"]),
    lambda inner: st.lists(inner, min_size=1, max_size=4).flatmap(
        lambda parts: st.sampled_from(["friend", "b: friend", "... on Child", "... @include(if: true)"]).map(
            lambda head: f"{head} {{ {' '.join(parts)} }}"
        )
    ),
    max_leaves=12,
)


def expanded(text: str) -> dict[str, int]:
    """The measures by plain expansion: the oracle."""
    operations, fragments = split(parse(text))

    def walk(selection_set: Any, level: int, spread: set[str]) -> tuple[int, int, int, int]:
        depth = aliases = directives = fields = 0
        for selection in selection_set.selections:
            directives += len(selection.directives or ())
            if selection.kind == "field":
                inner = walk(selection.selection_set, level + 1, set()) if selection.selection_set else (0, 0, 0, 0)
                inner = (inner[0] + 1, inner[1] + bool(selection.alias), inner[2], inner[3] + 1)
            elif selection.kind == "inline_fragment":
                inner = walk(selection.selection_set, level, set())
            elif selection.name.value in spread:
                continue
            else:
                spread.add(selection.name.value)
                inner = walk(fragments[selection.name.value].selection_set, level, set())
            depth = max(depth, inner[0])
            aliases, directives, fields = aliases + inner[1], directives + inner[2], fields + inner[3]
        return depth, aliases, directives, fields

    found = walk(operations[0].selection_set, 1, set())
    return dict(zip(("depth", "aliases", "directives", "fields"), found, strict=True))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(SELECTIONS, min_size=1, max_size=4), st.lists(SELECTIONS, min_size=1, max_size=3))
def test_the_pass_measures_what_plain_expansion_would(body: list[str], inner: list[str]) -> None:
    first = " ".join(part.replace("...F", "id").replace("...G", "id") for part in inner)
    second = " ".join(part.replace("...G", "name") for part in inner)
    text = f"{{ {' '.join(body)} }} fragment F on Child {{ {first} }} fragment G on Child {{ {second} }}"
    operations, fragments = split(parse(text))
    measure = Measuring(fragments).operation(operations[0])
    wanted = expanded(text)
    assert {name: getattr(measure, name) for name in wanted} == wanted


def test_limits_alone_can_be_checked() -> None:
    assert check_limits(parse("{ child { id name } }"), LIMITS) == 3


async def test_a_long_new_text_is_read_in_a_thread_and_a_short_or_known_one_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is parsed and checked on the loop's own thread holds up everybody."""
    threads: list[str] = []
    original = Documents._read

    def noted(documents: Documents, query: str, digest: str) -> Any:
        threads.append(threading.current_thread().name)
        return original(documents, query, digest)

    monkeypatch.setattr(Documents, "_read", noted)
    documents = Documents(SCHEMA, LIMITS)
    long = "{ children { edges { cursor } } } # " + "x" * 1_000
    assert await documents.read_apart(long, None, None) == await documents.read_apart(long, None, None)
    await documents.read_apart("{ children { edges { cursor } } }", None, None)
    assert [name.startswith("documents") for name in threads] == [True, False]


async def test_a_long_text_that_is_refused_is_refused_alike_in_a_thread() -> None:
    """The same codes and words, whoever reads it."""
    documents = Documents(SCHEMA, LIMITS)
    long = "{ nonsense } # " + "x" * 1_100
    with pytest.raises(RefusedError) as apart:
        await documents.read_apart(long, None, None)
    with pytest.raises(RefusedError) as at_once:
        documents.read(long, None, None)
    assert [vars(error) for error in apart.value.errors] == [vars(error) for error in at_once.value.errors]
