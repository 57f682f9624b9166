"""Goldens: query, plan, SQL, answer and entry of some requests over a handful of invented children.

Each folder of ``tests/golden`` that holds a ``request.toml`` is a case. ``HUB_BLESS=1`` writes what is found; whoever
reviews reads the difference. Ids, pseudonyms and what changes from run to run stand there by what they mean.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.mapping import load
from connectors.memory import Fault, MemorySource
from connectors.source import Aggregate, Bindings, Fetch, Row, Source
from connectors.sql import aggregate_statement, statement
from hub.audit.entry import Entry, Leaf, encode
from hub.audit.keys import SigningKey
from hub.audit.receipt import Receipt, receipt_for, verify_receipt
from hub.calls import read_call
from hub.entitlements import Entitlements
from hub.hub import Hub
from hub.pipeline import Request, answer
from hub.planner.explain import explain, explain_sql
from hub.planner.plan import Plan
from tests.golden.rows import relations
from tests.support.running import CASE, ROOT, Asking, compose, identity
from tests.support.world import Row as Record

GOLDEN = ROOT / "tests" / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/request.toml"))
BLESS = os.environ.get("HUB_BLESS") == "1"
REQUEST_ID = "60" * 16
SECRET = b"of the goldens, and of no entry "
"""Commitments stand in the goldens as they are under this key."""
KEY = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
MAPPINGS = {name: load(ROOT / "connectors" / f"{name}.toml") for name in relations()}
SEALED = re.compile(r"[A-Za-z0-9_-]{30,}")
PSEUDONYM = re.compile(r"[fiakor]-[A-Za-z0-9_-]{22}")


def sql_of(asked: Fetch | Aggregate) -> str:
    """The SQL that the department's connector would send."""
    written = statement if isinstance(asked, Fetch) else aggregate_statement
    return written(asked, MAPPINGS[asked.source]).text  # type: ignore[arg-type]


