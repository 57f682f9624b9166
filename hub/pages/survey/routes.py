"""``/survey/...`` -> the village's form and its submission, the town's and the district's part, and who is missing.

Guarantee: everything shown was answered by the pipeline to the unit itself, for the purpose of the survey.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.pages.desk_routes import Opened, Visit, at
from hub.pages.forms import Problem
from hub.pages.survey import steps
from hub.pages.survey.asking import TOWN, places, submissions, surveyor, today
from hub.pages.survey.board import Tile, tiles
from hub.pages.survey.sheet import SheetPages
from hub.pages.survey.village import village_page
from hub.quarters import at_hand, before, running
from hub.survey.register import UNIT, Node


def survey_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/survey``."""
    sheets = SheetPages()
    return [
        at(opened, "/", _overview),
        at(opened, "/progress", _progress),
        at(opened, "/template", sheets.template),
        at(opened, "/sheet", sheets.result),
        at(opened, "/sheet", sheets.send, "POST", with_file=True),
        at(opened, "/sheet/annotated", sheets.annotated),
        at(opened, "/sheet/enter", sheets.enter, "POST"),
        at(opened, "/beginSurvey", partial(steps.begin, step=steps.BEGIN), "POST"),
        at(opened, "/beginLastSurvey", partial(steps.begin, step=steps.BEGIN_LAST), "POST"),
        at(opened, "/{id}", steps.row_page),
        at(opened, "/{id}/{step}", steps.take, "POST"),
    ]


async def _overview(visit: Visit) -> Response:
    visit = surveyor(visit)
    if visit.session.credential.unit == UNIT:
        return await village_page(visit)
    quarter = _quarter(visit)
    found = await submissions(visit, quarter)
    board = tiles(places(visit), found, quarter, today(visit))
    of_town = visit.session.credential.unit == TOWN
    rows = {row["divisionCode"]: row for row in found}
    own = rows.get(str(visit.session.credential.division))
    lines = board[0].villages if of_town and board else [tile.line for tile in board]
    return visit.page(
        "survey/overview.html",
        **_frame(visit, quarter),
        of_town=of_town,
        own=own,
        own_path=_path(own),
        own_forms=_own_forms(visit, own, quarter) if of_town else (),
        unbegun=[line.name for tile in board for line in tile.unbegun] if of_town else (),
        lines=[(line, rows.get(line.division), _path(rows.get(line.division))) for line in lines],
    )


def _own_forms(visit: Visit, own: Node | None, quarter: str) -> list[dict[str, Any]]:
    """What the town may do of its own submission, of the running quarter or of the last one."""
    if own is not None:
        return steps.forms(visit, own)
    return [steps.form(visit, steps.BEGIN if quarter == running(today(visit)) else steps.BEGIN_LAST, None, {})]


def _path(row: Node | None) -> str:
    return f"/survey/{quote(row['id'], safe='')}" if row else ""


async def _progress(visit: Visit) -> Response:
    visit = surveyor(visit)
    if visit.session.credential.unit == UNIT:
        raise Problem(403, "no_progress")
    quarter = _quarter(visit)
    found = await submissions(visit, quarter)
    board = tiles(places(visit), found, quarter, today(visit))
    villages = [line for tile in board for line in tile.villages]
    of_town = visit.session.credential.unit == TOWN
    lines = [*(tile.line for tile in board), *villages]
    return visit.page(
        "survey/progress.html",
        **_frame(visit, quarter),
        board=[Tile(line=line) for line in lines] if of_town else board,
        towns=() if of_town else board,
        missing=[line for line in (lines if of_town else villages) if line.missing],
        villages=len(villages),
        submitted=sum(not line.missing for line in villages),
    )


def _frame(visit: Visit, quarter: str) -> dict[str, Any]:
    now = running(today(visit))
    return {"quarter": quarter, "quarters": (before(now), now)}


def _quarter(visit: Visit) -> str:
    """The quarter that is asked about: the last one or the running one."""
    now = running(today(visit))
    asked = visit.query.get("quarter", "")
    return asked if asked in {now, before(now)} else at_hand(today(visit))
