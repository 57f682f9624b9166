"""``/duty/held`` -> reports that the hub holds because the police system did not take them, to the police alone.

Guarantee: how many there are is told to who sends officers; what they say is shown only by the rights of who asks, with
its entry in the log before it, and nothing of them stands in an address.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from hub.errors import RefusalError
from hub.pages.desk_routes import Visit
from hub.pages.duty.shown import Words, length
from hub.pages.duty.waiting import steps_in
from hub.pages.forms import Problem


def _sends_officers(visit: Visit) -> bool:
    return any(step.name == "dispatch" for step in steps_in(visit.desk.seen(visit.session)))


async def notice(visit: Visit) -> dict[str, Any] | None:
    """How many reports have not come to the police, and how long the oldest has waited; None: there is none."""
    if visit.desk.held is None or not _sends_officers(visit):
        return None
    counts = await visit.desk.held.counts()
    if counts.first_at is None:
        return None
    waited = length(visit.names, visit.desk.clock() - counts.first_at)
    return {"waiting": counts.waiting, "refused": counts.refused, "waited": waited}


async def held_page(visit: Visit) -> Response:
    """What the reports say that the police system refused; raises ``Problem``."""
    if visit.desk.held is None or not _sends_officers(visit):
        raise Problem(404, "no_row")
    try:
        found, receipts = await visit.desk.held.shown(visit.desk.identity(visit.session))
    except RefusalError as error:
        await visit.desk.turned_away(visit.session.credential, error)
        raise Problem(403, "no_row") from None
    words, now = Words(view=visit.desk.seen(visit.session), names=visit.names), visit.desk.clock()
    items = [
        {
            "name": one.name[:8],
            "code": one.code,
            "waited": length(visit.names, now - one.first_at),
            "facts": None if one.row is None else list(words.of_row("MandatoryReport", one.row)),
        }
        for one in found
    ]
    return visit.page("duty/held.html", items=items, receipts=[receipt.as_json() for receipt in receipts])
