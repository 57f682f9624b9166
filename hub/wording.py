"""An error of graphql-core -> words of ours in English and Chinese that say what would be right and repeat no value.

graphql-core quotes the value it refuses; here that value may be the citizen id of a child. Names of types, fields,
arguments and variables may be repeated, they are the schema's or the document's; a name that only the value has is
repeated if it looks like one of a field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    SKIP,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
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
from hub.expected import BUILT_IN, called, expected

_MEMBER: Final = re.compile(r"Expected value of type '[^']*' (?:not )?to include (required|unknown) field '([^'\n]*)'")
_UNKNOWN: Final = re.compile(r"Unknown argument '(\w+)' on field '(\w+\.\w+)'")
_LACKING: Final = re.compile(r"Argument '(\w+)\.(\w+)\((\w+):\)' of type '[^']+' is required")
_UNBOUND: Final = re.compile(r"Argument '(\w+)' has invalid value(?: at ([\w.\[\]]+))?: Expected variable '\$(\w+)'")
_PLAIN: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
"""A name as fields have; a number in it might be somebody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong with a value, and where in it; ``zh`` stands by itself, and names the member."""

    path: tuple[str | int, ...]
    en: str
    zh: str

    def facts(self, whole: str) -> dict[str, Any]:
        """For programs and officials: the member, or ``whole`` if it is all of the value."""
        return {"fields": [_dotted(self.path).lstrip(".") or whole], "messageZh": self.zh}


def said(message: str) -> str:
    """A message of graphql-core in house style: lower case, no full stop, names in backticks."""
    words = re.sub(r"'([^'\n]{0,128})'", r"`\1`", message.partition(" Did you mean")[0]).rstrip(".")
    return words[:1].lower() + words[1:]


def _at(type_: GraphQLInputType, path: Sequence[str | int]) -> tuple[GraphQLInputType, str]:
    """The type at a place in a value, and what the member there is called in Chinese."""
    word = ""
    for step in path:
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(step, int) and isinstance(type_, GraphQLList):
            type_ = type_.of_type
        elif isinstance(named := get_named_type(type_), GraphQLInputObjectType) and str(step) in named.fields:
            word = called(named.fields[str(step)])
            type_ = named.fields[str(step)].type
    return type_, word


def _dotted(path: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def complaint(
    error: GraphQLError, type_: GraphQLInputType, path: Sequence[str | int], value: object, whole: str
) -> Complaint:
    """What is wrong at ``path`` in a value of ``type_`` that is called ``whole``, and what would be right."""
    found, word = _at(type_, path)
    named = get_named_type(found)
    member = _MEMBER.match(error.message)
    if member is not None and isinstance(named, GraphQLInputObjectType):
        return _of_member(named, path, *member.groups())
    where = f"`{whole}{_dotted(path)}`"
    place, right = f"{word}（{where}）" if word else where, expected(found)
    if error.message.endswith("not to be None.") and isinstance(found, GraphQLNonNull):
        en = f"null is not allowed, expected {right.en}"
        return Complaint(path=tuple(path), en=en, zh=f"{place}不能为空，应为{right.zh}")
    own = isinstance(named, GraphQLScalarType) and named.name not in BUILT_IN and _quiet(error.message, value)
    en = said(error.message) if own else f"expected {right.en}"
    return Complaint(path=tuple(path), en=en, zh=f"{place}填写有误，应为{right.zh}")


def _of_member(named: GraphQLInputObjectType, path: Sequence[str | int], what: str, name: str) -> Complaint:
    """A member that is wanting, or that the type does not have."""
    if what == "required" and name in named.fields:
        zh = f"缺少：{called(named.fields[name]) or name}"
        return Complaint(path=(*path, name), en=f"an object of `{named.name}` must have the member `{name}`", zh=zh)
    if _PLAIN.fullmatch(name):
        zh = f"`{named.name}` 没有成员 `{name}`"
        return Complaint(path=(*path, name), en=f"`{named.name}` does not know the member `{name}`", zh=zh)
    zh = f"`{named.name}` 没有所填的成员"
    return Complaint(path=tuple(path), en=f"`{named.name}` does not know a member that was given", zh=zh)


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


class QuietValuesRule(ValuesOfCorrectTypeRule):
    """graphql-core's rule on literals, in words that do not repeat them."""

    _variable = ""

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        """Notes whose default may come."""
        self._variable = node.variable.name.value

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> Any:
        """Reports each wrong part of the literal as an error with the extension ``value``."""
        if input_type is not None:
            argument = self._argument()
            whole = argument or f"${self._variable}"

            def on_error(error: GraphQLError, path: list[str | int]) -> None:
                found = complaint(error, input_type, path, value_from_ast_untyped(node), whole)
                facts = {"value": True, **({"argument": argument} if argument else {"variable": self._variable})}
                words = f"wrong value, `{whole}{_dotted(path)}`: {found.en}"
                facts |= found.facts(whole.lstrip("$"))
                self.report_error(GraphQLError(words, error.nodes or node, extensions=facts))

            validate_input_literal(node, input_type, on_error, None, None, True)
        return SKIP

    def _argument(self) -> str:
        """Name of the argument in which the walk is; empty in the default of a variable."""
        argument = self.context.get_argument()
        field, directive = self.context.get_field_def(), self.context.get_directive()
        known = {**(field.args if field else {}), **(directive.args if directive else {})}
        return next((name for name, one in known.items() if one is argument), "")


