"""World -> the principals that are asked for: every unit under every purpose, with divisions that have rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.support.rights import RIGHTS, UNITS, Me, readable
from tests.support.scopes import Scopes
from tests.support.world import FIELDS, TYPES, World


def principals(world: World) -> list[Me]:
    """Those who read something: units, two towns and two villages with most to see, two institutions."""
    keys = [
        unit for unit in UNITS if unit not in ("town_government", "village_committee", "mandatory_reporter", "auditor")
    ]
    keys += [f"town_government:{code}" for code in busiest(world, 9)]
    keys += [f"village_committee:{code}" for code in busiest(world, 12)]
    keys += reporters(world)[:2]
    found = [Me(key, purpose) for key in keys for unit, purpose in RIGHTS if unit == Me(key, purpose).unit]
    return [me for me in found if any(readable(me, type_name) for type_name in TYPES)]


def busiest(world: World, digits: int, *, most: int = 2) -> list[str]:
    """Divisions of so many digits: the one with most rows that lead a town or village to others, and the next."""
    places: Counter[str] = Counter()
    scopes = Scopes(world, Me("auditor", "audit"))
    for file in world.rows("civil_affairs", "Child"):
        if scopes.current(file):
            weight = 1 + 5 * len(world.of_file(file, "Incident")) + 5 * len(world.of_file(file, "DropoutRecord"))
            weight += 2 * len(world.of_file(file, "Assessment"))
            places[file["divisionCode"][:digits]] += weight
    return [code for code, _ in places.most_common(most)]


def reporters(world: World) -> list[str]:
    """Institutions that reported, those with most reports first."""
    reports = world.rows("public_security", "MandatoryReport")
    found = Counter(str(row["reporterUnit"]) for row in reports)
    return [key for key, _ in found.most_common() if key.startswith("mandatory_reporter:")]


def values(world: World, source: str, type_name: str) -> Iterator[tuple[str, list[object]]]:
    """(coordinate, up to forty different values that occur) for the plain fields of a type."""
    for coordinate, fact in FIELDS.items():
        if coordinate.startswith(f"{type_name}.") and fact.source == source:
            field = coordinate.partition(".")[2]
            rows = world.rows(source, type_name)
            kept = {row[field] for row in rows if row.get(field) is not None and not isinstance(row[field], list)}
            ordered = sorted(kept, key=str)
            yield coordinate, ordered[:: max(1, len(ordered) // 40)]
