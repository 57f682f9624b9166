"""``hub survey``: the form of a village written, and a filled one checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime
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
from hub.service import read_policy
from hub.settings import Settings
from hub.survey.check import Checked, check
from hub.survey.form import BY_NAME
from hub.survey.reading import Sheet, SheetError, read
from hub.survey.register import PURPOSE, QUERY, UNIT, owns, page, row
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
        quarter = _quarter(_today(settings))
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
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no hub: duplicates among the village's own files are not looked for.")
    ] = False,
    url: Url = None,
) -> None:
    """Check a filled form: every cell, every row, and duplicates in it and among the village's own files. 检查登记表。

    The answer is the same sheet with what is wrong in it. Nothing is stored.

    Exit codes: 0 every row passes; 1 rows have problems, or refused; 2 a file that cannot be read, or no hub there.
    """
    with outcomes():
        settings = settings_of(context)
        _name(settings, village)
        try:
            sheet = read(file)
        except SheetError as error:
            raise Failure(f"`{file.name}`: {error}", MISCONFIGURED) from None
        own = [] if offline else list(owns(_own(settings, village, url)))
        with progress_bars() as progress:
            checked = check(sheet, village=village, own=own, day=_today(settings), progress=progress)
        _tell(sheet, checked, to or file.with_name(f"{file.stem}-检查结果.xlsx"))
        if not checked.passed:
            raise typer.Exit(1)


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
        table.add_row(where(sheet, problem), column, problem.fault.wrong, problem.fault.right)
    out.print(table)
    to.write_bytes(annotated(sheet, checked))
    out.print(f"共 {len(checked.problems):,} 处 problems，标注见 annotated sheet: {to}", markup=False)


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()


def _quarter(day: date) -> str:
    return f"{day.year}Q{(day.month + 2) // 3}"


def _name(settings: Settings, village: str) -> str:
    policy = read_policy(settings)
    check_unit(policy, UNIT, village, None)
    return policy.divisions[village].name


def _own(settings: Settings, village: str, url: str | None) -> list[Mapping[str, Any]]:
    """The village's own files, page by page."""
    token = os.environ.get(TOKEN) or dev_token(settings, UNIT, purposes=(PURPOSE,), division=village, operator="cli")
    found: list[Mapping[str, Any]] = []
    after: str | None = None
    while True:
        question = Question(query=QUERY, token=token, purpose=PURPOSE, variables={"after": after})
        _, answer = ask(url or f"http://{settings.host}:{settings.port}", question)
        if answer.get("errors") or not isinstance(answer.get("data"), dict):
            for error in answer.get("errors", ()):
                err.print(f"hub: {error.get('message')}", markup=False)
            raise Failure("the hub did not give the village's files")
        nodes, after = page(answer)
        found += nodes
        if after is None:
            return found
