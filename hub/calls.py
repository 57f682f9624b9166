"""Plan, variables -> Call: one request's arguments, read and checked before anything is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLError, ListValueNode, ObjectValueNode, ValueNode, VariableNode
from graphql.execution.values import get_argument_values
from graphql.pyutils import Undefined
from graphql.type import is_required_argument

from hub.aggregates import Question, read_question
from hub.batch import Asked, Wish, cursor_query, links_of
from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import HubError, RefusalError, RefusedError
from hub.executor import Place
from hub.identity import Identity
from hub.planner.arguments import Arguments, asked_coordinates, read_arguments
from hub.planner.plan import LocalRoot, Plan, Reach, RowsRoot
from hub.response import Answer
from hub.seal import Seal
from hub.wording import unbound

if TYPE_CHECKING:
    from hub.hub import Hub

PAGE_DEFAULT = 20
NO_ARGUMENTS = Arguments(shape=("all",), values=(), order=(), first=1, after=None)


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One request on its way: what it asks of each reach, where its answer is awaited, whether it found nothing.

    ``path``: where its roots stand in the answer, if not at its top. ``reports``: it reads what a report has just made.
    ``varied``: its variables decide arguments; otherwise all calls of the plan have the same.
    """

    identity: Identity
    request_id: str
    document: Document
    plan: Plan
    entitlements: Entitlements
    asked: Asked
    wishes: dict[str, Wish | None]
    questions: dict[str, Question]
    errors: list[HubError] = field(default_factory=list)
    operation: str = ""
    path: tuple[str, ...] = ()
    reports: bool = False
    answered: asyncio.Future[Answer] | None = None
    in_vain: bool = False
    varied: bool = True


def read_call(
    hub: Hub, identity: Identity, request_id: str, document: Document, plan: Plan, entitlements: Entitlements
) -> Call:
    """The call; refuses arguments out of bounds, filters that the caller may not use, cursors and ids of others."""
    seal = hub.seals.of(identity.key)
    same = _same_for_all(plan)
    reader = _Reader(
        hub=hub,
        identity=identity,
        document=document,
        entitlements=entitlements,
        seal=seal,
        asked=same.get("asked", {}),
        known=plan.known,
    )
    wishes = {root.key: reader.wish(root) for root in plan.roots if isinstance(root, RowsRoot)}
    if not reader.varied:
        # The same arguments for all calls of the plan: one object, by which a batch sees at once that they are.
        same["asked"] = reader.asked
    questions = {
        root.key: question
        for root in plan.roots
        if isinstance(root, LocalRoot) and root.name == "aggregate" and (question := reader.question(root)) is not None
    }
    call = Call(
        identity=identity,
        request_id=request_id,
        document=document,
        plan=plan,
        entitlements=entitlements,
        asked=reader.asked,
        wishes=wishes,
        questions=questions,
        varied=reader.varied,
    )
    call.errors = [*(entitlements.refusal(name, path) for name, path in reader.denied.items()), *reader.refused]
    if call.errors and not plan.null_mode:
        raise RefusedError(*call.errors)
    _check_cost(sum(_cost(wish.reach, reader.asked) for wish in wishes.values() if wish is not None), hub.limits.cost)
    return call


def _check_cost(cost: int, maximum: int) -> None:
    if cost > maximum:
        raise RefusalError(
            "TOO_COMPLEX",
            f"the answer could hold {cost} values (rows x fields); at most {maximum} are allowed:"
            " ask for smaller pages or fewer fields",
            limit="cost",
            value=cost,
            maximum=maximum,
        )


def _same_for_all(plan: Plan) -> dict[object, Any]:
    """Where it is remembered what all calls of the plan share: with the reach that comes first."""
    reaches = (reach for root in plan.roots if isinstance(root, RowsRoot) for reach in root.reaches.values())
    first = next(reaches, None)
    return {} if first is None else first.known


