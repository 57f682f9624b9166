"""``/duty/webhooks`` -> what the unit's own systems did not take of messages, to that unit alone, and another try.

Guarantee: a page of ids, codes and times. A row is named, and its message sent again, only if the pipeline answers to
who asks that the row is there for them now: that look is an entry, and has a receipt, as any has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from hub.errors import RefusalError
from hub.events.letters import MOST, Letter, Letters
from hub.identity import Identity
from hub.lifecycle.steps import DEADLINES
from hub.pages.desk import Told
from hub.pages.desk_routes import Visit
from hub.pages.duty.shown import Words
from hub.pages.forms import Problem
from schema.catalogue import TYPES

_FAILURES: Final[Mapping[str, str]] = {"timeout": "letter_timeout", "unreachable": "letter_unreachable"}


async def count(visit: Visit) -> int:
    """How many messages for the unit were given up."""
    letters = visit.desk.letters
    try:
        return 0 if letters is None else await letters.count(visit.desk.identity(visit.session))
    except RefusalError:  # the page tells it of what it asks
        return 0


async def letters_page(visit: Visit) -> Response:
    """The oldest of them; raises ``Problem``."""
    return await _page(visit, _letters(visit), await _identity(visit))


async def again_page(visit: Visit) -> Response:
    """The same, after those that the form names were put back in the queue; raises ``Problem``."""
    letters, identity = _letters(visit), await _identity(visit)
    named = [value for name, value in visit.pairs if name == "message"]
    if not named:
        raise Problem(400, "bad_form")
    ids = [value.rpartition("/")[2] for value in named]
    found = [letter for letter in await letters.of(identity, ids) if _named(letter) in named]
    seen, _ = await _seen(visit, found)
    count = await letters.again([letter for letter in found if letter.row_id in seen])
    return await _page(visit, letters, identity, sent=count)


def _letters(visit: Visit) -> Letters:
    if visit.desk.letters is None:
        raise Problem(404, "no_row")
    return visit.desk.letters


async def _identity(visit: Visit) -> Identity:
    try:
        return visit.desk.identity(visit.session)
    except RefusalError as error:
        await visit.desk.turned_away(visit.session.credential, error)
        raise Problem(403, "no_row") from None


async def _page(visit: Visit, letters: Letters, identity: Identity, *, sent: int | None = None) -> Response:
    found, count = await letters.of(identity), await letters.count(identity)
    seen, told = await _seen(visit, found)
    words = Words(view=visit.desk.seen(visit.session), names=visit.names)
    return visit.page(
        "duty/webhooks.html",
        items=[_item(visit, words, letter, letter.row_id in seen) for letter in found],
        more=max(0, count - len(found)),
        most=MOST,
        sent=sent,
        unanswered=told is not None and told.code == "SOURCE_UNAVAILABLE",
        receipt=None if told is None else told.extensions.get("receipt"),
    )


async def _seen(visit: Visit, letters: Sequence[Letter]) -> tuple[frozenset[str], Told | None]:
    """Ids of the rows that are there for who asks, as the pipeline answers it; one that is not is not told of."""
    ids = list(dict.fromkeys(letter.row_id for letter in letters))
    if not ids:
        return frozenset(), None
    given = {f"r{number}": row_id for number, row_id in enumerate(ids)}
    wanted = ", ".join(f"${name}: ID!" for name in given)
    document = f"query Letters({wanted}) {{ {' '.join(f'{name}: node(id: ${name}) {{ id }}' for name in given)} }}"
    told = await visit.desk.ask(visit.session, document, given)
    return frozenset(row["id"] for row in (told.data or {}).values() if row), told


def _item(visit: Visit, words: Words, letter: Letter, seen: bool) -> dict[str, Any]:
    return {
        "letter": letter,
        "named": _named(letter),
        "title": _title(words, letter),
        "codes": [words.names.coordinate(code) for code in letter.codes if code not in DEADLINES],
        "failure": visit.say(_FAILURES[letter.failure]) if letter.failure in _FAILURES else _status(visit, letter),
        "row": letter.row_id if seen else None,
        "link": f"/duty/{letter.type_name}/{quote(letter.row_id, safe='')}",
    }


def _named(letter: Letter) -> str:
    """As a form names it: two systems of one unit that share a secret have one id for a message."""
    return f"{letter.target}/{letter.id}"


def _title(words: Words, letter: Letter) -> str:
    """What it tells of: a change of a row of a type, or a clock that ran out."""
    known = letter.type_name in TYPES and letter.type_name in words.view.type_map
    of = words.type(letter.type_name) if known else letter.type_name
    clock = next((DEADLINES[code] for code in letter.codes if code in DEADLINES), None)
    return of if clock is None else f"{of} · {clock.en if words.names.spoken == 'en' else clock.zh}"


def _status(visit: Visit, letter: Letter) -> str:
    return visit.say("letter_status", letter.failure.removeprefix("status "))
