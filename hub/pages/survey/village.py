"""A village -> its page: how its survey stands, its form to download and to send back, and the step that submits.

Guarantee: last quarter's survey stands there as long as it is not accepted, before the running one's: it is the one
that is late.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from hub.lifecycle.step import Step
from hub.pages.desk_routes import Visit
from hub.pages.survey.asking import submissions, today, village
from hub.pages.survey.kept import Sheets
from hub.pages.survey.steps import BEGIN, BEGIN_LAST, form, forms
from hub.quarters import EDITABLE, FROZEN, at_hand, before, entered, running
from hub.survey.progress import PENDING, WORDS, WORDS_EN, due_day
from hub.survey.register import Node
from hub.workdays import workdays_between

_OVERDUE: Final = "{ me { overdue { division quarter } } }"


async def village_page(visit: Visit, status: int = 200, *, failed: str = "") -> Response:
    """The page; ``failed``: what was wrong with a file that was just sent."""
    visit, _ = village(visit)
    day = today(visit)
    quarter = running(day)
    found = await submissions(visit, quarter, before(quarter))
    by_quarter = {one["quarter"]: one for one in found}
    last = by_quarter.get(before(quarter))
    shown = [before(quarter)] if await _stands(visit, last, before(quarter)) else []
    goes_with = entered(found, quarter)
    kept = await Sheets(connections=visit.desk.sessions.connections).find(visit.cookie)
    return visit.page(
        "survey/village.html",
        status,
        surveys=[
            *(_survey(visit, one, last, day, BEGIN_LAST) for one in shown),
            _survey(visit, quarter, by_quarter.get(quarter), day, BEGIN),
        ],
        writable=goes_with is None or goes_with["status"] in EDITABLE,
        failed=failed,
        kept=kept is not None,
    )


async def _stands(visit: Visit, last: Node | None, quarter: str) -> bool:
    """Whether something is left to do of the last quarter; of one that was never begun, while its days run, or if it is
    missed."""
    if last is not None:
        return bool(last["status"] != FROZEN)
    if at_hand(today(visit)) == quarter:
        return True
    told = await visit.desk.ask(visit.session, _OVERDUE)
    overdue = (told.data or {}).get("me", {}).get("overdue") or ()
    return any(one["division"] and one["quarter"] == quarter for one in overdue)


def _survey(visit: Visit, quarter: str, row: Node | None, day: date, begin: Step) -> dict[str, Any]:
    due, status = due_day(quarter, "VILLAGE"), row["status"] if row else ""
    late = max(workdays_between(due, day), 0) if status in PENDING else 0
    return {
        "quarter": quarter,
        "state": visit.pick((WORDS[status], WORDS_EN[status])),
        "row": row,
        "due": due,
        "late": late,
        "forms": [form(visit, begin, None, {})] if row is None else forms(visit, row),
        "path": f"/survey/{quote(row['id'], safe='')}/" if row else "/survey/",
    }
