"""Mapping of a department -> its code book the other way: value of the hub -> code in force in that department."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from connectors.mapping import load

Book = Mapping[str, Mapping[str, str]]
"""Code table -> value -> code (the first, where several codes mean one value)."""

MAPPINGS = Path(__file__).resolve().parents[1]


@lru_cache(maxsize=8)
def code_book(source: str) -> Book:
    """Every code table of one department."""
    tables = load(MAPPINGS / f"{source}.toml").codes
    return {name: {value: codes[0] for value, codes in table.stored.items()} for name, table in tables.items()}
