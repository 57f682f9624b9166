"""``/console/``: what happened today and lately, whether the log can be trusted, and the question that matters most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.audit.search import Count
from hub.pages.console.names import Names
from hub.pages.console.ports import Ask, Console, View

SPANS = {"today": 0, "days_7": 6, "days_30": 29}
"""Word -> days before today with which the span begins."""
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart: ``share`` of the longest, 0 to 100."""

    name: str
    count: int
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the log is; ages in seconds."""

    size: int
    indexed: int
    head: datetime | None
    cosigned: datetime | None
    standing: str
    verified: datetime | None
    good: bool
    bad: int | None
    reason: str


async def overview(console: Console, ask: Ask) -> View:
    """The first page."""
    span = ask.query.get("span", "days_7")
    span = span if span in SPANS else "days_7"
    today = console.today()
    counts = await console.search.counts(today - timedelta(days=SPANS[span]), today)
    names = Names(policy=console.policy(), spoken=ask.spoken)
    given = [count for count in counts if count.kind == "disclosure"]
    context = {
        "span": span,
        "spans": list(SPANS),
        "figures": _figures(counts),
        "charts": {
            "by_unit": bars((names.unit(count.unit), count.count) for count in given),
            "by_purpose": bars((names.purpose(count.purpose), count.count) for count in given),
            "by_sensitivity": bars((count.sensitivity or "—", count.count) for count in given),
        },
        "health": await health(console),
    }
    return View(template="overview.html", context=context, facts=("page=overview", f"span={span}"))


def _figures(counts: Sequence[Count]) -> dict[str, int]:
    by_kind: Counter[str] = Counter()
    for count in counts:
        by_kind[count.kind] += count.count
    asked = by_kind["disclosure"] + by_kind["refusal"] + by_kind["failure"]
    return {
        "requests": asked,
        "disclosures": by_kind["disclosure"],
        "refusals": by_kind["refusal"],
        "failures": by_kind["failure"],
    }


def bars(found: Iterable[tuple[str, int]]) -> list[Bar]:
    """The longest bars, the rest under one."""
    counts: Counter[str] = Counter()
    for name, count in found:
        counts[name] += count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[SHOWN:])
    shown = [*ordered[:SHOWN], *([("…", rest)] if rest else [])]
    longest = max((count for _, count in shown), default=1)
    return [Bar(name=name, count=count, share=max(1, round(100 * count / longest))) for name, count in shown]


async def health(console: Console) -> Health:
    """What the log and its witnesses say of themselves."""
    backlog = await console.reader.backlog()
    verification = await console.reader.verification()
    return Health(
        size=backlog.size,
        indexed=await console.search.position(),
        head=await console.reader.signed_at(),
        cosigned=await console.reader.cosigned(),
        standing=console.age.standing,
        verified=verification.at if verification else None,
        good=verification is None or verification.good,
        bad=verification.bad if verification else None,
        reason=verification.reason if verification else "",
    )
