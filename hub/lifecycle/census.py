"""Domain model, 10 -> the step by which a census figure comes beside a published one, and what may be given there.

Guarantee: a figure is named by division, quarter and indicator, and is one that was published and lies in the writer's
scope; it is never replaced unseen. What is wrong is said of each member, in Chinese and English, before anything is
asked of the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from connectors.source import All, Column, Compare, Fetch, Param
from hub.errors import RefusalError
from hub.identity import PARKS
from hub.lifecycle.given import Given
from hub.lifecycle.step import Change, Step, actors
from hub.sources import Reading
from policies.policy import Policy

MOST: Final = 2_000_000
"""No figure of the district's children is larger: it has fewer inhabitants."""
NOBODY: Final = "-"
"""A key that no figure has."""

STEP: Final = Step(
    name="giveCensusFigure",
    zh="登记普查参考值",
    en="give a census or sample-survey figure beside a published one",
    cycle="census",
    clause="3.1.12",
    who=actors("statistics", "statistics_bureau"),
    subject="Statistic",
    named=("divisionCode", "quarter", "indicator"),
    replaces="censusReference",
    changes=(Change(relation="Statistic", needs=("censusReference",)),),
)

_Wrong = tuple[str, str, str]
"""Member, what is wrong with it in Chinese, in English."""


def check_figure(step: Step, given: Given, policy: Policy, quarter: str) -> None:
    """Returns if the figure could be one; INVALID_INPUT with all that is wrong. ``quarter``: the running one."""
    if step.name != STEP.name:
        return
    wrong = [*_division(str(given.named["divisionCode"]), policy), *_quarter(str(given.named["quarter"]), quarter)]
    wrong += [found for row in given.values.get("Statistic", ()) for found in _value(row.get("censusReference"))]
    if wrong:
        raise RefusalError(
            "INVALID_INPUT",
            f"`{step.name}`: {'; '.join(en for _, _, en in wrong)}",
            messageZh=f"{step.zh}：{'；'.join(zh for _, zh, _ in wrong)}",
            step=step.name,
            fields=[f"Statistic.{name}" for name, _, _ in wrong],
        )


def _division(code: str, policy: Policy) -> Iterator[_Wrong]:
    if code not in policy.divisions:
        yield "divisionCode", "没有这个地区代码", "no division of this district has the code `divisionCode`"
    elif len(code) > 9 or code.startswith(PARKS):
        yield "divisionCode", "只按区和镇街公布，不按村居和园区", "figures are of the district and its towns alone"


def _quarter(named: str, running: str) -> Iterator[_Wrong]:
    if named >= running:
        yield "quarter", f"{running}及以后的季度尚未结束", f"`quarter` is not over yet, the running one is `{running}`"


def _value(figure: Any) -> Iterator[_Wrong]:
    if not isinstance(figure, int) or not 0 <= figure <= MOST:
        yield "censusReference", f"参考值应为0至{MOST}的整数", f"`censusReference` is a whole number from 0 to {MOST}"


async def keyed(step: Step, given: Given, reading: Reading) -> Given:
    """The same, with the key of the row that is named, in scope or not; raises ``SourceError``."""
    if not step.named:
        return given
    fetch = Fetch(
        source="hub",
        relation=step.subject,
        columns=(Column(name="_key"),),
        where=All(tuple(Compare(name, "eq", Param(f"named.{name}")) for name in step.named)),
    )
    rows = await reading.fetch(fetch, {f"named.{name}": given.named[name] for name in step.named})
    return replace(given, key=rows[0][0] if rows else NOBODY)


def no_figure(step: Step) -> RefusalError:
    """A figure that was not published, and one that is out of scope, are told alike."""
    return RefusalError(
        "INVALID_INPUT",
        f"`{step.name}` names no published figure that is there for you: see `statistics` for which there are",
        messageZh="该地区、季度和指标没有已公布的数据，或不在您的办理范围；可先查询 statistics 核对",
        step=step.name,
        fields=[f"{step.subject}.{name}" for name in step.named],
    )


def replaced(step: Step, seen: Any, stands: Any, *, told: bool) -> RefusalError | None:
    """A conflict with both versions, if there stands something else than the writer saw."""
    if seen == stands:
        return None
    if not told:
        en, zh, facts = "something else than its writer saw stands there", "原值已被他人改动", {}
    else:
        en = f"was to replace {_word(seen)}, and {_word(stands)} stands there"
        zh = f"您看到的原值为{_word_zh(seen)}，现为{_word_zh(stands)}"
        facts = {"expected": seen, "current": stands}
    return RefusalError(
        "CONFLICT",
        f"`{step.name}` (clause {step.clause}): {en}",
        messageZh=f"{step.zh}（条款 {step.clause}）：{zh}，请核对后重新提交",
        step=step.name,
        clause=step.clause,
        **facts,
    )


def _word(value: Any) -> str:
    return "nothing" if value is None else f"`{value}`"


def _word_zh(value: Any) -> str:
    return "空" if value is None else f"“{value}”"
