"""Days of the log -> uses of it that somebody should look at, each explained: plain rules, thresholds in settings.

Guarantee: a hit accuses nobody; it names a rule, the figures behind it and entries where to begin. Authors of reports
are never looked at one by one. Night and holiday are those of Asia/Shanghai and of the calendar of public holidays,
weekends that are worked on included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from hub.audit.indexer import ZONE
from hub.audit.search import rows_of, span_of
from hub.audit.session import Connections
from hub.workdays import works

MOST: Final = 200
"""Hits of one rule that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From what on a use is unusual; ``always`` are units that work at any hour."""

    bulk_subjects: int = 500
    night_from: int = 22
    night_until: int = 6
    night_entries: int = 5
    caseless_children: int = 30
    refusals: int = 20
    refusal_minutes: int = 10
    same_child: int = 15
    undispatched_minutes: int = 30
    always: tuple[str, ...] = ("public_security_bureau",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One unusual use: ``entries`` are indexes of some of it, the newest first."""

    rule: str
    unit: str
    operator: str
    at: datetime
    count: int
    zh: str
    en: str
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: SQL over ``log.found`` that yields unit, operator, at, count and entries, and the words for a hit.

    ``{near}`` in it: that rows of ``log.named s`` are of the entries of these days. They know no time themselves.
    """

    name: str
    zh: str
    en: str
    query: str
    values: Callable[[Thresholds], Sequence[Any]]
    keeps: Callable[[Mapping[str, Any], Thresholds], bool] = lambda _row, _thresholds: True


_FROM = "from log.found f where f.at >= $1 and f.at < $2 and f.unit not like 'a-%' and f.unit <> 'auditor'"
_TOLD = (
    "min(f.unit) as unit, min(f.operator) as operator, max(f.at) as at, (array_agg(f.index order by f.index desc))[1:5]"
)

BULK = Rule(
    name="bulk",
    zh="一小时内查阅 {count} 份档案（阈值 {0}）",
    en="{count} records within one hour (threshold {0})",
    query=f"select {_TOLD} as entries, sum(f.subjects)::int as count {_FROM} and f.kind = 'disclosure'"
    " group by f.unit, f.operator, date_trunc('hour', f.at) having sum(f.subjects) >= $3",
    values=lambda t: [t.bulk_subjects],
)
NIGHT = Rule(
    name="night",
    zh="夜间或节假日查阅 {count} 次（阈值 {0}）",
    en="{count} reads at night or on a holiday (threshold {0})",
    query=f"select {_TOLD} as entries, count(*)::int as count, (f.at at time zone 'Asia/Shanghai')::date as day,"
    f" bool_or(extract(hour from f.at at time zone 'Asia/Shanghai') >= $4"
    f" or extract(hour from f.at at time zone 'Asia/Shanghai') < $5) as night {_FROM} and f.kind = 'disclosure'"
    " and not (f.unit = any ($6::text[])) group by f.unit, f.operator, (f.at at time zone 'Asia/Shanghai')::date,"
    " extract(hour from f.at at time zone 'Asia/Shanghai') >= $4"
    " or extract(hour from f.at at time zone 'Asia/Shanghai') < $5 having count(*) >= $3",
    values=lambda t: [t.night_entries, t.night_from, t.night_until, list(t.always)],
    keeps=lambda row, _thresholds: row["night"] or not works(row["day"]),
)
CASELESS = Rule(
    name="caseless",
    zh="一天内逐个查阅 {count} 名儿童且未填办案编号（阈值 {0}）",
    en="{count} children looked up one by one in a day without a case reference (threshold {0})",
    query=f"select {_TOLD} as entries, count(distinct s.names[1])::int as count from log.found f"
    " join log.named s on s.index = f.index and s.files = 1 and {near}"
    " where f.at >= $1 and f.at < $2 and f.unit not like 'a-%' and f.kind = 'disclosure' and f.case_ref = ''"
    " group by f.unit, f.operator, (f.at at time zone 'Asia/Shanghai')::date"
    " having count(distinct s.names[1]) >= $3",
    values=lambda t: [t.caseless_children],
)
REFUSALS = Rule(
    name="refusals",
    zh="十分钟内被拒绝 {count} 次（阈值 {0}）",
    en="{count} refusals within ten minutes (threshold {0})",
    query=f"select {_TOLD} as entries, count(*)::int as count {_FROM} and f.kind = 'refusal' and f.unit <> ''"
    " group by f.unit, f.operator, date_bin(make_interval(mins => $4), f.at, '2000-01-01') having count(*) >= $3",
    values=lambda t: [t.refusals, t.refusal_minutes],
)
SAME_CHILD = Rule(
    name="same_child",
    zh="同一经办人反复查阅同一儿童 {count} 次（阈值 {0}）",
    en="one operator at one child {count} times (threshold {0})",
    query=f"select {_TOLD} as entries, count(distinct f.index)::int as count"
    " from log.found f join log.named s on s.index = f.index and {near}"
    " cross join lateral unnest(s.names[1 : s.files]) as child"
    " where f.at >= $1 and f.at < $2 and f.unit not like 'a-%' and f.kind = 'disclosure' and f.operator <> ''"
    " and f.subjects <= 8 group by f.unit, f.operator, child having count(distinct f.index) >= $3",
    values=lambda t: [t.same_child],
)
UNDISPATCHED = Rule(
    name="undispatched",
    zh="报告已录入或已匹配、儿童档案已被查阅，但 {count} 分钟后仍无人出警（阈值 {0}）",
    en="a report was entered or matched, its child was read, and nobody sent after {count} minutes (threshold {0})",
    query="select f.unit, f.operator, f.at, array[f.index] as entries,"
    " (extract(epoch from least(now(), $2) - f.at) / 60)::int as count from log.found f"
    " join log.named s on s.index = f.index"
    " cross join lateral unnest(s.names[s.files + 1 : s.files + s.records]) as report"
    " where f.at >= $1 and f.at < $2 and f.kind = 'outcome' and 'MandatoryReport.child' = any (f.coordinates)"
    " and f.at < least(now(), $2) - make_interval(mins => $3)"
    " and exists (select from log.named d join log.found g on g.index = d.index where d.names && s.names[1 : s.files]"
    "   and g.kind = 'disclosure' and g.unit = f.unit and g.index > f.index)"
    " and not exists (select from log.named d join log.found g on g.index = d.index where d.names @> array[report]"
    "   and g.kind = 'outcome' and 'MandatoryReport.acceptedAt' = any (g.coordinates) and g.index >= f.index"
    "   and g.at < f.at + make_interval(mins => $3))",
    values=lambda t: [t.undispatched_minutes],
)
RULES: Final = (BULK, NIGHT, CASELESS, REFUSALS, SAME_CHILD, UNDISPATCHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """The rules, over the log."""

    connections: Connections
    thresholds: Thresholds

    async def hits(self, since: date, until: date) -> list[Hit]:
        """The hits of the days from ``since`` to ``until``, both included, the newest first; or ``TooMuchError``."""
        span = (_midnight(since), _midnight(until + timedelta(days=1)))
        low, high = await span_of(self.connections, since, until)
        near = f"s.index >= {low} and s.index < {high}"
        found = [hit for rule in RULES for hit in await self._of(rule, rule.query.replace("{near}", near), span)]
        return sorted(found, key=lambda hit: hit.at, reverse=True)

    async def _of(self, rule: Rule, query: str, span: tuple[datetime, datetime]) -> list[Hit]:
        values = rule.values(self.thresholds)
        rows = await rows_of(self.connections, f"{query} order by at desc limit {MOST}", *span, *values)
        return list(self._told(rule, rows, values))

    def _told(self, rule: Rule, rows: Sequence[Any], values: Sequence[Any]) -> Iterator[Hit]:
        for row in rows:
            if rule.keeps(row, self.thresholds):
                yield Hit(
                    rule=rule.name,
                    unit=row["unit"],
                    operator=row["operator"],
                    at=row["at"],
                    count=row["count"],
                    zh=rule.zh.format(*values, count=row["count"]),
                    en=rule.en.format(*values, count=row["count"]),
                    entries=tuple(row["entries"]),
                )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)
