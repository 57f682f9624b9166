"""Departments, hub -> the requests of each workload, for each contender: the same children and towns for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx

from hub.today import months_before
from tests.bench import documents, postgraphile_documents
from tests.bench.departments import Departments
from tests.bench.documents import Asker
from tests.bench.load import Asked

TOWNS = 12
CHILDREN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who is in the departments, and by which ids each principal knows them."""

    url: str
    authorizations: Mapping[str, str]
    registers: Sequence[str]
    numbers: Sequence[str]
    towns: Sequence[str]
    born: str

    @classmethod
    def of(cls, departments: Departments, url: str, authorizations: Mapping[str, str]) -> Asking:
        """A sample of children under 16 whom every contender can find."""
        born = months_before(date.today() - timedelta(days=1), 12 * 16).isoformat()
        known = [child for child in departments.sample(CHILDREN * 2) if _birth(child) > born.replace("-", "")]
        sample = known[:CHILDREN]
        towns = sorted({child["division"][:9] for child in sample})[:TOWNS]
        return cls(
            url=url,
            authorizations=authorizations,
            registers=[child["register"] for child in sample],
            numbers=[child["citizen_id"] for child in sample],
            towns=towns,
            born=born,
        )

    def hub(self, workload: str, asker: Asker) -> list[Asked]:
        """As the hub is asked."""
        if workload == "point":
            return [self.ask(asker, documents.POINT, {"id": opaque}) for opaque in self.ids(asker)]
        if workload == "point by number":
            return [self.ask(asker, documents.BY_NUMBER, {"number": number}) for number in self.numbers]
        if workload == "list":
            return [self.ask(asker, documents.LIST, variables) for variables in self._towns()]
        return [self.ask(asker, documents.AGGREGATE, {})]

    def other(self, contender: str, workload: str) -> list[Asked]:
        """As another contender is asked; none if it does not know the workload."""
        every: Mapping[str, list[Any]] = {
            "point": [{"id": register} for register in self.registers],
            "list": self._towns(),
            "aggregate": [{}],
        }
        variables = every.get(workload, [])
        if contender == "handwritten":
            return [Asked(body=given) for given in variables]
        texts = {
            "strawberry": {"point": documents.POINT, "list": documents.LIST, "aggregate": documents.AGGREGATE},
            "postgraphile": {"point": postgraphile_documents.POINT, "list": postgraphile_documents.LIST},
        }[contender]
        if workload not in texts:
            return []
        return [Asked(body={"query": texts[workload], "variables": given}) for given in variables]

    def ask(self, asker: Asker, document: str, variables: Mapping[str, Any]) -> Asked:
        """One request of a principal."""
        return Asked(
            body={"query": document, "variables": variables},
            authorization=self.authorizations[asker.name],
            purpose=asker.purpose,
            denied=asker.denied,
        )

    def ids(self, asker: Asker) -> list[str]:
        """Ids as the principal is given them: of the sample, or from its own lists if it reads no numbers."""
        found: list[str] = []
        if asker.name == documents.FULL.name:
            text = "query Id($number: CitizenId!) { child(citizenId: $number) { id } }"
            with httpx.Client(timeout=30) as client:
                return [
                    self.answer(client, self.ask(asker, text, {"number": number}))["data"]["child"]["id"]
                    for number in self.numbers
                ]
        with httpx.Client(timeout=60) as client:
            for town in self.towns:
                after, more = None, True
                while more and len(found) < CHILDREN:
                    given = {"town": town, "born": self.born, "after": after}
                    page = self.answer(client, self.ask(asker, documents.IDS, given))["data"]["children"]
                    found += [edge["node"]["id"] for edge in page["edges"]]
                    more, after = page["pageInfo"]["hasNextPage"], page["pageInfo"]["endCursor"]
        return found

    def answer(self, client: httpx.Client, asked: Asked) -> Any:
        """The hub's answer; a refusal ends the bench."""
        found = client.post(self.url, json=asked.body, headers=asked.headers).json()
        if found.get("data") is None:
            raise SystemExit(f"bench: the hub refuses `{asked.body['query'][:60]}`: {found['errors'][:1]}")
        return found

    def _towns(self) -> list[dict[str, str]]:
        return [{"town": town, "born": self.born} for town in self.towns]


def _birth(child: Mapping[str, Any]) -> str:
    return str(child["citizen_id"][6:14])
