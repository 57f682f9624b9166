"""DocumentNode, schema -> whether graphql-core's rules would surely find nothing wrong, in one walk.

Guarantee: True only where ``validate`` with the stock rules would return no error. Where this walk is not sure it says
False, and the stock rules decide and word what is wrong: they walk a document a node and a rule at a time, which costs
ten times as much. Merging is left to the one stock rule where it is not plain from the names alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLCompositeType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    do_types_overlap,
    get_named_type,
    is_composite_type,
    is_input_type,
    is_required_argument,
    is_required_input_field,
    type_from_ast,
    validate,
)
from graphql.utilities import validate_input_literal
from graphql.validation.rules.variables_in_allowed_position import allowed_variable_usage

_STEERING = frozenset({"skip", "include"})
_IF: GraphQLInputType = GraphQLNonNull(GraphQLBoolean)

Field = tuple[str | None, Mapping[str, GraphQLArgument], frozenset[str]]
"""Name of the composite type that a field leads to (None: a leaf), its arguments, those that it requires."""


class _UnsureError(Exception):
    """Something that is wrong, or that only the stock rules can judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    """A variable where a value of ``type_`` is expected."""

    name: str
    type_: GraphQLInputType
    default: Any


@dataclass(frozen=True, slots=True)
class _Found:
    """What one operation or fragment uses, itself."""

    usages: list[_Usage] = field(default_factory=list)
    spreads: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Rules:
    """The schema as documents are checked against it: fields by type, worked out when first asked for."""

    schema: GraphQLSchema
    _fields: dict[str, Mapping[str, Field]] = field(default_factory=dict)

    def surely_hold(self, node: DocumentNode) -> bool:
        """Whether the document is valid beyond doubt; never raises for what a document may hold."""
        try:
            walk = _Walk(rules=self, fragments=dict(_fragments(node)))
            walk.document(node)
        except (_UnsureError, RecursionError):
            return False
        if walk.plain:
            return True
        return not validate(self.schema, node, [OverlappingFieldsCanBeMergedRule], max_errors=1)

    def fields(self, type_name: str) -> Mapping[str, Field]:
        """Fields of a composite type; those of introspection are left to the stock rules."""
        known = self._fields.get(type_name)
        if known is None:
            type_ = self.schema.type_map[type_name]
            assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
            known = {name: _field(get_named_type(one.type), one.args) for name, one in type_.fields.items()}
            self._fields[type_name] = known | {"__typename": (None, {}, frozenset())}
            return self._fields[type_name]
        return known


def _field(inner: GraphQLNamedType, arguments: Mapping[str, GraphQLArgument]) -> Field:
    required = frozenset(name for name, argument in arguments.items() if is_required_argument(argument))
    return (inner.name if is_composite_type(inner) else None, arguments, required)


