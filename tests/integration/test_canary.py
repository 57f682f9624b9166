"""Canaries: every coordinate asked by everyone for every purpose; nothing but what entitlements.csv grants comes out.

The databases hold a canary in every value. What may come out is told by the oracle's own reading of entitlements.csv
and of the scopes; where a canary came out is told by the text of the answer. What is open is asked alone, a request a
coordinate. What is closed (nearly everything, for nearly everyone) is compiled alone, which must refuse it, and asked
together, which must refuse each: the way behind the compiler is the same for a refusal whatever is refused.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import asyncpg
import pytest

from hub.errors import RefusedError
from hub.pipeline import plan_of
from tests.properties.principals import busiest, reporters
from tests.support.canaries import Canaries
from tests.support.compare import Names, differences
from tests.support.handmade import plain_schema
from tests.support.reference import Reference
from tests.support.rights import PURPOSES, RIGHTS, UNITS, Me, scopes
from tests.support.running import Canary, Reply
from tests.support.sight import Sight
from tests.support.ways import ROOT_OF, everything, fields_of, way_to
from tests.support.world import FIELDS, TYPES

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]
SCHEMA = plain_schema()
AT_ONCE = 40
Mode: TypeAlias = Literal["refuse", "null"]


def keys_of(canary: Canary, unit: str) -> list[str]:
    """Principals of a unit: one, or the two with most to see."""
    if unit == "town_government":
        return [f"{unit}:{code}" for code in busiest(canary.world, 9)]
    if unit == "village_committee":
        return [f"{unit}:{code}" for code in busiest(canary.world, 12)]
    return reporters(canary.world)[:2] if unit == "mandatory_reporter" else [unit]


def alone(coordinate: str) -> str:
    """A document that asks for one coordinate."""
    type_name, _, name = coordinate.partition(".")
    return f"{{ {way_to(type_name, [name])} }}"


def opened_cursors(reply: Reply) -> Iterator[str]:
    """Every long opaque text of an answer, decoded as far as base64 goes."""
    for text in _texts(reply.data):
        if len(text) > 32 and text.isascii():
            padded = text + "=" * (-len(text) % 4)
            yield base64.urlsafe_b64decode(padded).decode("latin-1") if _is_base64(padded) else text


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def leaks(canaries: Canaries, sight: Sight, reply: Reply) -> list[str]:
    """What an answer holds that the principal may not read."""
    body = reply.json
    body.pop("extensions", None)
    text = json.dumps(body, ensure_ascii=False)
    found = [f"{token}: {owners}" for token, owners in canaries.ungranted(sight, text).items()]
    found += [f"key {key}" for key in canaries.bare_keys(text)]
    opened = "\n".join(opened_cursors(reply))
    found += [f"in an opaque text: {token}" for token in canaries.tokens(opened) | canaries.bare_keys(opened)]
    return found


async def ask_all(canary: Canary, me: Me, documents: Sequence[str], denied: Mode) -> list[Reply]:
    """Answers to many documents of one principal, some at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(document: str) -> Reply:
        async with turn:
            return await canary.ask(me.key, me.purpose, document, denied=denied)

    return list(await asyncio.gather(*map(one, documents)))


def sights_of(canary: Canary, unit: str, most: int = 2) -> Iterator[Sight]:
    """What the unit's principals see, for every purpose."""
    for key in keys_of(canary, unit)[:most]:
        for purpose in PURPOSES:
            yield sight_of(canary, Me(key, purpose))


def sight_of(canary: Canary, me: Me) -> Sight:
    """What the principal sees; worked out once for all tests."""
    place = ("sight", me)
    if place not in canary.world.memo:
        canary.world.memo[place] = Sight(canary.world, me)
    found: Sight = canary.world.memo[place]
    return found


def is_open(sight: Sight, coordinate: str) -> bool:
    """Whether the principal may select the coordinate, and gets to rows of its type."""
    return sight.selectable(coordinate) and _way_is_open(sight, coordinate)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("denied", ["refuse", "null"])
