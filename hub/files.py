"""Accepted open files of children -> by which numbers other sources know them, and for which of them a fact holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Accepted open files: register number -> citizen id by which other sources join (None: by links alone).

    What several facts want of the same files is made once.
    """

    citizen: Mapping[str, str | None]
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.citizen)

    @property
    def numbered(self) -> frozenset[tuple[str, str | None]]:
        """The files with their numbers: what is known of a file by one number is not known by another."""
        found: frozenset[tuple[str, str | None]] | None = self._known.get("numbered")
        if found is None:
            found = self._known["numbered"] = frozenset(self.citizen.items())
        return found

    @property
    def registers(self) -> list[str]:
        """Register numbers in order."""
        found: list[str] | None = self._known.get("registers")
        if found is None:
            found = self._known["registers"] = sorted(self.citizen)
        return found

    @property
    def of_number(self) -> Mapping[str, Sequence[str]]:
        """Register numbers by citizen id, in the order of these."""
        found: dict[str, list[str]] | None = self._known.get("of_number")
        if found is None:
            named: dict[str, list[str]] = {}
            for register, number in self.citizen.items():
                if number is not None:
                    named.setdefault(number, []).append(register)
            found = self._known["of_number"] = dict(sorted(named.items()))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Whom a fact holds for: files by register number, and people by the number by which one file is theirs."""

    registers: frozenset[str]
    numbers: frozenset[str] = frozenset()

    def among(self, files: Files) -> frozenset[str]:
        """Register numbers of those of the files for which the fact holds."""
        named = self.registers.intersection(files.citizen)
        if not self.numbers:
            return named
        return named.union(register for register, number in files.citizen.items() if number in self.numbers)
