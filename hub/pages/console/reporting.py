"""``/console/unusual``, ``/reviews``, ``/month``: what is worth a look, what was looked at, the month in figures."""

from __future__ import annotations

from datetime import date, timedelta

from hub.audit.contract import StoreError
from hub.audit.monthly import Monthly, monthly, reviews, workbook
from hub.audit.search import QuestionError, TooMuchError, too_much
from hub.audit.unusual import Hit
from hub.pages.console import asked
from hub.pages.console.names import Names
from hub.pages.console.overview import health
from hub.pages.console.ports import Ask, Console, View

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST = 92


async def unusual(console: Console, ask: Ask) -> View:
    """Unusual uses of some days."""
    until = ask.day("until") or console.today()
    since = ask.day("since") or until - timedelta(days=6)
    if since > until:
        raise QuestionError("since", "起始日期晚于截止日期", "the first day is after the last")
    if (until - since).days > LONGEST:
        raise QuestionError("since", f"一次最多查看 {LONGEST} 天", f"at most {LONGEST} days at once")
    context = {
        "hits": await _hits(console, since, until),
        "since": since.isoformat(),
        "until": until.isoformat(),
        "names": Names(policy=console.policy(), spoken=ask.spoken),
    }
    return View(template="unusual.html", context=context, facts=("page=unusual", f"since={since}", f"until={until}"))


async def reviewed(console: Console, ask: Ask) -> View:
    """The newest reviews."""
    until = console.today()
    found = await reviews(console.search, until - timedelta(days=92), until)
    return View(template="reviews.html", context={"reviews": found}, facts=("page=reviews",))


async def month(console: Console, ask: Ask) -> View:
    """The month's report, printable; as a workbook where the address ends in ``.xlsx``."""
    first = asked.month(str(ask.path.get("month") or ask.query.get("month") or console.today().strftime("%Y-%m")))
    report = await _report(console, first)
    names = Names(policy=console.policy(), spoken=ask.spoken)
    facts = ("page=month", f"month={first:%Y-%m}")
    if ask.path.get("month"):
        data = workbook(report, names.of)
        return View(download=(f"audit-{first:%Y-%m}.xlsx", XLSX, data), facts=(*facts, "file=xlsx"))
    context = {
        "report": report,
        "names": names,
        "health": await health(console),
        "month": first.strftime("%Y-%m"),
    }
    return View(template="month.html", context=context, facts=facts)


async def _hits(console: Console, since: date, until: date) -> list[Hit]:
    try:
        return await console.unusual.hits(since, until)
    except StoreError as error:
        if too_much(error):
            raise TooMuchError("the days hold too much to be looked through in time") from None
        raise


async def _report(console: Console, first: date) -> Monthly:
    try:
        return await monthly(console.search, console.unusual, first)
    except StoreError as error:
        if too_much(error):
            raise TooMuchError("the month holds too much to be looked through in time") from None
        raise