async def test_each_coordinate_alone_gives_what_the_entitlements_say(canary: Canary, unit: str, denied: Mode) -> None:
    for sight in sights_of(canary, unit):
        opened = [coordinate for coordinate in FIELDS if is_open(sight, coordinate)]
        # A plan that refuses nothing is the same in both modes: every other coordinate is asked in one of them.
        mine = opened[denied == "null" :: 2]
        replies = await ask_all(canary, sight.me, [alone(one) for one in mine], denied)
        for coordinate, reply in zip(mine, replies, strict=True):
            assert not leaks(canary.canaries, sight, reply), (sight.me, coordinate)
            assert not [error for error in reply.errors if _refuses(error, coordinate)], (sight.me, coordinate)
            assert reply.data is not None, (sight.me, coordinate)
        await _all_refused(canary, sight, [one for one in FIELDS if one not in opened], denied)


async def _all_refused(canary: Canary, sight: Sight, closed: Sequence[str], denied: Mode) -> None:
    """Each is refused when it is asked with all others that are, type by type where rows of the type are reached."""
    whole = [one for one in closed if not _way_is_open(sight, one)]
    parts = [whole, *([one for one in closed if one not in whole and _of(one) == name] for name in TYPES)]
    asked = [part for part in parts if part]
    replies = await ask_all(canary, sight.me, [_together(part) for part in asked], denied)
    for part, reply in zip(asked, replies, strict=True):
        assert not leaks(canary.canaries, sight, reply), sight.me
        assert (reply.data is None) is (denied == "refuse"), (sight.me, reply.errors[:2])
        for coordinate in part:
            assert any(_refuses(error, coordinate) for error in reply.errors), (sight.me, coordinate)


def _of(coordinate: str) -> str:
    return coordinate.partition(".")[0]


def _together(coordinates: Iterable[str]) -> str:
    """One document that asks for all of them."""
    names: dict[str, list[str]] = {}
    for coordinate in coordinates:
        names.setdefault(_of(coordinate), []).append(coordinate.partition(".")[2])
    return "{ " + " ".join(f"w{number}: {way_to(*each)}" for number, each in enumerate(names.items())) + " }"


@pytest.mark.parametrize("denied", ["refuse", "null"])
async def test_what_is_closed_is_no_part_of_any_plan_though_it_is_asked_alone(canary: Canary, denied: Mode) -> None:
    hub = canary.ask.hub
    documents = {coordinate: hub.documents.read(alone(coordinate), None, {}) for coordinate in FIELDS}
    for unit in UNITS:
        for sight in sights_of(canary, unit, 1):
            entitlements = hub.entitlements(unit, sight.me.purpose)
            # Who holds nothing for a purpose is the same as the next who does.
            some = FIELDS if RIGHTS.get((unit, sight.me.purpose)) else ["Child.name", "Guardian.name"]
            assert some is FIELDS or not (entitlements.read or entitlements.masked or entitlements.aggregated)
            for coordinate in some:
                if is_open(sight, coordinate):
                    continue
                try:
                    refused: Iterable[Any] = plan_of(hub, documents[coordinate], entitlements, denied).refused
                except RefusedError as error:
                    assert denied == "refuse"
                    refused = [found.facts["coordinate"] for found in error.errors]
                else:
                    assert denied == "null", (sight.me, coordinate)
                    refused = [found.coordinate for found in refused]
                assert len(list(refused)) == 1 and set(refused) <= _whole_of(coordinate) | {coordinate}


def _way_is_open(sight: Sight, coordinate: str) -> bool:
    type_name = coordinate.partition(".")[0]
    through = {"FamilyMember": "Child", "Guardian": "Child", "AttendanceRecord": "Enrolment"}.get(type_name, type_name)
    return sight.opens(through)


def _refuses(error: dict[str, Any], coordinate: str) -> bool:
    """Whether the error refuses the coordinate, its type or the way to it (not some rows of it alone)."""
    facts = error["extensions"]
    if facts["code"] != "NOT_ENTITLED":
        return False
    whole = facts["coordinate"] in _whole_of(coordinate)
    return whole or (facts["coordinate"] == coordinate and not error["message"].endswith("rows"))


