"""``/statistics/...`` -> charts and tables of published figures, a workbook of them, and the census figure's form.

Guarantee: everything shown was answered by the pipeline to the unit itself, and the page names the entries of the log;
whoever reads no figures under its purpose is told which purposes open them. A census figure is given as any client
gives it, and a conflict shows what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.lifecycle.census import STEP
from hub.pages.desk import Told
from hub.pages.desk_routes import Opened, Visit, at
from hub.pages.duty.fields import document_of, hidden_of, input_of
from hub.pages.duty.routes import message
from hub.pages.duty.waiting import fields, steps_in
from hub.pages.forms import Problem
from hub.pages.layout import HEADERS, instant
from hub.pages.statistics.charts import WIDTH, Number, bars, line
from hub.pages.statistics.figures import (
    ROOT,
    Choice,
    Figure,
    Figures,
    chosen,
    look,
    offered_divisions,
    offered_indicators,
)
from hub.pages.statistics.sheet import XLSX, Headings, Table, workbook
from hub.pages.words import word

_UNITS: Final = (("_RATE", "percent_unit"), ("_MINUTES", "minutes_unit"), ("_HOURS", "hours_unit"))
HOME: Final = "/statistics/"


def statistics_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/statistics``."""
    return [
        at(opened, "/", _page),
        at(opened, "/figures.xlsx", _workbook),
        at(opened, "/census", _census),
        at(opened, "/census", _give, "POST"),
    ]


async def _page(visit: Visit) -> Response:
    if not _opens(visit):
        return visit.page("statistics/closed.html", 403, purposes=_purposes(visit))
    found = await look(visit, chosen(visit))
    indicators, divisions = offered_indicators(visit), dict(offered_divisions(visit))
    choice, unit = found.choice, word(_unit(found.choice.indicator), visit.spoken)
    # The district is as large as all its towns together: beside them no bar but its own could be read.
    towns = [figure for figure in found.divisions if len(figure.division) > 6] or found.divisions
    by_division = [_number(visit, figure, divisions.get(figure.division, figure.division)) for figure in towns]
    over_time = [_number(visit, figure, figure.quarter) for figure in found.trend]
    return visit.page(
        "statistics/page.html",
        200 if found.failed is None else found.failed.status,
        found=found,
        failed=None if found.failed is None else message(found.failed, visit),
        indicators=indicators,
        divisions=divisions,
        shown=indicators[choice.indicator],
        place=divisions.get(choice.division, choice.division),
        unit=unit,
        width=WIDTH,
        bars=bars(by_division),
        line=line(over_time),
        query=urlencode({"indicator": choice.indicator, "division": choice.division, "quarter": choice.quarter}),
        named=lambda figure: _named(visit, indicators, figure),
        number=lambda figure: _text(visit, figure),
        link=lambda figure: _link(figure) if _gives(visit) else "",
    )


def _opens(visit: Visit) -> bool:
    """Whether the purpose chosen opens figures."""
    view = visit.desk.seen(visit.session)
    return view.query_type is not None and ROOT in view.query_type.fields and "value" in fields(view, "Statistic")


def _purposes(visit: Visit) -> list[str]:
    """Purposes of the visitor under which figures are open."""
    held = visit.desk.purposes(visit.session.credential)
    return [name for name in held if _opens(replace(visit, session=replace(visit.session, purpose=name)))]


def _gives(visit: Visit) -> bool:
    return STEP in steps_in(visit.desk.seen(visit.session))


def _named(visit: Visit, indicators: Mapping[str, str], figure: Figure) -> str:
    """An indicator with what it counts."""
    return f"{indicators[figure.indicator]} ({_say(visit, _unit(figure.indicator))})"


def _unit(indicator: str) -> str:
    return next((unit for ending, unit in _UNITS if indicator.endswith(ending)), "people_unit")


def _number(visit: Visit, figure: Figure, label: str) -> Number:
    return Number(label=label, value=figure.value, text=_text(visit, figure), mark=figure.census)


def _text(visit: Visit, figure: Figure) -> str:
    return word("hidden", visit.spoken) if figure.value is None else f"{figure.value:,.12g}"


def _link(figure: Figure) -> str:
    named = {"division": figure.division, "quarter": figure.quarter, "indicator": figure.indicator}
    return f"{HOME}census?{urlencode(named)}"


async def _workbook(visit: Visit) -> Response:
    if not _opens(visit):
        raise Problem(403, "no_statistics")
    found = await look(visit, chosen(visit))
    if found.failed is not None:
        raise Problem(found.failed.status, "source_down")
    choice = found.choice
    name = f"statistics-{choice.division}-{choice.indicator.lower()}-{choice.quarter or 'none'}.xlsx"
    data = workbook(_tables(visit, found), _say(visit, "notes_sheet"), _notes(visit, found), _headings(visit))
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=XLSX, headers=headers)


