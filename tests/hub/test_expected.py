"""What is wrong with an input: told in Chinese and English, with the place of the member, and no part of the value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import FieldNode, GraphQLEnumType, GraphQLError, GraphQLInputObjectType, GraphQLScalarType
from graphql.execution.values import get_argument_values

from hub.document import Documents
from hub.errors import RefusedError
from hub.expected import BUILT_IN, SCALARS, called, chinese
from hub.lifecycle.signatures import served
from hub.settings import Limits
from hub.wording import unbound

SCHEMA = served()
DOCUMENTS = Documents(SCHEMA, Limits())
CANARY = "Canary_Zhang_San"
CHILDREN = "query Q($f: ChildFilter, $n: Int) { children(filter: $f, first: $n) { edges { cursor } } }"
REPORT = "mutation M($input: ReportConcernInput!) { reportConcern(input: $input) { step } }"
WHOLE: dict[str, Any] = {"idempotencyKey": "a", "narrative": "（虚构）", "divisionCode": "120114101001"}


def refused(query: str, **variables: Any) -> dict[str, Any]:
    """The one error of it."""
    with pytest.raises(RefusedError) as caught:
        DOCUMENTS.read(query, None, variables)
    [error] = caught.value.errors
    assert CANARY not in json.dumps(error.as_json(), ensure_ascii=False), "no part of a value"
    return {"message": error.message, **error.as_json()["extensions"]}


@pytest.mark.parametrize(
    ("given", "field", "zh", "en"),
    [
        ({"narrative": 1}, "narrative", "情况说明（`$input.narrative`）填写有误，应为文本", "expected a text"),
        ({"narrative": None}, "narrative", "情况说明（`$input.narrative`）不能为空，应为文本", "null is not allowed"),
        (
            {"concernKinds": [CANARY]},
            "concernKinds[0]",
            "`MISSING`（失踪）、",
            "one of `LIVING_ALONE`, `MISSING`",
        ),
        ({"concernKinds": ["MISSING", 3]}, "concernKinds[1]", "应为以下之一：", "expected one of "),
        (
            {"divisionCode": CANARY},
            "divisionCode",
            "应为6、9 或 12 位行政区划代码",
            "a division code of 6, 9 or 12 digits",
        ),
        (
            {"informant": 1},
            "informant",
            "`ReportConcernInput` 没有成员 `informant`",
            "does not know the member `informant`",
        ),
        (
            {"120114201001011234": 1},
            "input",
            "`ReportConcernInput` 没有所填的成员",
            "does not know a member that was given",
        ),
        ({"张三": CANARY}, "input", "`ReportConcernInput` 没有所填的成员", "does not know a member that was given"),
    ],
)
def test_a_member_of_a_mutation_is_named_in_both_languages_with_its_place(
    given: dict[str, Any], field: str, zh: str, en: str
) -> None:
    error = refused(REPORT, input={**WHOLE, **given})
    assert (error["code"], error["variable"], error["fields"]) == ("INVALID_INPUT", "input", [field])
    assert zh in error["messageZh"] and en in error["message"], error


def test_what_is_no_object_and_what_is_missing_is_told_so() -> None:
    error = refused(REPORT, input=f"{CANARY} to include required field 'narrative'")
    assert (error["fields"], error["messageZh"]) == (["input"], "`$input`填写有误，应为`ReportConcernInput` 对象")
    lacking = {name: value for name, value in WHOLE.items() if name != "narrative"}
    error = refused(REPORT, input=lacking)
    assert (error["fields"], error["messageZh"]) == (["narrative"], "缺少：情况说明")
    error = refused(REPORT)
    assert (error["fields"], error["messageZh"]) == (["input"], "缺少变量 `$input`，应为`ReportConcernInput` 对象")


@pytest.mark.parametrize(
    ("literal", "field", "zh", "en"),
    [
        (
            f'filter: {{and: [{{sex: {{eq: "{CANARY}"}}}}]}}',
            "and[0].sex.eq",
            "`filter.and[0].sex.eq`",
            "`filter.and[0].sex.eq`",
        ),
        (f"filter: {{sex: {{eq: {CANARY}}}}}", "sex.eq", "`MALE`（男）", "expected one of `UNKNOWN`, `MALE`"),
        (
            f'first: "{CANARY}"',
            "first",
            "`first`填写有误，应为-2147483648 至 2147483647 的整数",
            "`first`: expected a whole",
        ),
        ('filter: {colour: {eq: "x"}}', "colour", "`ChildFilter` 没有成员 `colour`", "the member `colour`"),
    ],
)
def test_an_argument_in_the_text_of_a_query_is_named_in_both_languages(
    literal: str, field: str, zh: str, en: str
) -> None:
    error = refused(f"{{ children({literal}) {{ edges {{ cursor }} }} }}")
    assert (error["code"], error["argument"], error["fields"]) == ("INVALID_INPUT", literal.partition(":")[0], [field])
    assert zh in error["messageZh"] and en in error["message"], error


def test_the_default_of_a_variable_is_named_by_the_variable() -> None:
    error = refused(CHILDREN.replace("$n: Int", f'$n: Int = "{CANARY}"'))
    assert (error["variable"], error["fields"]) == ("n", ["n"]) and "`$n`填写有误" in error["messageZh"]
    error = refused(CHILDREN.replace("$f: ChildFilter", f'$f: ChildFilter = {{sex: {{eq: "{CANARY}"}}}}'), n=1)
    assert (error["variable"], error["fields"]) == ("f", ["sex.eq"]) and "`$f.sex.eq`" in error["message"]


def test_an_argument_that_is_not_known_or_not_there_is_named_and_its_code_stays() -> None:
    unknown = refused("{ children(colour: 1) { edges { cursor } } }")
    assert (unknown["code"], unknown["argument"]) == ("INVALID_DOCUMENT", "colour")
    assert unknown["messageZh"] == "`Query.children` 没有参数 `colour`"
    lacking = refused("{ node { id } }")
    assert (lacking["code"], lacking["fields"]) == ("INVALID_DOCUMENT", ["id"])
    assert lacking["messageZh"] == "缺少参数：`id`，应为本平台给出的编号"


@pytest.mark.parametrize(
    ("query", "argument", "inner"),
    [
        ('query Q($v: ID = "x") { node(id: $v) { id } }', "id", ""),
        ('query Q($v: [String!] = ["x"]) { aggregate(by: $v) { __typename } }', "by", ""),
        (
            "query Q($v: ChildOrderField = NAME) { children(orderBy: {field: $v}) { __typename } }",
            "orderBy",
            ".field",
        ),
        (
            'mutation M($v: String = "x") { reportConcern(input: {idempotencyKey: $v, narrative: "a",'
            ' divisionCode: "120114"}) { step } }',
            "input",
            ".idempotencyKey",
        ),
    ],
)
def test_a_null_where_there_must_be_a_value_is_named_by_argument_and_variable(
    query: str, argument: str, inner: str
) -> None:
    """Nothing in the text is wrong, and the variable may be null: it shows where the two meet."""
    document = DOCUMENTS.read(query, None, {"v": None})
    root = SCHEMA.get_root_type(document.operation.operation)
    node = document.operation.selection_set.selections[0]
    assert root is not None and isinstance(node, FieldNode)
    with pytest.raises(GraphQLError) as caught:
        get_argument_values(root.fields[node.name.value], node, document.values)
    error = unbound(caught.value)
    assert (error.code, error.facts["variable"], error.facts["argument"]) == ("INVALID_INPUT", "v", argument)
    assert error.facts["fields"] == [inner.lstrip(".") or argument]
    assert error.facts["messageZh"] == f"`{argument}{inner}` 须有值，变量 `$v` 为空或未给出"
    assert error.message == f"`{argument}{inner}` needs a value, the variable `$v` has none"


def test_every_scalar_member_and_code_of_the_schema_has_chinese_words() -> None:
    types = [type_ for type_ in SCHEMA.type_map.values() if not type_.name.startswith("__")]
    scalars = {type_.name for type_ in types if isinstance(type_, GraphQLScalarType)}
    assert scalars - BUILT_IN.keys() == SCALARS.keys()
    inputs = [type_ for type_ in types if isinstance(type_, GraphQLInputObjectType)]
    silent = [f"{one.name}.{name}" for one in inputs for name, member in one.fields.items() if not called(member)]
    codes = [
        f"{one.name}.{name}"
        for one in types
        if isinstance(one, GraphQLEnumType) and not one.name.endswith("OrderField")
        for name, value in one.values.items()
        if not chinese(value.description)
    ]
    assert (silent, codes) == ([], [])
