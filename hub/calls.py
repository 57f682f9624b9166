"""Plan, variables -> Call: one request's arguments, read and checked before anything is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError
from graphql.execution.values import get_argument_values

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

if TYPE_CHECKING:
    from hub.hub import Hub

PAGE_DEFAULT = 20
NO_ARGUMENTS = Arguments(shape=("all",), values=(), order=(), first=1, after=None)


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One request on its way: what it asks of each reach, where its answer is awaited, whether it found nothing.

    ``path``: where its roots stand in the answer, if not at its top.
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
    answered: asyncio.Future[Answer] | None = None
    in_vain: bool = False


def read_call(
    hub: Hub, identity: Identity, request_id: str, document: Document, plan: Plan, entitlements: Entitlements
) -> Call:
    """The call; refuses arguments out of bounds, filters that the caller may not use, cursors and ids of others."""
    seal = hub.seals.of(identity.key)
    reader = _Reader(hub=hub, identity=identity, document=document, entitlements=entitlements, seal=seal)
    wishes = {root.key: reader.wish(root) for root in plan.roots if isinstance(root, RowsRoot)}
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
    )
    call.errors = [*(entitlements.refusal(name, path) for name, path in reader.denied.items()), *reader.refused]
    if call.errors and not plan.null_mode:
        raise RefusedError(*call.errors)
    cost = sum(_cost(wish.reach, reader.asked) for wish in wishes.values() if wish is not None)
    if cost > hub.limits.cost:
        raise RefusalError(
            "TOO_COMPLEX",
            f"the answer could hold {cost} values (rows x fields); at most {hub.limits.cost} are allowed:"
            " ask for smaller pages or fewer fields",
            limit="cost",
            value=cost,
            maximum=hub.limits.cost,
        )
    return call


@dataclass(slots=True, kw_only=True)
class _Reader:
    hub: Hub
    identity: Identity
    document: Document
    entitlements: Entitlements
    seal: Seal
    asked: dict[int, Arguments] = field(default_factory=dict)
    denied: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: list[HubError] = field(default_factory=list)

    def question(self, root: LocalRoot) -> Question | None:
        """What an aggregate asks; None: refused."""
        assert root.definition is not None
        given = get_argument_values(root.definition, root.node, self.document.values)
        try:
            return read_question(self.entitlements, given)
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
        type_name, key = self.seal.identified(str(by_id), "id")
        if root.name == "child" and type_name != "Child":
            raise RefusalError("INVALID_INPUT", f"`id` is the id of a `{type_name}`, not of a `Child`", argument="id")
        found = root.reaches.get(type_name)
        return None if found is None else Wish(reach=found, asked=self.asked, key=key)

    def _by_number(self, reach: Reach, number: str) -> Wish | None:
        if not self.entitlements.reads("Child.citizenId"):
            self.denied.setdefault("Child.citizenId", (reach.node.name.value,))
            return None
        self.asked[reach.number] = Arguments(
            shape=("all", ("citizenId", "eq", 0)), values=(number,), order=(), first=1, after=None
        )
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
        for link in links_of(reach):
            self._read(link.reach, (*path, link.key))

    def _given(self, reach: Reach) -> dict[str, Any]:
        try:
            return get_argument_values(reach.definition, reach.node, self.document.values)
        except GraphQLError as error:
            raise RefusalError("INVALID_INPUT", error.message) from None


def _cost(reach: Reach, asked: Asked) -> int:
    rows = asked[reach.number].first
    return rows * (reach.fields_count + sum(_cost(below, asked) for below in _below(reach)))


def _below(reach: Reach) -> Iterator[Reach]:
    for link in links_of(reach):
        yield link.reach