def _say(visit: Visit, key: str, *values: object) -> str:
    return word(key, visit.spoken, *values)


def _headings(visit: Visit) -> Headings:
    keys = ("figure", "state", "census", "published_state", "hidden_state", "hidden_mark")
    names = ("figure", "state", "census", "published", "hidden", "mark")
    return Headings(**{name: _say(visit, key) for name, key in zip(names, keys, strict=True)})


def _tables(visit: Visit, found: Figures) -> list[Table]:
    indicators, divisions = offered_indicators(visit), dict(offered_divisions(visit))
    choice, shown = found.choice, offered_indicators(visit)[found.choice.indicator]
    place = divisions.get(choice.division, choice.division)

    def table(sheet: str, title: str, first: str, label: Any, figures: Sequence[Figure]) -> Table:
        return Table(
            name=_say(visit, f"{sheet}_sheet"), title=title, first=_say(visit, first), label=label, figures=figures
        )

    return [
        table(
            "divisions",
            _say(visit, "by_division", shown, choice.quarter),
            "division",
            lambda figure: divisions.get(figure.division, figure.division),
            found.divisions,
        ),
        table("trend", _say(visit, "trend", shown, place), "quarter_word", lambda figure: figure.quarter, found.trend),
        table(
            "indicators",
            _say(visit, "every_indicator", place, choice.quarter),
            "indicator",
            lambda figure: _named(visit, indicators, figure),
            found.indicators,
        ),
    ]


def _notes(visit: Visit, found: Figures) -> list[tuple[str, str]]:
    choice, credential = found.choice, visit.session.credential
    invented = [(_say(visit, "notes_sheet"), _say(visit, "invented"))] if visit.desk.invented else []
    return [
        *invented,
        (_say(visit, "quarter_word"), choice.quarter),
        (_say(visit, "division"), dict(offered_divisions(visit)).get(choice.division, choice.division)),
        (_say(visit, "indicator"), offered_indicators(visit)[choice.indicator]),
        (_say(visit, "in_unit", "").strip("：: "), _say(visit, _unit(choice.indicator))),
        (_say(visit, "rule"), _say(visit, "rule_words")),
        (_say(visit, "asked_by"), f"{visit.names.unit(credential.key)} · {visit.names.purpose(visit.session.purpose)}"),
        (_say(visit, "made_at"), instant(visit.desk.clock(), visit.spoken)),
        *((_say(visit, "entry_number"), entry) for entry in found.entries),
    ]


async def _census(visit: Visit) -> Response:
    if not _gives(visit):
        raise Problem(403, "not_your_step")
    return await _form(visit, chosen(visit), typed="", failed=None)


async def _form(visit: Visit, choice: Choice, *, typed: str, failed: Told | None) -> Response:
    """The form, with what stands there now."""
    found = await look(visit, choice)
    figure = next((each for each in found.trend if each.quarter == choice.quarter), None)
    if figure is None:
        raise Problem(404, "no_figures")
    held = {"divisionCode": figure.division, "quarter": figure.quarter, "indicator": figure.indicator}
    seen = {} if figure.census is None else {"expected": str(figure.census)}
    return visit.page(
        "statistics/census.html",
        200 if failed is None else failed.status,
        figure=figure,
        shown=offered_indicators(visit)[figure.indicator],
        place=dict(offered_divisions(visit)).get(figure.division, figure.division),
        number=_text(visit, figure),
        hidden=hidden_of(visit.desk.seen(visit.session), STEP, {**held, **seen}),
        typed=typed,
        failed=None if failed is None else message(failed, visit),
        step=STEP,
        back=_back(choice),
    )


def _back(choice: Choice) -> str:
    named = {"indicator": choice.indicator, "division": choice.division, "quarter": choice.quarter}
    return f"{HOME}?{urlencode(named)}"


async def _give(visit: Visit) -> Response:
    if not _gives(visit):
        raise Problem(403, "not_your_step")
    view, given = visit.desk.seen(visit.session), {name: [value] for name, value in visit.pairs}
    told = await visit.desk.ask(visit.session, document_of(view, STEP), {"input": input_of(view, STEP, given)})
    choice = Choice(
        indicator=given.get("indicator", [""])[0],
        division=given.get("divisionCode", [""])[0],
        quarter=given.get("quarter", [""])[0],
    )
    if told.data is None or told.data[STEP.name] is None:
        if choice.indicator not in offered_indicators(visit):
            raise Problem(400, "bad_form")
        return await _form(visit, choice, typed=given.get("censusReference", [""])[0], failed=told)
    taken = told.data[STEP.name]
    receipts = [told.extensions.get("receipt"), *told.extensions.get("written", ())]
    return visit.page(
        "statistics/given.html",
        step=STEP,
        again=taken["again"],
        receipts=[receipt for receipt in receipts if receipt],
        back=_back(choice),
    )
