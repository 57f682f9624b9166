"""A month of the log -> the auditors' report of it, as data and as a workbook: counts, unusual uses, reviews, health.

Guarantee: the figures are those that the console shows, from the same questions; no number of a child is in them.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import xlsxwriter

from hub.audit.contract import Verification
from hub.audit.search import Count, Question, Search
from hub.audit.unusual import Hit, Unusual


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A review: of which entry, by whom, with which mark and words."""

    index: int
    of: str
    operator: str
    at: str
    mark: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """The report of the month that begins on ``first``."""

    first: date
    last: date
    size: int
    counts: tuple[Count, ...]
    hits: tuple[Hit, ...]
    reviews: tuple[Reviewed, ...]
    verification: Verification | None

    def by(self, *names: str) -> list[tuple[tuple[str, ...], int]]:
        """Counts by some of their parts, the largest first."""
        found: Counter[tuple[str, ...]] = Counter()
        for count in self.counts:
            found[tuple(getattr(count, name) for name in names)] += count.count
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))


async def monthly(search: Search, unusual: Unusual, first: date) -> Monthly:
    """The report of the month in which ``first`` lies."""
    first = first.replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return Monthly(
        first=first,
        last=last,
        size=await search.position(),
        counts=tuple(await search.counts(first, last)),
        hits=tuple(await unusual.hits(first, last)),
        reviews=tuple(await reviews(search, first, last)),
        verification=await search.reader.verification(),
    )


async def reviews(search: Search, since: date, until: date, *, most: int = 500) -> list[Reviewed]:
    """The newest reviews of these days."""
    page = await search.entries(Question(kind="review", since=since, until=until), page=most)
    found: list[Reviewed] = []
    for row in page.rows:
        for fields in await search.fields(row.index):
            facts = dict(fact.partition("=")[::2] for fact in fields["facts"])
            found.append(
                Reviewed(
                    index=row.index,
                    of=facts.get("of", ""),
                    operator=fields["operator"],
                    at=fields["at"],
                    mark=facts.get("mark", ""),
                    note=" ".join(fields["notes"]),
                )
            )
    return found


Words = Callable[[str, str], str]
"""(kind of word, code) -> how officials read it."""


def workbook(report: Monthly, words: Words) -> bytes:
    """The report as an Excel workbook."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bg_color": "#E8EEF4"})
    for name, head, rows in _sheets(report, words):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, head, bold)
        for number, row in enumerate(rows, 1):
            sheet.write_row(number, 0, row)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
    book.close()
    return buffer.getvalue()


def _health(report: Monthly) -> list[Sequence[Any]]:
    verified = report.verification
    return [
        ("报告月份 month", report.first.strftime("%Y-%m")),
        ("日志条数 entries", report.size),
        ("最近全量核验 last verification", verified.at.isoformat(timespec="seconds") if verified else "无 none"),
        ("核验结果 result", ("通过 good" if verified.good else f"第 {verified.bad} 条异常 bad") if verified else ""),
    ]


def _sheets(report: Monthly, words: Words) -> list[tuple[str, Sequence[str], list[Sequence[Any]]]]:
    return [
        ("概况", ("项目 item", "值 value"), _health(report)),
        (
            "按单位",
            ("单位 unit", "类型 kind", "结果 decision", "次数 count"),
            [
                (words("unit", unit), words("kind", kind), words("decision", decision), count)
                for (unit, kind, decision), count in report.by("unit", "kind", "decision")
            ],
        ),
        (
            "按目的和敏感级别",
            ("目的 purpose", "级别 sensitivity", "次数 count"),
            [
                (words("purpose", purpose), level, count)
                for (purpose, level), count in report.by("purpose", "sensitivity")
            ],
        ),
        (
            "异常使用",
            ("时间 at", "单位 unit", "经办人 operator", "情况 what", "条目 entries"),
            [
                (_second(hit), words("unit", hit.unit), hit.operator, hit.zh, ", ".join(map(str, hit.entries)))
                for hit in report.hits
            ],
        ),
        (
            "复核",
            ("时间 at", "复核人 auditor", "结论 mark", "所复核记录 entry", "说明 note"),
            [(each.at, each.operator, words("mark", each.mark), each.of, each.note) for each in report.reviews],
        ),
    ]


def _second(hit: Hit) -> str:
    return hit.at.isoformat(timespec="seconds")