def _whole_of(coordinate: str) -> set[str]:
    """By which names the coordinate's type, or the way to it, is refused."""
    type_name = _of(coordinate)
    led = {
        "FamilyMember": {"Child.*", "Child.familyMembers"},
        "Guardian": {"Child.*", "Child.guardians"},
        "AttendanceRecord": {"Enrolment.*", "Enrolment.attendanceRecords"},
    }
    return {f"{type_name}.*", *led.get(type_name, ())}


@pytest.mark.parametrize("unit", UNITS)
async def test_every_coordinate_in_company_gives_what_the_entitlements_say(canary: Canary, unit: str) -> None:
    for sight in sights_of(canary, unit):
        # Rows of other types are not reached, so that their documents are one and the same refusal.
        reached = [name for name in TYPES if _way_is_open(sight, f"{name}.id")]
        documents = [f"{{ {way_to(name, ['id', *fields_of(name)])} }}" for name in reached]
        replies = await ask_all(canary, sight.me, [*documents, f"{{ {everything()} }}"], "null")
        replies += await ask_all(canary, sight.me, [*documents, f"{{ {everything()} }}"], "refuse")
        for reply in replies:
            assert not leaks(canary.canaries, sight, reply), sight.me


@pytest.mark.parametrize("unit", UNITS)
async def test_filters_and_sorts_on_what_is_not_read_in_clear_are_refused(canary: Canary, unit: str) -> None:
    for sight in sights_of(canary, unit, 1):
        reached = [one for one in FIELDS if _filterable(one) and sight.opens(_of(one))]
        replies = await ask_all(canary, sight.me, [f"{{ {_filtered(one)} }}" for one in reached], "refuse")
        for coordinate, reply in zip(reached, replies, strict=True):
            assert (reply.data is not None) is sight.askable(coordinate), (sight.me, coordinate, reply.errors[:2])
        for type_name in ROOT_OF:
            if not sight.opens(type_name):
                closed = [f"{type_name}.{name}" for name in fields_of(type_name) if _filterable(f"{type_name}.{name}")]
                document = " ".join(f"f{number}: {_filtered(one)}" for number, one in enumerate(closed))
                [reply] = await ask_all(canary, sight.me, [f"{{ {document} }}"], "refuse")
                refused = {error["extensions"]["coordinate"] for error in reply.errors}
                assert reply.data is None and refused == {f"{type_name}.*"}, (sight.me, type_name)


def _filterable(coordinate: str) -> bool:
    type_name, _, name = coordinate.partition(".")
    filters: Any = SCHEMA.type_map[f"{type_name}Filter"]
    return type_name in ROOT_OF and name in filters.fields


def _filtered(coordinate: str) -> str:
    type_name, _, name = coordinate.partition(".")
    return way_to(type_name, ["__typename"], arguments=f", filter: {{{name}: {{isNull: false}}}}")


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "auditor"])
async def test_every_grant_is_used_and_the_answer_is_the_oracles(canary: Canary, unit: str) -> None:
    unused = {
        (purpose, right.coordinate, right.action, right.scope)
        for (of_unit, purpose), table in RIGHTS.items()
        for found in table.values()
        for right in found
        if of_unit == unit and right.action in ("read", "read_masked")
    }
    for number, key in enumerate(all_keys(canary, unit)):
        for purpose in PURPOSES:
            left = {used[1].partition(".")[0] for used in unused if used[0] == purpose}
            # All that two principals see is compared; further ones are asked for what none before could use.
            sight = sight_of(canary, Me(key, purpose))
            for type_name in TYPES if number < 2 else sorted(left):
                names = [name for name in fields_of(type_name) if sight.selectable(f"{type_name}.{name}")]
                if names and _way_is_open(sight, f"{type_name}.{names[0]}"):
                    await _use(canary, sight, type_name, names)
                    unused -= set(_used(sight, type_name))
        if number >= 1 and not unused:
            break
    assert not unused


async def _use(canary: Canary, sight: Sight, type_name: str, names: list[str]) -> None:
    document = f"{{ {way_to(type_name, ['id', *names])} }}"
    oracle = Reference(schema=SCHEMA, sight=sight)
    reply = await canary.ask(sight.me.key, sight.me.purpose, document)
    assert not differences(oracle.answer(document), reply, Names()), sight.me


