"""Codes of the log -> how officials read them, by the policy of the moment; a code that it does not know stays one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.pages.words import DECISIONS, KINDS, MARKS, SOURCES, Language, word
from policies.decision import Grant
from policies.policy import Policy
from schema.catalogue import CATALOGUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names in one language."""

    policy: Policy
    spoken: Language

    def unit(self, key: str) -> str:
        """A unit key: the unit's name, with its place or institution. Pseudonyms are told to be of a reporter."""
        code, _, owner = key.partition(":")
        if key == "reporter" or key.startswith("a-"):
            return word("reporter", self.spoken)
        if not key:
            return word("nobody", self.spoken)
        unit = self.policy.units.get(code)
        name = code if unit is None else self._of(unit.name_zh, unit.name_en)
        if not owner:
            return name
        division, institution = self.policy.divisions.get(owner), self.policy.institutions.get(owner)
        place = division.name if division else institution.name_zh if institution else owner
        return f"{place} · {name}"

    def purpose(self, code: str) -> str:
        """A purpose."""
        purpose = self.policy.purposes.get(code)
        return code if purpose is None else self._of(purpose.name_zh, purpose.name_en)

    def coordinate(self, name: str) -> str:
        """A field."""
        found = CATALOGUE.get(name)
        if found is None and name.endswith(".id"):
            return word("id_of", self.spoken, name.removesuffix(".id"))
        return name if found is None else self._of(found.name_zh, found.name_en)

    def rows(self, count: str) -> str:
        """Rows of a source, as an entry says them: ``civil_affairs=12``."""
        source, _, number = count.partition("=")
        return f"{self._of(*SOURCES.get(source, (source, source)))} {number}"

    def rules(self, names: Sequence[str]) -> list[tuple[str, Grant | None]]:
        """Rules with the policy lines that they name; a rule of an older policy, or a pseudonym, stands alone."""
        wanted = set(names)
        found = {
            grant.rule: grant
            for _, _, _, grants in self.policy.sets()
            for lines in grants.values()
            for grant in lines
            if grant.rule in wanted
        }
        return [(name, found.get(name)) for name in names]

    def of(self, what: str, code: str) -> str:
        """A code of the kind ``what``: unit, purpose, kind, decision, mark."""
        match what:
            case "unit":
                return self.unit(code)
            case "purpose":
                return self.purpose(code)
            case _:
                known = {"kind": KINDS, "decision": DECISIONS, "mark": MARKS}[what]
                return self._of(*known.get(code, (code, code)))

    def _of(self, chinese: str, english: str) -> str:
        return english or chinese if self.spoken == "en" else chinese
