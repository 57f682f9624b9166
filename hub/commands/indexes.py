"""Settings -> the indexes that departments lack: asked of each catalogue, told with what they cost.

Guarantee: nothing is changed in a department; what is printed is for its administrator to run, or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from connectors.advice import Advice, Findings, advise
from connectors.catalogue import stored
from connectors.demand import Asked, every
from connectors.mapping import Mapping as SourceMapping
from connectors.postgres import PostgresSource
from connectors.source import SourceError
from hub.indexing import asked
from hub.service import open_sources, read_policy
from hub.settings import Settings

WHY = {
    "key": "键 key",
    "relation": "关联 relation",
    "scope": "范围 scope",
    "clock": "时限 clock",
    "step": "办理 step",
    "filter": "筛选 filter",
    "order": "排序 order",
}
"""Who asks, in words."""
SHOWN = 4
"""Reasons that are named of one index; more are counted."""
MEGABYTE = 1_000_000


async def findings(settings: Settings, *, least: int) -> Mapping[str, Findings]:
    """Source that answers -> what it lacks."""
    sources = open_sources(settings)
    try:
        adopted = {name: source for name, source in sources.items() if isinstance(source, PostgresSource)}
        wanted = asked(read_policy(settings), {name: source.mapping for name, source in adopted.items()})
        found = {name: await _findings(source, wanted[name], least) for name, source in adopted.items()}
    finally:
        await asyncio.gather(*(source.close() for source in sources.values()))
    return {name: one for name, one in found.items() if one is not None}


async def _findings(source: PostgresSource, wanted: Iterable[Asked], least: int) -> Findings | None:
    demands = every(wanted, source.mapping)
    try:
        tables = await stored(source, (demand.table for demand in demands))
    except SourceError:
        return None  # said once already: that it does not answer
    return advise(demands, tables, least=least)


def told(source: str, found: Findings, mapping: SourceMapping) -> Iterator[str]:
    """The findings of a source, line by line."""
    for advice in found.advice:
        yield f"{source}: {_wanted(advice, mapping)}"
        for statement in advice.statements:
            yield f"  {statement};"
    if found.uncounted:
        names = ", ".join(f"`{name}`" for name in found.uncounted)
        yield f"{source}: 未统计，请先执行 ANALYZE；never analysed, so nothing is said of {names}"
    if found.small:
        names = ", ".join(f"`{name}` ({rows:,})" for name, rows in found.small)
        yield f"{source}: 表小，无需索引 too small to need an index: {names}"
    if not found.advice and not found.uncounted:
        yield f"{source}: 索引齐全 no index is lacking"


def _wanted(advice: Advice, mapping: SourceMapping) -> str:
    """What for, of how many rows, and what it costs to keep."""
    size = advice.size / MEGABYTE
    space = f"{size:,.0f} MB" if size >= 1 else f"{size:.1f} MB"
    return (
        f"缺索引 an index is lacking on `{advice.table}`，约 {advice.rows:,} 行 rows，"
        f"占用约 {space}，{_writes(advice, mapping)}；用于 for {_reasons(advice.asked)}"
    )


def _writes(advice: Advice, mapping: SourceMapping) -> str:
    """What it costs each write: a new row always, a change only of what it holds."""
    changed = sorted(
        {
            relation.columns[name].place.column
            for relation in mapping.relations.values()
            if relation.table == advice.table and relation.writes is not None
            for name in relation.writes.update
        }
        & set(advice.columns)
    )
    if not changed:
        return "每新增一行多写一次 one more write for each new row"
    names = ", ".join(f"`{name}`" for name in changed)
    return f"每新增一行或改动 {names} 多写一次 one more write for each new row and each change of it"


def _reasons(reasons: Iterable[Asked]) -> str:
    named = list(dict.fromkeys(f"{WHY[one.why]} `{one.name}`" for one in reasons))
    rest = f"，另有 {len(named) - SHOWN} 项 and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + rest