def _used(sight: Sight, type_name: str) -> Iterator[tuple[str, str, str, str]]:
    """Grants that open something in a row that the answer held (as far as one page shows)."""
    me = sight.me
    for row in sight.every(type_name):
        for coordinate in FIELDS:
            if coordinate.startswith(f"{type_name}."):
                for action in ("read", "read_masked"):
                    for scope in scopes(me, coordinate, action):
                        if sight.scopes.holds(scope, type_name, row):
                            yield me.purpose, coordinate, action, scope


def all_keys(canary: Canary, unit: str) -> list[str]:
    """Every principal of a unit that has rows, towns and villages in order of what they see."""
    if unit == "town_government":
        return [f"{unit}:{code}" for code in busiest(canary.world, 9, most=30)]
    if unit == "village_committee":
        return [f"{unit}:{code}" for code in busiest(canary.world, 12, most=30)]
    return keys_of(canary, unit)


@pytest.mark.parametrize("unit", ["town_government", "village_committee", "mandatory_reporter"])
async def test_a_second_town_village_or_school_gets_none_of_the_first_ones_rows(canary: Canary, unit: str) -> None:
    first, second = keys_of(canary, unit)
    common: set[str] = set()
    for purpose in PURPOSES:
        seen = []
        for key in (first, second):
            found: set[str] = set()
            for type_name in TYPES:
                names = ["id", *fields_of(type_name)]
                reply = await canary.ask(key, purpose, f"{{ {way_to(type_name, names)} }}", denied="null")
                body = json.dumps(reply.data, ensure_ascii=False)
                found |= {token for token in canary.canaries.tokens(body) if _of_one_row(canary, token)}
                found |= {text for text in _texts(reply.data) if len(text) > 60 and text.isascii()}
            seen.append(found)
        common |= seen[0] & seen[1]
    assert not common


def _of_one_row(canary: Canary, token: str) -> bool:
    """A number that two parents share, and a school's name, are no sign of a row."""
    owners = canary.canaries.owners[token]
    return len(owners) == 1 and next(iter(owners))[:2] != ("Enrolment", "schoolName")


async def test_a_canary_that_is_not_granted_would_be_found(canary: Canary) -> None:
    document = f"{{ {way_to('Child', ['name', 'residenceAddress', 'citizenId'])} }}"
    reply = await canary.ask("civil_affairs_bureau", "survey_management", document)
    assert not leaks(canary.canaries, Sight(canary.world, Me("civil_affairs_bureau", "survey_management")), reply)
    found = leaks(canary.canaries, Sight(canary.world, Me("womens_federation", "care_service")), reply)
    assert sum("'name'" in leak for leak in found) > 50
    assert sum("'citizenId'" in leak for leak in found) > 50


async def test_the_log_holds_no_canary_and_no_key(canary: Canary) -> None:
    await canary.ask(
        "public_security_bureau",
        "emergency_response",
        f"{{ {way_to('MandatoryReport', fields_of('MandatoryReport'))} }}",
    )
    connection = await asyncpg.connect(canary.server.dsn("hub"))
    try:
        rows = await connection.fetch("SELECT bytes FROM log.pending UNION ALL SELECT bytes FROM log.entry")
        lists = await connection.fetch("SELECT field, items FROM log.long_list")
        keys = await connection.fetch("SELECT request, kind, part, secret FROM log.commitment_key")
    finally:
        await connection.close()
    assert rows and keys and any(row["field"] == "commitments" for row in lists)
    entries, apart = [row["bytes"].decode() for row in rows], [" ".join(row["items"]) for row in lists]
    secrets = [row["secret"] for row in keys]
    assert len(set(secrets)) == len(secrets) and not any(
        secret.hex() in text or base64.urlsafe_b64encode(secret)[:40].decode() in text
        for secret in secrets[:50]
        for text in (*entries, *apart)
    )
    kept_apart = [f"{row['request']} {row['kind']} {row['part']} {row['secret'].decode('latin-1')}" for row in keys]
    text = "\n".join((*entries, *apart, *kept_apart))
    # A count of rows may look like a small number that is a canary elsewhere.
    assert not {token for token in canary.canaries.tokens(text) if len(token) > 5}
    assert not canary.canaries.bare_keys(text)
