"""What is wrong with a policy folder: file, line and words, all of it at once.

A policy is taken whole or not at all: loading one gives a ``Policy``, or a ``PolicyError`` with every problem found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong; ``line`` counts from 1 (the header), 0 stands for the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class PolicyError(Exception):
    """A policy folder was refused; ``problems`` is never empty and is sorted by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class Findings(list[Problem]):
    """Problems gathered so far, so that one reading reports them all."""

    def note(self, file: str, line: int, message: str) -> None:
        """Adds a problem."""
        self.append(Problem(file=file, line=line, message=message))
