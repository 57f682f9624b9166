"""A hub that answers -> what three units see of one question: the curl line, the answer, what was refused and why."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.commands.client import Question, ask
from hub.commands.outcome import out
from hub.commands.principals import dev_token
from hub.service import read_policy
from hub.settings import Settings

QUERY = (
    "{ children(first: 2) { edges { node { name birthDate citizenId residenceAddress "
    "enrolments(first: 1) { edges { node { schoolName boardingMode } } } } } } }"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A principal and the purpose for which it asks."""

    unit: str
    purpose: str
    division: str | None = None


UNITS = (
    Shown(unit="education_bureau", purpose="dropout_control"),
    Shown(unit="town_government", purpose="guardianship_protection", division="120114101"),
    Shown(unit="womens_federation", purpose="care_service"),
)


def show_units(settings: Settings, url: str, folder: Path) -> bool:
    """Asks for each unit and prints what came; whether some question got no data at all."""
    policy = read_policy(settings)
    failed = False
    for shown in UNITS:
        token = dev_token(
            settings, shown.unit, purposes=(shown.purpose,), division=shown.division, operator="demo", policy=policy
        )
        path = write_token(folder / "tokens", shown.unit, token)
        question = Question(query=QUERY, token=token, purpose=shown.purpose, denied="null")
        status, answer = ask(url, question)
        unit, purpose = policy.units[shown.unit], policy.purposes[shown.purpose]
        place = f" {policy.divisions[shown.division].name}" if shown.division else ""
        out.rule(f"{unit.name_zh}{place} · {purpose.name_zh} ({shown.unit}, {shown.purpose})", align="left")
        for line in lines_of(curl_line(url, path, shown.purpose), status, answer):
            out.print(line, markup=False)
        failed = failed or not isinstance(answer.get("data"), dict)
    return failed


def write_token(folder: Path, name: str, token: str) -> Path:
    """Writes the token where its owner alone can read it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.jwt"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
    return path


def curl_line(url: str, token: Path, purpose: str) -> str:
    """A line to paste into a shell in this folder."""
    return (
        f'curl -s {url}/graphql -H "Authorization: Bearer $(cat {shlex.quote(str(token))})" '
        f"-H 'Hub-Purpose: {purpose}' -H 'Hub-On-Denied: null' -H 'Content-Type: application/json' "
        f"-d {shlex.quote(json.dumps({'query': QUERY}))}"
    )


def lines_of(curl: str, status: int, answer: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of one unit's question."""
    yield curl
    yield f"HTTP {status}"
    yield from json.dumps(answer.get("data"), ensure_ascii=False, indent=1).splitlines()
    errors = answer.get("errors", [])
    if errors:
        yield "未获授权 refused:"
    for error in errors:
        yield from refusal_lines(error)
    receipt = answer.get("extensions", {}).get("receipt", {})
    if receipt:
        yield f"回执 receipt: {receipt.get('entry')}"


def refusal_lines(error: Mapping[str, Any]) -> Iterator[str]:
    """One error: what, in how many rows, by which rule."""
    facts = error.get("extensions", {})
    rows = f" ({facts['rows']} rows)" if "rows" in facts else ""
    yield f"  {facts.get('coordinate', facts.get('code'))}{rows}: {error['message']}"
    rules = ", ".join(facts.get("rules", ())) or "no rule of this unit names it"
    clause = f"; clause {facts['clause']}" if facts.get("clause") else ""
    yield f"    rule: {rules}{clause}"
