"""An error of graphql-core -> words of ours that say what would be right and repeat no value.

graphql-core quotes the value it refuses; here that value may be the citizen id of a child. Names of types, fields and
variables may be repeated, they are the schema's or the document's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    SKIP,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    NonNullTypeNode,
    ValueNode,
    ValuesOfCorrectTypeRule,
    VariableDefinitionNode,
    get_named_type,
    print_ast,
    type_from_ast,
    value_from_ast_untyped,
)
from graphql.utilities import validate_input_literal, validate_input_value

from hub.errors import RefusalError

_BUILT_IN = {
    "Int": "a whole number from -2147483648 to 2147483647",
    "Float": "a number",
    "String": "a text",
    "Boolean": "`true` or `false`",
    "ID": "an id that the hub gave",
}
_LISTED = 40


def said(message: str) -> str:
    """A message of graphql-core in house style: lower case, no full stop, names in backticks."""
    words = re.sub(r"'([^'\n]{0,128})'", r"`\1`", message.partition(" Did you mean")[0]).rstrip(".")
    return words[:1].lower() + words[1:]


def expected(type_: GraphQLInputType) -> str:
    """What a value of the type looks like, in words."""
    if isinstance(type_, GraphQLNonNull):
        return expected(type_.of_type)
    if isinstance(type_, GraphQLList):
        return f"a list, each {expected(type_.of_type)}"
    if isinstance(type_, GraphQLEnumType):
        names = list(type_.values)
        shown = ", ".join(f"`{name}`" for name in names[:_LISTED])
        return f"one of {shown}{' and others' if len(names) > _LISTED else ''}"
    if isinstance(type_, GraphQLInputObjectType):
        return f"an object of `{type_.name}`"
    return _BUILT_IN.get(type_.name, f"a `{type_.name}`")


def _at(type_: GraphQLInputType, path: Sequence[str | int]) -> GraphQLInputType:
    for step in path:
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(step, int) and isinstance(type_, GraphQLList):
            type_ = type_.of_type
        elif isinstance(type_, GraphQLInputObjectType) and str(step) in type_.fields:
            type_ = type_.fields[str(step)].type
    return type_


def _dotted(path: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def complaint(error: GraphQLError, type_: GraphQLInputType, path: Sequence[str | int], value: object) -> str:
    """What is wrong with a value at ``path`` in a value of ``type_``, and what would be right."""
    found = _at(type_, path)
    named = get_named_type(found)
    if isinstance(named, GraphQLInputObjectType):
        member = re.search(r"(required|unknown) field '(\w{1,64})'", error.message)
        if member and member[1] == "required":
            return f"an object of `{named.name}` must have the member `{member[2]}`"
        if member:
            return f"`{named.name}` does not know the member `{member[2]}`"
    if "None" in error.message and isinstance(found, GraphQLNonNull):
        return f"null is not allowed, expected {expected(found)}"
    if isinstance(named, GraphQLScalarType) and named.name not in _BUILT_IN and _quiet(error.message, value):
        return said(error.message)
    return f"expected {expected(found)}"


def _quiet(message: str, value: object) -> bool:
    """Whether the words of a scalar are its own: no part of the value (but very short ones) is in them."""
    return "found" not in message and not any(len(text) > 3 and text in message for text in _texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif not isinstance(value, bool) and value is not None and str(value):
        yield str(value)


def wanting(error: GraphQLError, type_: GraphQLInputType, path: Sequence[str | int]) -> dict[str, Any]:
    """Facts of an error about a member that is not there: its name, and what it is in Chinese, from its description."""
    named = get_named_type(_at(type_, path))
    member = re.search(r"required field '(\w{1,64})'", error.message)
    if member is None or not isinstance(named, GraphQLInputObjectType) or member[1] not in named.fields:
        return {}
    word = (named.fields[member[1]].description or member[1]).partition(" ")[0]
    return {"fields": [_dotted((*path, member[1])).lstrip(".")], "messageZh": f"缺少：{word}"}


class QuietValuesRule(ValuesOfCorrectTypeRule):
    """graphql-core's rule on literals, in words that do not repeat them."""

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> Any:
        """Reports each wrong part of the literal as an error with the extension ``value``."""
        if input_type is not None:

            def on_error(error: GraphQLError, path: list[str | int]) -> None:
                words = complaint(error, input_type, path, value_from_ast_untyped(node))
                place = f"`{_dotted(path).lstrip('.')}`: " if path else ""
                facts = {"value": True, **wanting(error, input_type, path)}
                self.report_error(GraphQLError(f"wrong value, {place}{words}", error.nodes or node, extensions=facts))

            validate_input_literal(node, input_type, on_error, None, None, True)
        return SKIP


def coercion_errors(
    schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode], variables: Mapping[str, Any]
) -> Iterator[RefusalError]:
    """What is wrong with the variables, each error naming its variable."""
    for definition in definitions:
        name = definition.variable.name.value
        type_: Any = type_from_ast(schema, definition.type)
        if name not in variables:
            if isinstance(definition.type, NonNullTypeNode) and definition.default_value is None:
                wanted = f"`${name}` of type `{print_ast(definition.type)}` is required"
                yield _wrong(name, f"{wanted}, expected {expected(type_)}")
            continue
        yield from _wrong_parts(name, type_, variables[name])


def _wrong_parts(name: str, type_: GraphQLInputType, value: object) -> Iterator[RefusalError]:
    found: list[RefusalError] = []

    def on_error(error: GraphQLError, path: list[str | int]) -> None:
        words = complaint(error, type_, path, value)
        found.append(_wrong(name, f"`${name}{_dotted(path)}` is wrong, {words}", **wanting(error, type_, path)))

    try:
        validate_input_value(value, type_, on_error, True)
    except RecursionError:
        return
    yield from found


def _wrong(name: str, message: str, **facts: Any) -> RefusalError:
    return RefusalError("INVALID_INPUT", message, variable=name, **facts)
