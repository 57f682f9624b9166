"""``hub survey``: the form of a village written, and a filled one checked and entered as its draft of the quarter."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from hub.commands.client import Question, ask
from hub.commands.demo import progress_bars
from hub.commands.log_acts import TOKEN
from hub.commands.outcome import MISCONFIGURED, Failure, err, out, outcomes, settings_of
from hub.commands.principals import check_unit, dev_token
from hub.identity import PARKS
from hub.quarters import QUARTER, running
from hub.service import read_policy
from hub.settings import Settings
from hub.survey.check import Checked, check
from hub.survey.drafts import Drafts, StepError
from hub.survey.form import BY_NAME
from hub.survey.progress import QUERY as PROGRESS
from hub.survey.progress import Line, progress
from hub.survey.reading import Sheet, SheetError, read
from hub.survey.register import PURPOSE, QUERY, UNIT, owns, page, row
from hub.survey.storing import store
from hub.survey.workbook import Heading, annotated, template, where

Village = Annotated[str, typer.Option(help="Code of the village or community, 12 digits.")]
Url = Annotated[str | None, typer.Option(help="The hub's URL (default: the one in the settings).")]
SHOWN = 20
"""Problems that are listed on the terminal; the annotated sheet has them all."""


def add(app: typer.Typer) -> None:
    """Adds ``survey``."""
    group = typer.Typer(no_args_is_help=True, help="The quarterly survey's form. 季度摸底排查登记表。")
    group.command(name="template")(_template)
    group.command(name="import")(_import)
    group.command(name="progress")(_progress)
    app.add_typer(group, name="survey")


def _template(
    context: typer.Context,
    village: Village,
    to: Annotated[Path | None, typer.Option(help="File to write (default: `<village>-<quarter>.xlsx`).")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Without the files that the village has already.")] = False,
    url: Url = None,
) -> None:
    """Write the form of a village, filled in with the files that it has. 生成登记表模板。

    The files come from a running hub, by the village's own rights (a token in $HUB_TOKEN, else the dev issuer's).

    Exit codes: 0 written; 1 refused; 2 no hub there, no such village, a file that cannot be written.
    """
    with outcomes():
        settings = settings_of(context)
        quarter = running(_today(settings))
        name = _name(settings, village)
        children = [] if empty else _own(settings, village, url)
        file = to or Path(f"{village}-{quarter}.xlsx")
        file.write_bytes(
            template(Heading(village=village, name=name, quarter=quarter), [row(child) for child in children])
        )
        out.print(f"已写入 written: {file}（{len(children):,} 名儿童 children）", markup=False)


def _import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The filled form: xlsx, xls, ods or CSV (UTF-8, GB 18030).")],
    village: Village,
    to: Annotated[Path | None, typer.Option(help="Annotated sheet to write (default: `<file>-检查结果.xlsx`).")] = None,
    accept_good: Annotated[bool, typer.Option("--accept-good", help="Enter the rows that pass, leave the others.")] = (
        False
    ),
    prepared_by: Annotated[
        str | None, typer.Option(help="Who filled in the form; without it the form is checked, and nothing entered.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no hub: check alone, without duplicates among the village's files.")
    ] = False,
    url: Url = None,
) -> None:
    """Check a filled form, and enter it as the village's draft of the running quarter. 检查并录入登记表。

    Every cell, every row, and duplicates in it and among the village's own files are checked; the answer is the same
    sheet with what is wrong in it. With --prepared-by rows are entered: all if every one passes, those that pass with
    --accept-good, otherwise none. Broken off, the same command enters what is left. It stays a draft until the village
    submits.

    Exit codes: 0 every row passes, and is entered; 1 rows have problems, or refused; 2 a file that cannot be read, or
    no hub there.
    """
    with outcomes():
        settings = settings_of(context)
        _name(settings, village)
        sheet = _read(file)
        own = [] if offline else _own(settings, village, url)
        with progress_bars() as report:
            checked = check(sheet, village=village, own=owns(own), day=_today(settings), progress=report)
        _tell(sheet, checked, to or file.with_name(f"{file.stem}-检查结果.xlsx"))
        if prepared_by is not None and not offline and (checked.passed or accept_good):
            drafts = partial(Drafts, own={child["id"]: child for child in own}, prepared_by=prepared_by)
            entering = partial(store, checked, village=village, accept_good=accept_good)
            _enter(drafts, entering, _village(settings, village, url), running(_today(settings)))
        if not checked.passed:
            raise typer.Exit(1)


def _read(file: Path) -> Sheet:
    try:
        return read(file)
    except SheetError as error:
        raise Failure(f"`{file.name}`: {error}", MISCONFIGURED) from None


def _enter(
    drafts: Callable[..., Drafts], entering: Callable[..., Coroutine[Any, Any, int]], village: _Unit, quarter: str
) -> None:
    with progress_bars() as report:
        steps = drafts(ask=village.ask, run=secrets.token_hex(8), progress=report)
        try:
            stored = asyncio.run(entering(steps, quarter=quarter))
        except StepError as error:
            where = "" if error.row is None else f"第{error.row + 1}行 row {error.row + 1}: "
            words = f"{where}{error.message_zh}（{error.code}: {error}）"
            raise Failure(f"{words}\n已录入的保留为草稿，改正后重新执行即可 what was entered stays a draft") from None
    out.print(f"已录入 entered: {stored:,} 行 rows（{quarter} 草稿 draft）", markup=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A unit that asks a running hub."""

    url: str
    token: str = field(repr=False)

    async def ask(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The hub's answer; raises ``Failure`` if there is no hub."""
        return await asyncio.to_thread(self.asked, document, variables)

    def asked(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same, waited for."""
        return ask(self.url, Question(query=document, token=self.token, purpose=PURPOSE, variables=dict(variables)))[1]


def _village(settings: Settings, village: str, url: str | None) -> _Unit:
    token = os.environ.get(TOKEN) or dev_token(settings, UNIT, purposes=(PURPOSE,), division=village, operator="cli")
    return _Unit(url=url or f"http://{settings.host}:{settings.port}", token=token)


def _progress(
    context: typer.Context,
    town: Annotated[str | None, typer.Option(help="Code of a town, 9 digits: ask as the town (default: district).")] = (
        None
    ),
    quarter: Annotated[str | None, typer.Option(help="As 2026Q4 (default: the running one).")] = None,
    url: Url = None,
) -> None:
    """List the towns and villages whose survey is missing, with how many working days they are late. 摸排进度。

    Exit codes: 0 nobody is missing; 1 somebody is, or refused; 2 no hub there, no such town.
    """
    with outcomes():
        settings = settings_of(context)
        day = _today(settings)
        if quarter is not None and not QUARTER.fullmatch(quarter):
            raise Failure(f"`{quarter}` is no quarter: write it as 2026Q4", MISCONFIGURED)
        policy, unit = read_policy(settings), "town_government" if town else "civil_affairs_bureau"
        check_unit(policy, unit, town, None)
        names = {
            code: one.name
            for code, one in policy.divisions.items()
            if len(code) > 6 and code.startswith(town or "") and not code.startswith(PARKS)
        }
        token = os.environ.get(TOKEN) or dev_token(settings, unit, purposes=(PURPOSE,), division=town, operator="cli")
        asking = _Unit(url=url or f"http://{settings.host}:{settings.port}", token=token)
        lines = progress(names, _submissions(asking, quarter or running(day)), quarter or running(day), day)
        if _missing(lines):
            raise typer.Exit(1)


def _submissions(unit: _Unit, quarter: str) -> Iterator[Mapping[str, Any]]:
    after: str | None = None
    while True:
        found = _given(unit.asked(PROGRESS, {"quarter": quarter, "after": after}))["surveySubmissions"]
        yield from (edge["node"] for edge in found["edges"])
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return


def _missing(lines: Sequence[Line]) -> int:
    missing = [line for line in lines if line.missing]
    table = Table()
    for title in ("代码 code", "名称 name", "状态 state", "应报 due", "逾期工作日 days late"):
        table.add_column(title, overflow="fold")
    for line in missing:
        table.add_row(line.division, line.name, line.words, line.due.isoformat(), str(line.late))
    if missing:
        out.print(table)
    out.print(f"{len(lines) - len(missing):,} 已报送 submitted，{len(missing):,} 未报送 missing", markup=False)
    return len(missing)


def _tell(sheet: Sheet, checked: Checked, to: Path) -> None:
    bad = checked.rows - len(checked.good)
    out.print(f"{checked.rows:,} 行 rows：{len(checked.good):,} 行通过 pass，{bad:,} 行有误 fail", markup=False)
    if not checked.problems:
        return
    table = Table()
    for title in ("单元格 cell", "列 column", "问题 wrong", "更正 right"):
        table.add_column(title, overflow="fold")
    for problem in checked.problems[:SHOWN]:
        column = BY_NAME[problem.column].header
        table.add_row(where(sheet, problem.row, problem.column), column, problem.fault.wrong, problem.fault.right)
    out.print(table)
    to.write_bytes(annotated(sheet, checked))
    out.print(f"共 {len(checked.problems):,} 处 problems，标注见 annotated sheet: {to}", markup=False)


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()


def _name(settings: Settings, village: str) -> str:
    policy = read_policy(settings)
    check_unit(policy, UNIT, village, None)
    return policy.divisions[village].name


def _own(settings: Settings, village: str, url: str | None) -> list[Mapping[str, Any]]:
    """The village's own files, page by page."""
    asking = _village(settings, village, url)
    found: list[Mapping[str, Any]] = []
    after: str | None = None
    while True:
        answer = asking.asked(QUERY, {"after": after})
        _given(answer)
        nodes, after = page(answer)
        found += nodes
        if after is None:
            return found


def _given(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of an answer that has no error."""
    if answer.get("errors") or not isinstance(answer.get("data"), dict):
        for error in answer.get("errors", ()):
            err.print(f"hub: {error.get('message')}", markup=False)
        raise Failure("the hub did not give what was asked")
    data: Mapping[str, Any] = answer["data"]
    return data
