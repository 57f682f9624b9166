"""Chinese word, English word, national codes -> one value of an enum, described in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import strawberry


@dataclass(frozen=True, slots=True)
class Word:
    """What an enum value means: its words, and its codes in the standard that its enum names (often none)."""

    zh: str
    en: str
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        codes = f" ({', '.join(self.codes)})" if self.codes else ""
        return f"{self.zh} {self.en}{codes}"


def word(zh: str, en: str, *codes: str) -> Any:
    """An enum value whose Python value is its ``Word``; no two values of an enum may share all their words."""
    meaning = Word(zh, en, codes)
    return strawberry.enum_value(meaning, description=str(meaning))
