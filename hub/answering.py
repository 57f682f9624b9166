"""Call, pages -> Stitched: what one call of a batch is answered, its errors, and what its entry will say of it.

Guarantee: calls that are ``alike`` are answered alike. What holds for every call of a plan is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from hub.aggregates import Question
from hub.batch import Batch
from hub.calls import Call
from hub.errors import HubError, OutageError, RefusalError
from hub.events.late import Late
from hub.executor import Page
from hub.local import local_values
from hub.planner.compile import refusals
from hub.planner.plan import Denied, LocalRoot, RowsRoot, Word
from hub.planner.scopes import OWN_REPORTS
from hub.planner.shape import laid_out
from hub.recording import Grounds, Told
from hub.stitch import Stitch
from policies.decision import Grant

if TYPE_CHECKING:
    from hub.hub import Hub

Root: TypeAlias = RowsRoot | LocalRoot | Denied | Word

PLACES = 64
"""Places without a value up to which it is worth a look whether an answer before had the same ones."""


@dataclass(slots=True, kw_only=True)
class Stitched:
    """What calls that ask alike are answered, and what their entries say of it; ``shared``: by more than one."""

    data: Mapping[str, Any]
    errors: Sequence[HubError]
    told: Sequence[Told]
    shared: bool = False
    written: orjson.Fragment | None = None

    def fragment(self) -> Mapping[str, Any] | orjson.Fragment:
        """The data; what several answers hold is written out once."""
        if self.shared and self.written is None:
            self.written = orjson.Fragment(orjson.dumps(self.data))
        return self.written or self.data


def alike(call: Call, pages: Mapping[str, Page]) -> Any:
    """What decides the answer to a call within its batch; the call itself where it is told of its caller."""
    if call.errors or _standing(call).of_caller:
        return id(call)
    asked = tuple(sorted(call.asked.items(), key=lambda item: item[0])) if call.varied else None
    return (tuple([(key, id(page)) for key, page in pages.items()]), asked, tuple(call.questions.items()))


def lay_out(
    hub: Hub,
    batch: Batch,
    call: Call,
    pages: Mapping[str, Page],
    aggregates: Mapping[Question, Any],
    late: Late | None,
    links: dict[int, Mapping[int, Page]],
) -> Stitched:
    """What the call is answered; ``links``: pages of links, for all calls of the batch with the same arguments."""
    stitch = Stitch(
        found=batch.found,
        asked=call.asked,
        seal=batch.seal,
        purpose=call.identity.purpose,
        entitlements=call.entitlements,
        unknown=batch.execution.knowledge.unknown,
        down=batch.execution.reading.down,
        pages=links,
    )
    if late is not None:
        stitch.released, stitch.own = stitch.released.with_(late.released), stitch.own.with_(late.own)
    for question in call.questions.values():
        stitch.released.clear.update(question.used)
    local, local_errors = _local(hub, call, aggregates, late)
    data = {root.key: _root(stitch, call, root, pages, local) for root in call.plan.roots}
    errors = _errors(hub, stitch, call, local_errors)
    if call.errors or call.questions or late is not None:
        grounds, refused = _grounds(call, late.lines if late else ()), frozenset(refused_coordinates(call))
    else:
        grounds, refused = _standing(call).grounds, _standing(call).refused
    told = hub.recording.told(stitch.released, stitch.own, refused, errors, grounds)
    return Stitched(data=data, errors=errors, told=told)


def _root(stitch: Stitch, call: Call, root: Root, pages: Mapping[str, Page], local: Mapping[str, Any]) -> Any:
    """The value of a root field."""
    match root:
        case RowsRoot():
            wish = call.wishes[root.key]
            return (
                None if wish is None else stitch.root(wish.reach, pages.get(root.key, Page()), (*call.path, root.key))
            )
        case LocalRoot():
            return local.get(root.key)
        case Word():
            return root.text
        case Denied():
            stitch.deny(root.coordinate, (*call.path, root.key))
            return None


def _errors(hub: Hub, stitch: Stitch, call: Call, local_errors: Sequence[HubError]) -> Sequence[HubError]:
    """Every error of the answer; those of one plan and principal that say the same of the same places are made once."""
    places = [*stitch.denied.items(), *stitch.closed.items()]
    more = call.errors or local_errors or stitch.errors or stitch.undecided
    if more or sum(len(paths) for _, paths in places) > PLACES:
        return [*_denied(stitch, call), *call.errors, *local_errors, *stitch.all_errors()]
    if not places and not call.plan.refused:
        return ()
    # The plan is remembered with them: while they are, no other can have its id.
    where = tuple([(coordinate, *paths) for coordinate, paths in places])
    key = (id(call.plan), call.identity.key, len(stitch.denied), where)
    found = hub.refusals.get(key)
    if found is None:
        found = call.plan, (*_denied(stitch, call), *stitch.all_errors())
        for error in found[1]:
            error.write()
        hub.refusals.put(key, found, len(found[1]))
    return found[1]


def _denied(stitch: Stitch, call: Call) -> list[HubError]:
    """An error for each coordinate that no grant opens, with the places where the answer would have shown it."""
    denied = refusals(call.entitlements, call.plan.refused) if call.plan.refused else []
    for error in denied:
        paths = stitch.denied.get(str(error.facts["coordinate"]), [])
        error.path = paths[0] if paths else error.path
        error.facts = {**error.facts, "rows": len(paths), "paths": [list(path) for path in paths]}
    return denied


def _local(
    hub: Hub, call: Call, aggregates: Mapping[Question, Any], late: Late | None
) -> tuple[Mapping[str, Any], Sequence[HubError]]:
    """The roots that the hub answers itself: aggregates by what is selected of them, others by graphql-core."""
    standing = _standing(call)
    if not standing.local:
        return {}, ()
    answers = {key: aggregates[question] for key, question in call.questions.items()}
    outages, told = _outages(answers), dict[str, Any]()
    for root in standing.local:
        answer = answers.get(root.key)
        if root.shape is not None and isinstance(answer, Mapping):
            told[root.key] = laid_out(root.shape, answer)
    if not standing.of_caller:
        return told, outages
    late = late or Late()
    result = local_values(
        [root for root in standing.local if root.shape is None],
        schema=hub.view(call.entitlements),
        document=call.document,
        identity=call.identity,
        entitlements=call.entitlements,
        policy=hub.policy,
        overdue=late.rows,
        waiting=late.waiting,
    )
    errors = [HubError("INTERNAL", "internal error", path=error.path) for error in result.errors or ()]
    return {**told, **(result.data or {})}, [*outages, *late.errors, *errors]


def _outages(answers: Mapping[str, Any]) -> list[HubError]:
    """The errors of aggregates that could not be told, each at its field; a bug of ours is raised."""
    found: list[HubError] = []
    for key, answer in answers.items():
        if isinstance(answer, OutageError | RefusalError):
            found.append(type(answer)(answer.code, answer.message, path=(key,), **answer.facts))
        elif isinstance(answer, BaseException):
            raise answer
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for every call of a plan that no argument refuses: on what it rests, what no grant opens.

    ``local``: what the hub answers itself; ``of_caller``: whether it is told of itself, so that no two calls are
    answered alike.
    """

    grounds: Grounds
    refused: frozenset[str]
    local: Sequence[LocalRoot]
    of_caller: bool