@dataclass(slots=True, kw_only=True)
class _Reader:
    hub: Hub
    identity: Identity
    document: Document
    entitlements: Entitlements
    seal: Seal
    known: dict[object, Any]
    asked: dict[int, Arguments] = field(default_factory=dict)
    denied: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: list[HubError] = field(default_factory=list)
    varied: bool = False

    def question(self, root: LocalRoot) -> Question | None:
        """What an aggregate asks; None: refused. Where no variable stands in it, it is read once for all calls."""
        key = ("question", root.key)
        found: Question | None = self.known.get(key)
        if found is None:
            found = self._question(root)
            if found is not None and not _varies(root.node):
                self.known[key] = found
        return found

    def _question(self, root: LocalRoot) -> Question | None:
        assert root.definition is not None
        try:
            given = get_argument_values(root.definition, root.node, self.document.values)
            return read_question(self.entitlements, given)
        except GraphQLError as error:
            raise unbound(error) from None
        except RefusalError as error:
            if error.code == "INVALID_INPUT":
                raise
            error.path = (root.key,)
            self.refused.append(error)
            return None

    def wish(self, root: RowsRoot) -> Wish | None:
        """What is wanted of a root; None: a row that cannot exist for the caller."""
        if root.name in ("child", "node"):
            return self._look_up(root)
        [reach] = root.reaches.values()
        self._read(reach, (root.key,))
        self.varied |= _varies(reach.node)
        arguments = self.asked[reach.number]
        after = None
        if arguments.after is not None:
            query = cursor_query(self.identity.purpose, reach, arguments, None)
            after = Place(*self.seal.place(arguments.after, query))
        return Wish(reach=reach, asked=self.asked, after=after)

    def _look_up(self, root: RowsRoot) -> Wish | None:
        for reach in root.reaches.values():
            self.asked[reach.number] = NO_ARGUMENTS
            self._below(reach, (root.key,))
        if not root.reaches:
            return None
        given = self._given(next(iter(root.reaches.values())))
        by_id, by_number = given.get("id"), given.get("citizenId")
        if root.name == "child" and (by_id is None) == (by_number is None):
            raise RefusalError("INVALID_INPUT", "`child` takes exactly one of `id` and `citizenId`", argument="id")
        if by_number is not None:
            return self._by_number(root.reaches["Child"], by_number)
        type_name, key, *further = self.seal.opened(str(by_id), "id")
        if root.name == "child" and type_name != "Child":
            raise RefusalError("INVALID_INPUT", f"`id` is the id of a `{type_name}`, not of a `Child`", argument="id")
        found = root.reaches.get(type_name)
        number = further[0] if further else None
        return None if found is None else Wish(reach=found, asked=self.asked, key=key, number=number)

    def _by_number(self, reach: Reach, number: str) -> Wish | None:
        if not self.entitlements.reads("Child.citizenId"):
            self.denied.setdefault("Child.citizenId", (reach.node.name.value,))
            return None
        self.asked[reach.number] = Arguments(
            shape=("all", ("citizenId", "eq", 0)), values=(number,), order=(), first=1, after=None
        )
        self.varied = True
        return Wish(reach=reach, asked=self.asked)

    def _read(self, reach: Reach, path: tuple[str, ...]) -> None:
        given = self._given(reach)
        if reach.kind == "object":
            self.asked[reach.number] = NO_ARGUMENTS
        else:
            for coordinate, _ in asked_coordinates(reach.type_name, given):
                if not self.entitlements.reads(coordinate):
                    self.denied.setdefault(coordinate, path)
            self.asked[reach.number] = read_arguments(
                reach.type_name, given, page_default=PAGE_DEFAULT, page_limit=self.hub.limits.page_size
            )
        self._below(reach, path)

    def _below(self, reach: Reach, path: tuple[str, ...]) -> None:
        """Reads what is asked below a reach; where no variable stands there, all calls of the plan ask the same."""
        below: AskedBelow | None = reach.known.get("below")
        if below is None:
            if any(_varies(link.reach.node) or _varied_below(link.reach) for link in links_of(reach)):
                self.varied = True
                self._read_links(reach, path)
                return
            apart = replace(self, asked={}, denied={})
            apart._read_links(reach, path)
            below = reach.known["below"] = AskedBelow(
                asked=apart.asked,
                denied=apart.denied,
                cost=sum(_cost(link.reach, apart.asked) for link in links_of(reach)),
            )
        self.asked.update(below.asked)
        for coordinate, where in below.denied.items():
            self.denied.setdefault(coordinate, where)

    def _read_links(self, reach: Reach, path: tuple[str, ...]) -> None:
        for link in links_of(reach):
            self._read(link.reach, (*path, link.key))

    def _given(self, reach: Reach) -> dict[str, Any]:
        alone: tuple[str, str] | None
        alone = reach.known["alone"] if "alone" in reach.known else reach.known.setdefault("alone", _alone(reach))
        if alone is not None and (value := self.document.values.coerced.get(alone[1])) is not None:
            return {alone[0]: value}
        try:
            return get_argument_values(reach.definition, reach.node, self.document.values)
        except GraphQLError as error:
            raise unbound(error) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBelow:
    """What every call of a plan asks below a row of a reach: arguments, coordinates that no grant opens, cost."""

    asked: Asked
    denied: Mapping[str, tuple[str, ...]]
    cost: int


def _alone(reach: Reach) -> tuple[str, str] | None:
    """(argument, variable) where a field has one argument, a variable, and no other would have a value without it.

    What graphql-core then reads is the variable's value, as it was coerced.
    """
    arguments, definitions = reach.node.arguments or (), reach.definition.args
    if len(arguments) != 1 or not isinstance(arguments[0].value, VariableNode):
        return None
    if any(one.default_value is not Undefined or one.default is not None for one in definitions.values()):
        return None
    name = arguments[0].name.value
    if any(is_required_argument(one) for other, one in definitions.items() if other != name):
        return None
    return definitions[name].out_name or name, arguments[0].value.name.value


def _varied_below(reach: Reach) -> bool:
    return any(_varies(link.reach.node) or _varied_below(link.reach) for link in links_of(reach))


def _varies(node: FieldNode) -> bool:
    """Whether a variable stands in the field's arguments."""
    return any(_holds_variable(argument.value) for argument in node.arguments or ())


def _holds_variable(value: ValueNode) -> bool:
    match value:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_holds_variable, value.values))
        case ObjectValueNode():
            return any(_holds_variable(field.value) for field in value.fields)
    return False


def _cost(reach: Reach, asked: Asked) -> int:
    rows = asked[reach.number].first
    below: AskedBelow | None = reach.known.get("below")
    cost = sum(_cost(link.reach, asked) for link in links_of(reach)) if below is None else below.cost
    return rows * (reach.fields_count + cost)