def of_argument(schema: GraphQLSchema, message: str) -> dict[str, Any]:
    """Facts of an error of graphql-core about an argument that is not known, or is not there."""
    if unknown := _UNKNOWN.match(message):
        name, field = unknown.groups()
        return {"argument": name, "fields": [name], "messageZh": f"`{field}` 没有参数 `{name}`"}
    if lacking := _LACKING.match(message):
        type_name, field, name = lacking.groups()
        type_ = schema.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        known = type_.fields[field].args[name]
        zh = f"缺少参数：{called(known) or f'`{name}`'}，应为{expected(known.type).zh}"
        return {"argument": name, "fields": [name], "messageZh": zh}
    return {}


def unbound(error: GraphQLError) -> RefusalError:
    """A refusal of what shows only once variables have values: null, or none, where there must be one."""
    found = _UNBOUND.match(error.message)
    if found is None:
        return RefusalError("INVALID_INPUT", "an argument has no value, and needs one", messageZh="有参数须有值")
    argument, inner, variable = found.groups(default="")
    place = f"{argument}{inner if inner[:1] in ('', '.', '[') else '.' + inner}"
    return RefusalError(
        "INVALID_INPUT",
        f"`{place}` needs a value, the variable `${variable}` has none",
        argument=argument,
        variable=variable,
        fields=[inner.lstrip(".") or argument],
        messageZh=f"`{place}` 须有值，变量 `${variable}` 为空或未给出",
    )


def coercion_errors(
    schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode], variables: Mapping[str, Any]
) -> Iterator[RefusalError]:
    """What is wrong with the variables, each error naming its variable."""
    for definition in definitions:
        name = definition.variable.name.value
        type_: Any = type_from_ast(schema, definition.type)
        if name not in variables:
            if isinstance(definition.type, NonNullTypeNode) and definition.default_value is None:
                right = expected(type_)
                wanted = f"`${name}` of type `{print_ast(definition.type)}` is required"
                facts = {"fields": [name], "messageZh": f"缺少变量 `${name}`，应为{right.zh}"}
                yield _wrong(name, f"{wanted}, expected {right.en}", **facts)
            continue
        yield from _wrong_parts(name, type_, variables[name])


def _wrong_parts(name: str, type_: GraphQLInputType, value: object) -> Iterator[RefusalError]:
    found: list[RefusalError] = []

    def on_error(error: GraphQLError, path: list[str | int]) -> None:
        one = complaint(error, type_, path, value, f"${name}")
        found.append(_wrong(name, f"`${name}{_dotted(path)}` is wrong, {one.en}", **one.facts(name)))

    try:
        validate_input_value(value, type_, on_error, True)
    except RecursionError:
        return
    yield from found


def _wrong(name: str, message: str, **facts: Any) -> RefusalError:
    return RefusalError("INVALID_INPUT", message, variable=name, **facts)