@dataclass(slots=True, kw_only=True)
class Overheard:
    """A source that keeps the SQL of everything asked of it."""

    name: str
    inner: MemorySource
    heard: list[str]

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        self.heard.append(sql_of(fetch))
        return await self.inner.fetch(fetch, bindings, deadline=deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        self.heard.append(sql_of(aggregate))
        return await self.inner.aggregate(aggregate, bindings, deadline=deadline)

    async def ping(self, *, deadline: float) -> None:
        await self.inner.ping(deadline=deadline)

    async def close(self) -> None:
        await self.inner.close()


@dataclass(slots=True)
class Kept:
    """A log that keeps its leaves in a list."""

    leaves: list[Leaf] = field(default_factory=list)

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        made = [encode(entry) for entry in entries]
        self.leaves += made
        return [receipt_for(leaf, KEY) for leaf in made]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request of the goldens."""

    query: str
    unit: str
    purpose: str
    denied: Any
    case: str | None
    operation: str | None
    variables: Mapping[str, Any]
    ids: Mapping[str, str]
    down: Sequence[str]

    @classmethod
    def read(cls, name: str) -> Case:
        text = tomllib.loads((GOLDEN / name / "request.toml").read_text(encoding="utf-8"))
        return cls(
            query=(GOLDEN / name / "query.graphql").read_text(encoding="utf-8"),
            unit=text["unit"],
            purpose=text["purpose"],
            denied=text.get("denied", "refuse"),
            case=text.get("case"),
            operation=text.get("operation"),
            variables=text.get("variables", {}),
            ids=text.get("ids", {}),
            down=text.get("down", ()),
        )

    def sealed(self, hub: Hub) -> dict[str, Any]:
        """The variables; an id is given as ``Type:key`` and sealed for the principal."""
        seal = hub.seals.of(self.unit)
        return {**self.variables, **{name: seal.identify(*row.split(":")) for name, row in self.ids.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one request did."""

    name: str
    hub: Hub
    case: Case
    plan: Plan | None
    heard: Sequence[tuple[str, list[str]]]
    body: dict[str, Any]
    leaf: Leaf

    @property
    def files(self) -> dict[str, str]:
        """Everything of the case that is kept beside its request."""
        return {
            "plan.txt": self._plan(),
            "sql.txt": "\n".join(self._sql()) + "\n",
            "response.json": shown(named_ids(self.hub, self.case, self._body())),
            "entry.json": shown(self.entry),
        }

    def _plan(self) -> str:
        if self.plan is None:
            return "no plan: the operation is refused\n"
        return explain(self.plan, self.entitlements).replace(self.hub.policy.version, "<policy>")

    def _sql(self) -> Iterator[str]:
        for source, texts in self.heard:
            for text in sorted(set(texts)):
                count = f", {texts.count(text)} times" if texts.count(text) > 1 else ""
                yield f"-- {source}{count}\n{text}\n"

    def _body(self) -> dict[str, Any]:
        body = dict(self.body)
        receipt = Receipt.from_json(body.pop("extensions")["receipt"])
        verify_receipt(receipt, KEY.verifier)
        assert (receipt.entry, receipt.leaf) == (self.leaf.name, self.leaf.hash.hex())
        return body

    @property
    def entitlements(self) -> Entitlements:
        """What the caller may do."""
        return self.hub.entitlements(self.case.unit.partition(":")[0], self.case.purpose)

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of the log, pseudonyms resolved."""
        entry: dict[str, Any] = orjson.loads(self.leaf.data)
        names = pseudonyms(self.hub, self.case)
        assert entry["request"] == REQUEST_ID
        entry |= {"policy": "<policy>", "at": "<at>", "request": "<request>"}
        for key, value in entry.items():
            if isinstance(value, str):
                entry[key] = names.get(value, value)
            elif isinstance(value, list):
                entry[key] = sorted(names.get(item, item) for item in value)
        return entry


def pseudonyms(hub: Hub, case: Case) -> dict[str, str]:
    """Pseudonym -> what it stands for, of every row that there is."""
    of = hub.pseudonyms
    found: dict[str, str] = {}
    for kinds in relations().values():
        for relation, rows in kinds.items():
            found |= {of.record(relation, row["_key"]): f"<{relation} {row['_key']}>" for row in rows}
            if relation == "Child":
                found |= {of.register(row["_key"]): f"<file {row['_key']}>" for row in rows}
                found |= {of.citizen(row["_citizen"]): f"<number of {row['_key']}>" for row in rows if row["_citizen"]}
    found |= {of.citizen(row["_citizen"]): "<number on no file>" for row in strangers()}
    found[of.operation(case.query, case.operation)] = "<operation>"
    found |= {of.case(CASE): "<case>", of.case(case.case or "-"): "<case>"}
    found |= {of.author(case.unit): "<author>", of.author(case.unit, "T0001"): "<author, operator>"}
    return found


def strangers() -> Iterator[Record]:
    """Rows that carry a number which is on no file."""
    numbers = {row["_citizen"] for row in relations()["civil_affairs"]["Child"]}
    yield from (row for row in relations()["education"]["Enrolment"] if row["_citizen"] not in {*numbers, None})


def named_ids(hub: Hub, case: Case, value: Any, key: str = "") -> Any:
    """The answer with its ids opened and its cursors marked: what no seal of the principal opens is no id."""
    match value:
        case dict():
            return {name: named_ids(hub, case, inner, name) for name, inner in value.items()}
        case list():
            return [named_ids(hub, case, inner, key) for inner in value]
        case str() if key.lower().endswith("cursor"):
            assert SEALED.fullmatch(value)
            return "<cursor>"
        case str() if key == "id":
            return "<{} {}>".format(*hub.seals.of(case.unit).identified(value, "id"))
    return value


def shown(value: Any) -> str:
    """JSON to be read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


async def run(name: str) -> Ran:
    """Asks the hub over the invented rows."""
    case, log = Case.read(name), Kept()
    heard: dict[str, list[str]] = {source: [] for source in relations()}
    sources: dict[str, Source] = {
        source: Overheard(
            name=source,
            inner=MemorySource(
                name=source,
                relations=kept,
                decimals={"amount"},
                outage=Fault(kind="fail") if source in case.down else None,
            ),
            heard=heard[source],
        )
        for source, kept in relations().items()
    }
    hub = compose(sources, log)
    hub = replace(hub, recording=replace(hub.recording, secret=lambda: SECRET))
    request = Request(
        query=case.query,
        operation_name=case.operation,
        variables=case.sealed(hub),
        denied=case.denied,
        request_id=REQUEST_ID,
    )
    found = await answer(hub, identity(case.unit, case.purpose, case=case.case), request)
    plans = list(hub.plans.values.values())
    return Ran(
        name=name,
        hub=hub,
        case=case,
        plan=plans[0] if plans else None,
        heard=list(heard.items()),
        body=orjson.loads(found.body),
        leaf=log.leaves[-1],
    )


@pytest.fixture(scope="module", params=CASES)
async def ran(request: pytest.FixtureRequest) -> Ran:
    """One case, run once for all that is looked at."""
    return await run(request.param)


def test_there_are_goldens() -> None:
    assert len(CASES) >= 14


def test_the_request_does_what_its_golden_says(ran: Ran) -> None:
    for file, found in ran.files.items():
        path = GOLDEN / ran.name / file
        if BLESS:
            path.write_text(found, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == found, f"{ran.name}/{file} differs: read it, then HUB_BLESS=1"


def test_every_pseudonym_in_an_entry_stands_for_something_that_is_there(ran: Ran) -> None:
    entry = ran.entry
    if entry["unit"] == "<author>":
        entry["rules"] = []  # each is a pseudonym of this request alone
    assert not PSEUDONYM.search(orjson.dumps(entry).decode())


def test_the_same_request_is_explained_in_the_same_words_twice(ran: Ran) -> None:
    if ran.plan is not None:
        assert explain(ran.plan, ran.entitlements) == explain(ran.plan, ran.entitlements)


def test_the_sql_that_is_explained_is_the_sql_that_roots_are_asked_by(ran: Ran) -> None:
    if ran.plan is None or ran.case.down:
        return
    asked = {text for _, texts in ran.heard for text in texts}
    document = ran.hub.documents.read(ran.case.query, ran.case.operation, ran.case.sealed(ran.hub))
    me = identity(ran.case.unit, ran.case.purpose)
    call = read_call(ran.hub, me, REQUEST_ID, document, ran.plan, ran.entitlements)
    explained = explain_sql(ran.plan, sql_of, call.asked).split("-- #")[1:]
    roots = {wish.reach.number for wish in call.wishes.values() if wish}
    for text in explained:
        head, _, sql = text.partition("\n")
        assert int(head.partition(" ")[0]) not in roots or sql.rstrip("\n") in asked


@pytest.mark.postgres
@pytest.mark.parametrize("name", CASES)
async def test_the_departments_themselves_accept_the_request(name: str, ask: Asking) -> None:
    case = Case.read(name)
    found = await ask(
        case.unit,
        case.purpose,
        case.query,
        case.sealed(ask.hub),
        case=case.case,
        denied=case.denied,
        operation_name=case.operation,
    )
    assert not found.codes() & {"INTERNAL", "SOURCE_UNAVAILABLE"}
