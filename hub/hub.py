"""Everything that a request needs, composed once by ``create_app``: nothing here is reached from anywhere else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from graphql import GraphQLSchema

from hub.audit.entry import Pseudonyms
from hub.batches import Batches
from hub.document import Documents
from hub.entitlements import Entitlements
from hub.errors import HubError
from hub.events.channels import Layout, told_fields
from hub.events.subscription import Events
from hub.lifecycle.held import Held
from hub.lifecycle.rights import open_steps
from hub.lifecycle.write import Writing
from hub.planner.plan import Plan
from hub.recording import Recording
from hub.seal import Seals
from hub.settings import Limits
from hub.shared import Questions
from hub.sources import Sources
from hub.telemetry import Silent
from hub.today import USUAL, Truancy
from policies.current import Current
from policies.policy import Policy
from schema.view import view

V = TypeVar("V")


@dataclass(slots=True)
class Remembered(Generic[V]):
    """The values that were asked for last, up to ``size`` by weight."""

    size: int
    values: OrderedDict[Hashable, V] = field(default_factory=OrderedDict)
    weights: dict[Hashable, int] = field(default_factory=dict)
    weight: int = 0

    def get(self, key: Hashable) -> V | None:
        """The value, if it is still remembered."""
        found = self.values.get(key)
        if found is not None:
            self.values.move_to_end(key)
        return found

    def put(self, key: Hashable, value: V, weight: int = 1) -> None:
        """Remembers the value, and forgets those that were not asked for longest."""
        self.values[key] = value
        self.weight += weight - self.weights.get(key, 0)
        self.weights[key] = weight
        while self.weight > self.size:
            oldest, _ = self.values.popitem(last=False)
            self.weight -= self.weights.pop(oldest)


@dataclass(slots=True, kw_only=True)
class Hub:
    """Schema, policy, sources, log and keys, with what was made of them and is used again."""

    schema: GraphQLSchema
    current: Current
    documents: Documents
    sources: Sources
    recording: Recording
    pseudonyms: Pseudonyms
    seals: Seals
    limits: Limits
    clock: Callable[[], datetime]
    set_limit: int = 20_000
    patience: float = 60.0
    """Seconds that a count may take which goes through rows page by page."""
    writing: Writing | None = None
    events: Events | None = None
    held: Held | None = None
    duty_phone: str = "110"
    parks: Mapping[str, str] = field(default_factory=dict)
    truancy: Truancy = USUAL
    stage: Callable[[str], AbstractContextManager[None]] = Silent().stage
    plans: Remembered[Plan] = field(default_factory=lambda: Remembered(2_000))
    views: Remembered[GraphQLSchema] = field(default_factory=lambda: Remembered(64))
    layouts: Remembered[Layout] = field(default_factory=lambda: Remembered(500))
    entitled: Remembered[Entitlements] = field(default_factory=lambda: Remembered(1_000))
    refusals: Remembered[tuple[Plan, Sequence[HubError]]] = field(default_factory=lambda: Remembered(4_000))
    """What answers of a plan say of values that are not given, by the places where they are not."""
    operations: Remembered[str] = field(default_factory=lambda: Remembered(2_000))
    questions: Questions = field(default_factory=Questions)
    batches: Batches = field(init=False)

    def __post_init__(self) -> None:
        self.batches = Batches(hub=self)

    @property
    def policy(self) -> Policy:
        """The policy version that decides now."""
        return self.current.policy

    def entitlements(self, unit: str, purpose: str) -> Entitlements:
        """What the unit may do under the purpose, by the policy of the moment."""
        policy = self.policy
        key = (unit, purpose, policy.version)
        found = self.entitled.get(key)
        if found is None:
            found = Entitlements.of(policy, unit, purpose)
            self.entitled.put(key, found)
        return found

    def operation(self, query: str, name: str | None) -> str:
        """The pseudonym of a document and the operation in it."""
        found = self.operations.get((query, name))
        if found is None:
            found = self.pseudonyms.operation(query, name)
            self.operations.put((query, name), found, 1 + len(query) // 256)
        return found

    def view(self, entitlements: Entitlements) -> GraphQLSchema:
        """The caller's own view of the schema."""
        key = (entitlements.unit, entitlements.purpose, entitlements.policy.version)
        found = self.views.get(key)
        if found is None:
            found = view_of(self.schema, entitlements)
            self.views.put(key, found)
        return found


def view_of(schema: GraphQLSchema, entitlements: Entitlements) -> GraphQLSchema:
    """The part of the schema that is the unit's own: what it may read, count, and do."""
    clear = frozenset(entitlements.read)
    return view(
        schema,
        clear | frozenset(entitlements.masked),
        clear,
        frozenset(entitlements.aggregated),
        open_steps(entitlements.policy, entitlements.unit, entitlements.purpose),
        told_fields(entitlements),
    )