def _standing(call: Call) -> Standing:
    """What holds for all calls of the plan; worked out once."""
    known, key = call.plan.known, ("standing", call.reports)
    found: Standing | None = known.get(key)
    if found is None:
        alike = replace(call, errors=[], questions={})
        local = tuple(root for root in call.plan.roots if isinstance(root, LocalRoot))
        found = known[key] = Standing(
            grounds=_grounds(alike, ()),
            refused=frozenset(refused_coordinates(alike)),
            local=local,
            of_caller=any(root.shape is None for root in local),
        )
    return found


def _grounds(call: Call, lines: Sequence[Grant]) -> Grounds:
    """On what the call's answer rests; ``lines``: beside the plan's."""
    plan, aggregated = call.plan, [*_aggregated_by(call), *lines]
    return Grounds(
        rules=(*plan.rules, *(line.rule for line in aggregated)),
        clauses=tuple(sorted({*plan.clauses, *(line.clause for line in aggregated)})),
        policy=plan.policy_version,
        of_author=call.reports or _own_alone(call),
    )


def _own_alone(call: Call) -> bool:
    """Whether it asks for own reports alone, or who asks may read nothing else: all that it does hints at a report."""
    if call.entitlements.own_alone and not refused_coordinates(call):
        return True
    return call.plan.scopes | {line.scope for line in _aggregated_by(call)} == {OWN_REPORTS}


def refused_coordinates(call: Call) -> set[str]:
    """Coordinates that the call asked for and no grant opens; a refusal for another reason names none."""
    asked = {str(error.facts["coordinate"]) for error in call.errors if "coordinate" in error.facts}
    return asked | {refused.coordinate for refused in call.plan.refused}


def _aggregated_by(call: Call) -> list[Grant]:
    """The lines on which the call's aggregates rest."""
    granted = call.entitlements.aggregated
    coordinates = {coordinate for question in call.questions.values() for coordinate in question.used}
    return [line for coordinate in sorted(coordinates) for line in granted.get(coordinate, ())]
