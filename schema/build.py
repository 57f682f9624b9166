"""Types -> the whole schema, as Strawberry's and as graphql-core's, and its text.

The two differ in two points. Strawberry's (``core``) knows the Python classes of all types. graphql-core's (``whole``)
is built from its text: enums are their names, inputs are dicts, nothing has a resolver; it is what documents are
validated against, what views are cut from, and what a plain executor can run over dicts. And it has the steps whose
signatures it is given, as ``Mutation``.
"""

from __future__ import annotations

from collections.abc import Sequence

import strawberry
from graphql import (
    GraphQLNamedType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
    print_type,
)
from strawberry.schema.config import StrawberryConfig

from schema.mutations import Signature, mutations
from schema.nouns import NOUNS
from schema.roots import Query
from schema.scalars import SCALARS
from schema.subscriptions import subscriptions


def core() -> strawberry.Schema:
    """The schema as Strawberry has it."""
    scalars = {
        scalar.python: strawberry.scalar(
            name=scalar.name, description=scalar.description, parse_value=scalar.parse, serialize=scalar.show
        )
        for scalar in SCALARS
    }
    config = StrawberryConfig(disable_field_suggestions=True, scalar_map=scalars)
    return strawberry.Schema(query=Query, types=NOUNS, config=config)


def whole(signatures: Sequence[Signature] = (), told: Sequence[str] = ()) -> GraphQLSchema:
    """The whole schema: every type, field, filter and root, these steps, and subscriptions to these types.

    Suggestions belong to validation, not to the schema: give ``hide_suggestions`` to graphql-core's ``validate`` and
    ``get_variable_values``.
    """
    schema = build_schema("\n\n".join((core().as_str(), mutations(signatures), subscriptions(told))))
    for scalar in SCALARS:
        found = schema.type_map[scalar.name]
        assert isinstance(found, GraphQLScalarType)
        # Text carries no behaviour: what a scalar accepts and what it shows is put back.
        found.coerce_input_value = scalar.parse
        found.coerce_output_value = scalar.show
    return schema


def sdl(schema: GraphQLSchema) -> str:
    """The schema as text: types by name, members in the order of their declaration."""
    written = (found for _, found in sorted(schema.type_map.items()) if not _is_built_in(found))
    return "\n\n".join(map(print_type, written)) + "\n"


def _is_built_in(found: GraphQLNamedType) -> bool:
    return is_specified_scalar_type(found) or is_introspection_type(found)
