"""An aggregate laid out by its shape is what graphql-core answers of the same groups, whatever is selected of them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import execute_sync, parse

from hub.document import Documents
from hub.entitlements import Entitlements
from hub.planner.compile import compile_plan
from hub.planner.plan import LocalRoot
from hub.planner.shape import laid_out
from hub.settings import Limits
from policies import load
from schema.build import whole
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

SCHEMA = whole()
GROUPS: dict[str, Any] = {
    "cells": [
        {
            "keys": [{"coordinate": "Child.sex", "value": sex}, {"coordinate": "Child.ethnicity", "value": None}],
            "value": value,
            "suppressed": value is None,
        }
        for sex, value in (("MALE", 3.0), (None, None), ("FEMALE", 120.5))
    ],
    "total": None,
    "quarter": "2026Q3",
}
OF = '(by: ["Child.sex"])'
DOCUMENTS = {
    "what the bench asks": f"{{ aggregate{OF} {{ cells {{ keys {{ coordinate value }} value suppressed }} total }} }}",
    "two roots, named otherwise": f"{{ a: aggregate{OF} {{ sum: total quarter }} b: aggregate{OF} {{ __typename }} }}",
    "fields that are named twice": f"""{{ aggregate{OF} {{ cells {{ value }} cells {{ keys {{ value }} }} total }}
        aggregate{OF} {{ cells {{ v: value keys {{ value coordinate }} }} }} }}""",
    "fragments and directives": f"""query Q($yes: Boolean = true, $no: Boolean = false) {{
        aggregate{OF} {{ ...Sums @include(if: $yes) ... on Aggregation {{ t: __typename }}
            cells {{ ...Cell suppressed @skip(if: $yes) }} quarter @include(if: $no) }} }}
        fragment Sums on Aggregation {{ total cells {{ __typename }} }}
        fragment Cell on AggregateCell {{ keys {{ ...Key }} ... {{ value }} }}
        fragment Key on AggregateKey {{ k: coordinate v: value kind: __typename }}""",
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_groups_are_laid_out_as_the_specification_has_it(case: str) -> None:
    text = DOCUMENTS[case]
    document = Documents(SCHEMA, Limits()).read(text, None, {})
    entitlements = Entitlements.of(load(ROOT / "policies", CATALOGUE), "civil_affairs_bureau", "social_assistance")
    plan = compile_plan(
        schema=SCHEMA,
        operation=document.operation,
        fragments=document.fragments,
        variables=document.values,
        entitlements=entitlements,
        refuse=False,
    )
    found = {}
    for root in plan.roots:
        assert isinstance(root, LocalRoot) and root.shape is not None
        found[root.key] = laid_out(root.shape, GROUPS)
    told = execute_sync(SCHEMA, parse(text), root_value={"aggregate": lambda *_, **__: GROUPS})
    assert not told.errors
    assert orjson.dumps(found) == orjson.dumps(told.data)