def _fragments(node: DocumentNode) -> Iterator[tuple[str, FragmentDefinitionNode]]:
    names: set[str] = set()
    for definition in node.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            if definition.name.value in names or definition.variable_definitions or definition.directives:
                raise _UnsureError
            names.add(definition.name.value)
            yield definition.name.value, definition
        elif not isinstance(definition, OperationDefinitionNode):
            raise _UnsureError


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One document under way; ``found`` belongs to the definition that is walked now."""

    rules: Rules
    fragments: Mapping[str, FragmentDefinitionNode]
    found: _Found = field(default_factory=_Found)
    selected: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """(type, response name) -> field and arguments as written, wherever in the document it stands."""
    alike: bool = True
    """Whether a response name of a type is the same field with the same arguments everywhere."""
    apart: bool = True
    """Whether no selection set names one thing twice, and none takes in another."""
    narrowed: bool = False
    """Whether fields of one type may stand beside those of another."""

    @property
    def plain(self) -> bool:
        """Whether fields can be merged beyond doubt: what falls together is the same, as is all below it."""
        return self.apart or (self.alike and not self.narrowed)

    def document(self, node: DocumentNode) -> None:
        """Every definition, then what hangs on more than one of them."""
        uses = {name: self.fragment(fragment) for name, fragment in self.fragments.items()}
        operations = [one for one in node.definitions if isinstance(one, OperationDefinitionNode)]
        names = [one.name.value for one in operations if one.name]
        if len(set(names)) < len(names) or (len(operations) > 1 and len(names) < len(operations)):
            raise _UnsureError
        spread: set[str] = set()
        for operation in operations:
            spread |= self.operation(operation, uses)
        if spread != self.fragments.keys():
            raise _UnsureError

    def fragment(self, node: FragmentDefinitionNode) -> _Found:
        """A fragment by itself."""
        self.found = _Found()
        self.selections(node.selection_set, self.composite(node.type_condition.name.value).name)
        return self.found

    def operation(self, node: OperationDefinitionNode, uses: Mapping[str, _Found]) -> set[str]:
        """An operation with all that it spreads; returns the names of these fragments."""
        root = self.rules.schema.get_root_type(node.operation)
        # Of what subscriptions may ask for there is a rule of its own.
        if root is None or node.directives or node.operation is OperationType.SUBSCRIPTION:
            raise _UnsureError
        self.found = found = _Found()
        variables = self.variables(node.variable_definitions or ())
        self.selections(node.selection_set, root.name)
        spread = _closure(found.spreads, uses)
        used = [found, *(uses[name] for name in spread)]
        self.allowed(variables, [usage for one in used for usage in one.usages])
        return spread

    def variables(self, definitions: Sequence[VariableDefinitionNode]) -> Mapping[str, VariableDefinitionNode]:
        """Variables by name, each of an input type, its default a value of it."""
        for definition in definitions:
            type_ = type_from_ast(self.rules.schema, definition.type)
            if not is_input_type(type_) or definition.directives:
                raise _UnsureError
            if definition.default_value is not None:
                self.literal(definition.default_value, type_, Undefined)
        named = {definition.variable.name.value: definition for definition in definitions}
        if len(named) < len(definitions):
            raise _UnsureError
        return named

    def allowed(self, variables: Mapping[str, VariableDefinitionNode], usages: Sequence[_Usage]) -> None:
        """Each variable is used, each use is of one, and of a type that is allowed there."""
        if {usage.name for usage in usages} != variables.keys():
            raise _UnsureError
        schema = self.rules.schema
        for usage in usages:
            definition = variables[usage.name]
            type_ = type_from_ast(schema, definition.type)
            if not allowed_variable_usage(schema, type_, definition.default_value, usage.type_, usage.default):  # type: ignore[arg-type]
                raise _UnsureError

    def composite(self, name: str) -> GraphQLCompositeType:
        """An object type or interface by name."""
        type_ = self.rules.schema.type_map.get(name)
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            raise _UnsureError
        return type_

    def selections(self, node: SelectionSetNode, parent: str) -> None:
        """A selection set of a type."""
        fields = self.rules.fields(parent)
        names: set[str] = set()
        for selection in node.selections:
            if selection.directives:
                self.directives(selection.directives)
            if type(selection) is FieldNode:
                known = fields.get(selection.name.value)
                if known is None:
                    raise _UnsureError
                name = selection.alias.value if selection.alias else selection.name.value
                if name in names:
                    self.apart = False
                names.add(name)
                self.field(selection, name, parent, known)
            else:
                self.apart = False
                self.taken_in(cast("InlineFragmentNode | FragmentSpreadNode", selection), parent)

    def field(self, node: FieldNode, name: str, parent: str, known: Field) -> None:
        """A field: a leaf has no selection and anything else has one; its arguments are its own."""
        inner, arguments, required = known
        if node.arguments or required:
            self.arguments(node.arguments or (), arguments, required)
        written = (node.name.value, *map(_written, node.arguments or ()))
        if self.selected.setdefault((parent, name), written) != written:
            self.alike = False
        if (inner is None) != (node.selection_set is None):
            raise _UnsureError
        if inner is not None:
            self.selections(cast("SelectionSetNode", node.selection_set), inner)

    def taken_in(self, node: InlineFragmentNode | FragmentSpreadNode, parent: str) -> None:
        """A fragment where it is spread: its type may be one that is there."""
        if isinstance(node, FragmentSpreadNode):
            fragment = self.fragments.get(node.name.value)
            if fragment is None or node.arguments:
                raise _UnsureError
            self.found.spreads.add(node.name.value)
            self.overlapping(parent, fragment.type_condition.name.value)
            return
        name = node.type_condition.name.value if node.type_condition else parent
        self.overlapping(parent, name)
        self.selections(node.selection_set, name)

    def overlapping(self, parent: str, name: str) -> None:
        """Whether an object can be of both types."""
        if parent == name:
            return
        self.narrowed = True
        if not do_types_overlap(self.rules.schema, self.composite(parent), self.composite(name)):
            raise _UnsureError

    def directives(self, directives: Sequence[DirectiveNode]) -> None:
        """`@skip` and `@include` of a selection, each once, with a condition."""
        names = [directive.name.value for directive in directives]
        if not _STEERING.issuperset(names) or len(set(names)) < len(names):
            raise _UnsureError
        for directive in directives:
            given = directive.arguments or ()
            if len(given) != 1 or given[0].name.value != "if":
                raise _UnsureError
            value = given[0].value
            if isinstance(value, VariableNode):
                self.found.usages.append(_Usage(name=value.name.value, type_=_IF, default=Undefined))
            elif not isinstance(value, BooleanValueNode):
                raise _UnsureError

    def arguments(
        self, given: Sequence[ArgumentNode], known: Mapping[str, GraphQLArgument], required: frozenset[str]
    ) -> None:
        """Arguments of a field: known, each once, with a value of its type; those required are there."""
        names = {argument.name.value for argument in given}
        if len(names) < len(given) or not required <= names:
            raise _UnsureError
        for argument in given:
            one = known.get(argument.name.value)
            if one is None:
                raise _UnsureError
            self.literal(argument.value, one.type, _default(one))

    def literal(self, node: ValueNode, type_: GraphQLInputType, default: Any) -> None:
        """A value where one of ``type_`` is expected: variables in it are noted, the rest is checked."""
        if isinstance(node, VariableNode):
            self.found.usages.append(_Usage(name=node.name.value, type_=type_, default=default))
            return
        if isinstance(node, NullValueNode):
            if isinstance(type_, GraphQLNonNull):
                raise _UnsureError
            return
        bare: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(bare, GraphQLList):
            for item in node.values if isinstance(node, ListValueNode) else (node,):
                self.literal(item, bare.of_type, Undefined)
        elif isinstance(bare, GraphQLInputObjectType):
            self.members(node, bare)
        elif isinstance(node, ListValueNode | ObjectValueNode):
            raise _UnsureError
        else:
            validate_input_literal(node, bare, _doubt, None, None, True)

    def members(self, node: ValueNode, type_: GraphQLInputObjectType) -> None:
        """An input object: its members known, each once; those required are there."""
        if not isinstance(node, ObjectValueNode) or type_.is_one_of:
            raise _UnsureError
        given = {member.name.value: member.value for member in node.fields}
        required = {name for name, known in type_.fields.items() if is_required_input_field(known)}
        if len(given) < len(node.fields) or not required <= given.keys() <= type_.fields.keys():
            raise _UnsureError
        for name, value in given.items():
            self.literal(value, type_.fields[name].type, _default(type_.fields[name]))


def _default(known: GraphQLArgument | GraphQLInputField) -> Any:
    return known.default if known.default is not None else known.default_value


def _doubt(*_: object) -> NoReturn:
    raise _UnsureError


def _written(argument: ArgumentNode) -> str:
    """An argument as it stands in the text: what is written alike is the same."""
    place = argument.loc
    if place is None:
        raise _UnsureError
    return place.source.body[place.start : place.end]


def _closure(spreads: Iterable[str], uses: Mapping[str, _Found]) -> set[str]:
    """Fragments that are reached; one that reaches itself is for the stock rules to name."""
    done: set[str] = set()
    way: list[tuple[str, Iterator[str]]] = [("", iter(spreads))]
    under_way: set[str] = set()
    while way:
        name, rest = way[-1]
        inner = next((one for one in rest if one not in done), None)
        if inner is None:
            way.pop()
            under_way.discard(name)
            done.add(name)
        elif inner in under_way:
            raise _UnsureError
        else:
            under_way.add(inner)
            way.append((inner, iter(uses[inner].spreads)))
    return done - {""}
