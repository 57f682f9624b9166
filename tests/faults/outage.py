"""Two answers to one request -> what is wrong with the second, given while a department did not answer.

The judge of invariant 6: what is given equals what was given in health, row by row; what is not given is null and an
error says so, naming the department; nothing vanishes, nothing appears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[Any, ...]
REASONS = {"unreachable", "timeout", "overloaded", "open"}


def problems(healthy: Mapping[str, Any], outage: Mapping[str, Any], source: str) -> list[str]:
    """Lines that say what is wrong; ``source`` is the department that did not answer."""
    if healthy.get("data") is None:
        same = _plain(healthy) == _plain(outage)
        return [] if same else [f"the refusal changed: {_plain(healthy)} -> {_plain(outage)}"]
    if outage.get("data") is None:
        return [f"no data at all: {outage.get('errors')}"]
    return [
        *_wrong_errors(healthy, outage, source),
        *_wrong_values(healthy["data"], outage["data"], (), unavailable(outage)),
    ]


def unavailable(answer: Mapping[str, Any]) -> set[Path]:
    """Places that the answer says it cannot tell."""
    return _places(answer, "SOURCE_UNAVAILABLE")


def _places(answer: Mapping[str, Any], code: str) -> set[Path]:
    found = [error for error in answer.get("errors", ()) if error["extensions"]["code"] == code]
    # An error that says its paths says all of them: of a field that no row reached there are none.
    return {tuple(path) for error in found for path in error["extensions"].get("paths", [error.get("path")]) if path}


def _wrong_errors(healthy: Mapping[str, Any], outage: Mapping[str, Any], source: str) -> Iterator[str]:
    for error in outage.get("errors", ()):
        facts = error["extensions"]
        if facts["code"] == "SOURCE_UNAVAILABLE":
            if facts["source"] != source or facts["reason"] not in REASONS:
                yield f"blames `{facts['source']}` ({facts['reason']}) for `{source}` at {error['path']}"
        elif facts["code"] not in {known["extensions"]["code"] for known in healthy.get("errors", ())}:
            yield f"a new kind of error: {error}"
    closed, known, unknown = _places(outage, "NOT_ENTITLED"), _places(healthy, "NOT_ENTITLED"), unavailable(outage)
    yield from (f"newly closed: {path}" for path in sorted(closed - known, key=repr))
    for path in sorted(known - closed, key=repr):
        if not any(path[: len(above)] == above for above in unknown):
            yield f"closed in health, now without a word: {path}"


def _wrong_values(healthy: Any, outage: Any, path: Path, unknown: set[Path]) -> Iterator[str]:
    if outage is None:
        if healthy is not None and path not in unknown:
            yield f"vanished without a word: {path}"
    elif path in unknown:
        yield f"said to be unavailable, and given: {path}"
    elif isinstance(healthy, dict) and isinstance(outage, dict) and healthy.keys() == outage.keys():
        for key in healthy:
            yield from _wrong_values(healthy[key], outage[key], (*path, key), unknown)
    elif isinstance(healthy, list) and isinstance(outage, list) and len(healthy) == len(outage):
        for number, pair in enumerate(zip(healthy, outage, strict=True)):
            yield from _wrong_values(*pair, (*path, number), unknown)
    elif healthy != outage:
        yield f"changed at {path}: {str(healthy)[:200]} -> {str(outage)[:200]}"


def _plain(answer: Mapping[str, Any]) -> Any:
    return [(error["extensions"]["code"], error.get("path"), error["message"]) for error in answer.get("errors", ())]
