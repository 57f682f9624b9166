"""text, operation name, variables -> Document: parsed, within every limit, valid against the whole schema, coerced.

Order: tokens, parse, limits in one linear pass, then graphql-core's rules unless ``hub/valid.py`` is sure that they
hold, then the choice of the operation, then variables. What passed once is remembered by its text, which it holds;
variables are coerced each time. No message repeats a value that the caller sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    ValuesOfCorrectTypeRule,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values

from hub.errors import HubError, RefusalError, RefusedError
from hub.measure import check_limits, split, too_complex
from hub.settings import Limits
from hub.valid import Rules
from hub.wording import QuietValuesRule, coercion_errors, of_argument, said

_ERRORS = 20
_REMEMBERED_TEXT = 16_384
_REMEMBERED = 400_000
"""Characters of all texts remembered: a document takes some 75 bytes for each, and its plans as much again."""
_SHORT = 1_024
"""Characters of a text that is read at once: one or two milliseconds, which a thread would not make less."""

RULES = tuple(QuietValuesRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules)
"""graphql-core's rules, the one that would repeat values in its words replaced by one that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One operation ready to be planned; every name in it is known to the schema.

    ``digest``: SHA-256 (hex) of the text. ``variables``: coerced, defaults filled in. ``values``: the same as
    graphql-core's own functions want it. ``steering``: (variable, value) of those used in @skip or @include.
    """

    digest: str
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    operation_name: str | None
    variables: Mapping[str, Any]
    values: VariableValues
    steering: tuple[tuple[str, Any], ...]
    node: DocumentNode

    @property
    def weight(self) -> int:
        """How much its plans are to weigh where plans are remembered: one for a short text."""
        return 1 if self.node.loc is None else 1 + self.node.loc.end // 256

    @property
    def writes(self) -> bool:
        """Whether the operation is a mutation."""
        return self.operation.operation is OperationType.MUTATION

    @property
    def listens(self) -> bool:
        """Whether the operation is a subscription."""
        return self.operation.operation is OperationType.SUBSCRIPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    node: DocumentNode
    digest: str
    operations: tuple[OperationDefinitionNode, ...]
    fragments: Mapping[str, FragmentDefinitionNode]
    steering: tuple[str, ...]
    written: frozenset[str]
    size: int


def invalid(message: str, **facts: Any) -> RefusalError:
    """A refusal of a document."""
    return RefusalError("INVALID_DOCUMENT", message, **facts)


@dataclass(slots=True)
class Documents:
    """Reads documents for one schema; remembers the last ``limits.documents`` that passed."""

    schema: GraphQLSchema
    limits: Limits
    _known: OrderedDict[str, _Parsed] = field(default_factory=OrderedDict)
    _size: int = 0
    _rules: Rules = field(init=False)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "documents"))

    def __post_init__(self) -> None:
        self._rules = Rules(self.schema)

    def read(
        self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None, *, listens: bool = False
    ) -> Document:
        """The chosen operation; raises ``RefusedError`` of TOO_COMPLEX, INVALID_DOCUMENT or INVALID_INPUT.

        ``listens``: it may be a subscription.
        """
        return self._document(self._parsed(query), operation_name, variables, listens=listens)

    def _document(
        self,
        parsed: _Parsed,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
        *,
        listens: bool = False,
    ) -> Document:
        operation = _chosen(parsed.operations, operation_name)
        if operation.operation is OperationType.SUBSCRIPTION and not listens:
            raise RefusedError(invalid("queries and mutations are answered here, this is a subscription"))
        values = self._coerced(operation, variables or {})
        return Document(
            digest=parsed.digest,
            operation=operation,
            fragments=parsed.fragments,
            operation_name=operation.name.value if operation.name else None,
            variables=values.coerced,
            values=values,
            steering=tuple((name, values.coerced[name]) for name in parsed.steering if name in values.coerced),
            node=parsed.node,
        )

    async def read_apart(self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None) -> Document:
        """As ``read``; a long text that is new is read in a thread, and other requests go on meanwhile."""
        if len(query) > _SHORT and query not in self._known:
            # One thread: of two, each would wait for the interpreter as long as the loop does.
            reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read, query, _digest(query))
            return self._document(self._keep(await reading, query), operation_name, variables)
        return self.read(query, operation_name, variables)

    def fields_written(self, query: str) -> frozenset[str]:
        """Names of the fields of ``Mutation`` in a text, whether it is valid or not; none if it does not parse."""
        if "utation" not in query:  # neither the keyword nor the type: most refusals need not be parsed again
            return frozenset()
        try:
            known = self._known.get(query)
            if known is not None:
                return known.written
            _encoded(query)
            return frozenset(_written(*split(_parse(query, self.limits))))
        except RefusedError:
            return frozenset()

    def _parsed(self, query: str) -> _Parsed:
        known = self._known.get(query)
        if known is not None:
            self._known.move_to_end(query)
            return known
        return self._keep(self._read(query, _digest(query)), query)

    def _keep(self, parsed: _Parsed, query: str) -> _Parsed:
        if len(query) <= _REMEMBERED_TEXT and query not in self._known:
            self._known[query] = parsed
            self._size += parsed.size
            while len(self._known) > self.limits.documents or self._size > _REMEMBERED:
                self._size -= self._known.popitem(last=False)[1].size
        return parsed

    def _read(self, query: str, digest: str) -> _Parsed:
        node = _parse(query, self.limits)
        check_limits(node, self.limits)
        operations, fragments = split(node)
        if not self._rules.surely_hold(node):
            errors = validate(self.schema, node, RULES, max_errors=_ERRORS, hide_suggestions=True)
            if errors:
                raise RefusedError(*(_invalid(self.schema, error) for error in errors[:_ERRORS]))
        return _Parsed(
            node=node,
            digest=digest,
            operations=tuple(operations),
            fragments=fragments,
            steering=tuple(sorted(_steering(node))) if "@" in query else (),
            written=frozenset(_written(operations, fragments)),
            size=len(query),
        )

    def _coerced(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> VariableValues:
        definitions = operation.variable_definitions or ()
        values = get_variable_values(
            self.schema, definitions, dict(variables), max_errors=_ERRORS, hide_suggestions=True
        )
        if isinstance(values, VariableValues):
            return values
        errors = list(coercion_errors(self.schema, definitions, variables))[:_ERRORS]
        raise RefusedError(*(errors or [RefusalError("INVALID_INPUT", "the variables are nested too deeply")]))


def _encoded(query: str) -> bytes:
    try:
        return query.encode()
    except UnicodeEncodeError:
        raise RefusedError(invalid("the document is not Unicode text: it holds half of a surrogate pair")) from None


def _digest(query: str) -> str:
    return hashlib.sha256(_encoded(query)).hexdigest()


def _parse(query: str, limits: Limits) -> DocumentNode:
    try:
        node = parse(
            query, max_lexical_tokens=limits.tokens, max_comments=limits.tokens, allow_empty_selection_sets=False
        )
    except GraphQLSyntaxError as error:
        raise RefusedError(_unparsed(error, limits)) from None
    _unchain(node)
    return node


def _unchain(node: DocumentNode) -> None:
    """Takes tokens apart, which know their neighbours: a document forgotten is freed at once, by no collector."""
    token = node.loc.start_token if node.loc else None
    while token is not None:
        token.prev, token.next, token = None, None, token.next


def _unparsed(error: GraphQLSyntaxError, limits: Limits) -> HubError:
    words = error.message.removeprefix("Syntax Error: ")
    if "more than" in words and "Parsing aborted" in words:
        what = "comments" if "comment" in words else "tokens"
        return too_complex(
            "tokens", limits.tokens + 1, limits.tokens, f"the document has more than {limits.tokens:,} {what}"
        )
    if "nested too deeply" in words:
        return too_complex("depth", limits.depth + 1, limits.depth, "the document is nested far too deeply")
    # What the parser found may be a value that the caller put in the wrong place.
    quiet = re.sub(r"\b(String|BlockString|Int|Float|Comment) (['\"]).*\2", r"\1", words, flags=re.DOTALL)
    return invalid(f"the document does not parse: {said(quiet)}{_place(error)}", locations=_locations(error))


def _place(error: GraphQLError) -> str:
    if not error.locations:
        return ""
    return f" (line {error.locations[0].line}, column {error.locations[0].column})"


def _locations(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": place.line, "column": place.column} for place in error.locations or []]


def _invalid(schema: GraphQLSchema, error: GraphQLError) -> HubError:
    facts = dict(error.extensions or of_argument(schema, error.message))
    code = "INVALID_INPUT" if facts.pop("value", False) else "INVALID_DOCUMENT"
    return RefusalError(code, said(error.message) + _place(error), locations=_locations(error), **facts)


def _chosen(operations: tuple[OperationDefinitionNode, ...], name: str | None) -> OperationDefinitionNode:
    if not operations:
        raise RefusedError(invalid("the document holds no operation, only fragments"))
    if name is None:
        if len(operations) > 1:
            raise RefusedError(invalid(f"the document holds {len(operations)} operations, name one by `operationName`"))
        return operations[0]
    for operation in operations:
        if operation.name and operation.name.value == name:
            return operation
    names = (
        ", ".join(f"`{operation.name.value}`" for operation in operations if operation.name) or "none that has a name"
    )
    raise RefusedError(invalid(f"no operation has the name in `operationName`, the document holds {names}"))


class _Steering(Visitor):
    """Collects the variables that @skip and @include hang on."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in {"skip", "include"}:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.names.add(argument.value.name.value)
                else:
                    assert isinstance(argument.value, BooleanValueNode)


def _steering(node: DocumentNode) -> Iterator[str]:
    visitor = _Steering()
    visit(node, visitor)
    yield from visitor.names


def _written(
    operations: Sequence[OperationDefinitionNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    """Names of the root fields of mutations, and of fragments on ``Mutation``, wherever they stand."""
    sets = [one.selection_set for one in operations if one.operation is OperationType.MUTATION]
    sets += [one.selection_set for one in fragments.values() if one.type_condition.name.value == "Mutation"]
    while sets:
        for selection in sets.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection.name.value
            elif isinstance(selection, InlineFragmentNode):
                sets.append(selection.selection_set)
