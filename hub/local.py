"""``me``, ``catalogue``, ``__schema`` and ``__type`` -> their values: what the hub knows without asking any source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)

from hub.document import Document
from hub.entitlements import Entitlements
from hub.identity import Identity
from hub.planner.plan import LocalRoot
from policies.policy import Policy
from schema.catalogue import CATALOGUE


def local_values(
    roots: Sequence[LocalRoot],
    *,
    schema: GraphQLSchema,
    document: Document,
    identity: Identity,
    entitlements: Entitlements,
    policy: Policy,
    overdue: Sequence[Mapping[str, Any]] | None = None,
    waiting: Sequence[Mapping[str, Any]] | None = None,
) -> ExecutionResult:
    """The roots by response key; ``schema`` is the caller's own view, whose introspection this is."""
    narrowed = OperationDefinitionNode(
        operation=document.operation.operation,
        name=document.operation.name,
        variable_definitions=document.operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(root.node for root in roots)),
    )
    asked = DocumentNode(definitions=(narrowed, *document.fragments.values()))
    values = {
        "me": lambda _info: {**describe(identity, policy), "overdue": overdue, "waiting": waiting},
        "catalogue": lambda _info, type=None: catalogue(entitlements, type),
    }
    return execute_sync(schema, asked, root_value=values, variable_values=dict(document.variables))


def describe(identity: Identity, policy: Policy) -> Mapping[str, Any]:
    """Who the caller is."""
    unit = policy.units[identity.unit]
    return {
        "unit": identity.unit,
        "unitNameZh": unit.name_zh,
        "unitNameEn": unit.name_en,
        "key": identity.key,
        "operator": identity.operator,
        "division": identity.division,
        "institution": identity.institution,
        "purpose": identity.purpose.upper(),
        "purposes": [purpose.upper() for purpose in identity.purposes],
        "case": identity.case is not None,
        "policyVersion": policy.version,
    }


def catalogue(entitlements: Entitlements, type_name: str | None) -> list[Mapping[str, Any]]:
    """Every field (or those of a type), with what the caller holds of it for the declared purpose."""
    return [
        {
            "coordinate": found.coordinate,
            "type": found.type_name,
            "field": found.field,
            "nameZh": found.name_zh,
            "nameEn": found.name_en,
            "owner": found.source,
            "category": found.category,
            "sensitivity": found.sensitivity,
            "mask": found.mask,
            "standard": found.standard,
            "clause": found.clause,
            "gqlType": found.gql_type,
            "held": found.coordinate in entitlements.read,
            "masked": found.coordinate in entitlements.masked,
            "scopes": sorted({line.scope for line in entitlements.lines([found.coordinate])}),
            "rules": [line.rule for line in entitlements.lines([found.coordinate])],
        }
        for found in CATALOGUE.values()
        if type_name in (None, found.type_name)
    ]
