"""The generator's truth, the sources' rows -> what a comparison must find, written without looking at how it does."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.reconcile.ground import Ground

Discrepancy = tuple[str, str]
"""(class, subject): ``file:<register number>``, ``education:<person>`` or ``public_security:<person>``."""

Pair = tuple[str, str, str]
"""(source, register number, person)."""

NUMBERS = {
    "file": ("civil_affairs", "select dabh, sfzh from etda"),
    "education": ("education", "select grbsm, sfzjh from jy_xsxj"),
    "public_security": ("public_security", "select rybh, gmsfhm from hj_czrk"),
}


async def planted(ground: Ground) -> set[Discrepancy]:
    """Every discrepancy that the generator planted and that some row shows."""
    numbers = {keeper: await _numbers(ground, keeper) for keeper in NUMBERS}
    found: set[Discrepancy] = set()
    for line in ground.truth:
        for name in line["planted"]:
            if name == "INVALID_CITIZEN_ID":
                found |= {(name, subject) for subject in _wrong(line, numbers)}
            else:
                found.add((name, f"file:{line['register']}" if line["register"] else _pupil(line)))
    return found


def _pupil(line: dict[str, Any]) -> str:
    return f"education:{line['persons']['education']}"


async def _numbers(ground: Ground, keeper: str) -> dict[str, set[str | None]]:
    source, statement = NUMBERS[keeper]
    found: dict[str, set[str | None]] = {}
    for key, number in await ground.rows(source, statement):
        found.setdefault(key, set()).add(number)
    return found


def _wrong(line: dict[str, Any], numbers: dict[str, dict[str, set[str | None]]]) -> set[str]:
    if "IDENTITY_MISMATCH" in line["planted"]:
        # The police hold another birthday than their own number says.
        return {f"public_security:{line['persons']['public_security']}"}
    keys = {"file": line["register"], **line["persons"]}
    return {
        f"{keeper}:{key}"
        for keeper, key in keys.items()
        if keeper in numbers and numbers[keeper].get(key, {line["citizen_id"]}) != {line["citizen_id"]}
    }


async def pairs(ground: Ground) -> set[Pair]:
    """Persons who belong to a file that is compared, and whom neither a number nor a confirmed link brings to it."""
    accepted = await ground.rows("civil_affairs", "select dabh, sh_sfzh from etda where dazt = '1' and sfsh = '1'")
    confirmed = {tuple(row) for row in await ground.rows("hub", _CONFIRMED)}
    files = {row[0]: row[1] for row in accepted}
    shared = Counter(number for number in files.values() if number is not None)
    held = {source: await _numbers(ground, source) for source in ("education", "public_security")}
    found: set[Pair] = set()
    for line in ground.truth:
        register = line["register"]
        if register not in files or (files[register] is not None and shared[files[register]] > 1):
            continue
        for source, numbers in held.items():
            person = line["persons"].get(source)
            joined = files[register] is not None and files[register] in numbers.get(person or "", set())
            if person and not joined and (source, register, person) not in confirmed:
                found.add((source, register, person))
    return found


_CONFIRMED = "select source, register_no, person from link where status = 'CONFIRMED'"
