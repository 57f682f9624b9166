"""A quarter by command, against a running demo: a village's form out and in again, the comparison and its entries."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import xlsxwriter
from typer.testing import CliRunner, Result

from connectors.demo.people import models
from connectors.demo.places import read_places
from hub.audit.session import Session
from hub.cli import app
from hub.commands.outcome import MISCONFIGURED, REFUSED
from hub.reconcile.discrepancies import DISCREPANCIES
from hub.survey.reading import read
from tests.support.running import ROOT
from tests.support.served import PATIENT

pytestmark = pytest.mark.postgres

ENTRIES = "select bytes from log.entry where request = $1 union select bytes from log.pending where request = $1"
VILLAGE = models(read_places(ROOT / "policies" / "divisions.csv", ROOT / "policies" / "institutions.csv"))[0]


@dataclass(frozen=True)
class Demo:
    config: Path
    url: str

    @property
    def databases(self) -> dict[str, str]:
        found: dict[str, str] = tomllib.loads(self.config.read_text("utf-8"))["databases"]
        return found

    async def rows(self, statement: str) -> list[Any]:
        connection = await asyncpg.connect(self.databases["reconcile"])
        try:
            found: list[Any] = await connection.fetch(statement)
            return found
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("quarter") / "data"
    command = [sys.executable, "-c", "from hub.cli import main; main()", "demo", "--port", "0", "--children", "400"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | PATIENT | {"HUB_DEADLINES__SETTLE": "1"},
    )
    assert process.stdout is not None
    found = None
    for line in process.stdout:
        found = found or re.search(r"http://127\.0\.0\.1:[0-9]+", line)
        if "Ctrl+C" in line:
            break
    assert found is not None
    yield Demo(config=folder / "hub.toml", url=found.group())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def run(demo: Demo, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(demo.config), *arguments], env=PATIENT)


def quarter() -> str:
    day = datetime.now(ZoneInfo("Asia/Shanghai"))
    return f"{day.year}Q{(day.month + 2) // 3}"


@pytest.fixture(scope="module")
def form(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The village's form, filled in by the hub."""
    file = tmp_path_factory.mktemp("form") / "form.xlsx"
    done = run(demo, "survey", "template", "--village", VILLAGE.code, "--to", str(file))
    assert done.exit_code == 0, done.output
    return file


def rewritten(form: Path, to: Path, changes: dict[tuple[int, str], str]) -> Path:
    """The form as a spreadsheet program would save it again, some cells changed: (row of data, column) -> text."""
    sheet = read(form)
    numbers = [number for number, _ in sheet.data]
    with xlsxwriter.Workbook(to) as book:
        page = book.add_worksheet("登记表")
        for number, row in enumerate(sheet.rows):
            for place, cell in enumerate(row):
                page.write_string(number, place, str(cell))
        for (row_of_data, column), text in changes.items():
            page.write_string(numbers[row_of_data], sheet.places[column], text)
    return to


def test_a_template_holds_the_villages_own_files_and_no_others(demo: Demo, form: Path) -> None:
    sheet = read(form)
    divisions = {cells[sheet.places["divisionCode"]] for _, cells in sheet.data}
    assert divisions == {VILLAGE.code}
    assert len(list(sheet.data)) > 10
    assert VILLAGE.code in str(sheet.rows[0][0])


def test_what_is_wrong_in_a_form_is_told_by_its_cell_and_in_the_annotated_sheet(
    demo: Demo, form: Path, tmp_path: Path
) -> None:
    first = read(form)
    (place, name) = first.places["name"], str(next(cells for _, cells in first.data)[first.places["name"]])
    sent = rewritten(
        form, tmp_path / "sent.xlsx", {(0, "birthDate"): "2014-02-30", (1, "divisionCode"): "120114102201"}
    )
    done = run(demo, "survey", "import", str(sent), "--village", VILLAGE.code)
    assert done.exit_code == REFUSED
    assert "日历中没有这一天" in done.stdout
    assert "不是本村(居)代码" in done.stdout
    assert name not in done.stdout
    annotated = read(tmp_path / "sent-检查结果.xlsx")
    assert next(cells[place] for _, cells in annotated.data) == name


def test_a_form_of_children_whose_files_are_right_passes(demo: Demo, form: Path, tmp_path: Path) -> None:
    """What the demo planted is taken out; the rest, unchanged, is right."""
    done = run(demo, "survey", "import", str(form), "--village", VILLAGE.code, "--to", str(tmp_path / "out.xlsx"))
    assert done.exit_code == REFUSED
    sheet, out = read(form), read(tmp_path / "out.xlsx")
    result = [str(cell) for cell in out.rows[out.header]].index("检查结果")
    good = {number for number, cells in out.data if cells[result] == "通过"}
    assert len(good) > 10
    with xlsxwriter.Workbook(tmp_path / "good.xlsx") as book:
        page = book.add_worksheet()
        for place, number in enumerate((sheet.header, *sorted(good))):
            page.write_row(place, 0, [str(cell) for cell in sheet.rows[number]])
    done = run(demo, "survey", "import", str(tmp_path / "good.xlsx"), "--village", VILLAGE.code)
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "good-检查结果.xlsx").exists()


def test_a_second_row_for_a_child_who_has_a_file_is_found_with_the_hub_and_not_without(
    demo: Demo, form: Path, tmp_path: Path
) -> None:
    sheet = read(form)
    position = next(
        place
        for place, (_, cells) in enumerate(sheet.data)
        if cells[sheet.places["citizenId"]] and cells[sheet.places["schoolingStatus"]] == "小学"
    )
    changes = {(place, "id"): "" for place in range(len(list(sheet.data)))}
    changes |= {(place, "residenceAddress"): "另一处（虚构）" for place in range(len(list(sheet.data)))}
    sent = rewritten(form, tmp_path / "sent.xlsx", changes)
    done = run(demo, "survey", "import", str(sent), "--village", VILLAGE.code, "--to", str(tmp_path / "out.xlsx"))
    out = read(tmp_path / "out.xlsx")
    result = [str(cell) for cell in out.rows[out.header]].index("检查结果")
    told = [str(cells[result]) for _, cells in out.data]
    assert done.exit_code == REFUSED
    assert "本村(居)已有该儿童的档案" in told[position]
    done = run(demo, "survey", "import", str(sent), "--village", VILLAGE.code, "--offline")
    assert "本村(居)已有该儿童的档案" not in done.stdout


def test_who_is_missing_is_listed_for_civil_affairs_and_for_a_town_its_own_alone(demo: Demo) -> None:
    district = run(demo, "survey", "progress")
    assert district.exit_code == REFUSED
    assert {"草稿", "已退回"} <= set(district.stdout.split())
    town = run(demo, "survey", "progress", "--town", VILLAGE.code[:9])
    codes = {word for word in town.stdout.split() if word.isdigit() and len(word) in {9, 12}}
    assert codes
    assert all(code.startswith(VILLAGE.code[:9]) for code in codes)
    assert codes < {word for word in district.stdout.split() if word.isdigit()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("template", "--village", "120114101"), "village_committee"),
        (("template", "--village", VILLAGE.code, "--url", "http://127.0.0.1:9"), "no hub answers"),
        (("import", "gone.xlsx", "--village", VILLAGE.code), "gone.xlsx"),
        (("import", str(ROOT / "README.md"), "--village", VILLAGE.code), "找不到表头"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_code_of_its_own(demo: Demo, arguments: tuple[str, ...], words: str) -> None:
    done = run(demo, "survey", *arguments)
    assert done.exit_code == MISCONFIGURED
    assert words in done.output


async def test_a_comparison_by_command_leaves_its_items_and_two_entries_in_the_log(demo: Demo) -> None:
    done = await asyncio.to_thread(run, demo, "reconcile", "--quarter", quarter())
    assert done.exit_code == 0, done.output
    assert "待民政确认的候选" in done.stdout
    ((seen,),) = await demo.rows("select count(*) from reconciliation_item where seen_in is not null")
    ((run_of, counts),) = await demo.rows("select request, counts from reconciliation_run")
    assert seen > 50
    session = Session(demo.databases["log"], name="test", durable=False)
    async with session.connection() as connection:
        kept = await connection.fetch(ENTRIES, run_of)
    await session.close()
    entries = {json.loads(row[0])["kind"]: json.loads(row[0]) for row in kept}
    assert set(entries) == {"intent", "outcome"}
    for entry in entries.values():
        assert entry["unit"] == "civil_affairs_bureau"
        assert entry["purpose"] == "data_reconciliation"
        assert f"quarter={quarter()}" in entry["facts"]
    assert f"new={json.loads(counts)['new']}" in entries["outcome"]["facts"]


def test_a_comparison_of_a_frozen_quarter_is_refused(demo: Demo) -> None:
    done = run(demo, "reconcile", "--quarter", "2019Q1")
    assert done.exit_code == MISCONFIGURED
    assert "`2019Q1`" in done.output


def asked(demo: Demo, unit: str, document: str, *arguments: str) -> dict[str, Any]:
    done = run(demo, "query", unit, "--purpose", "data_reconciliation", "--url", demo.url, *arguments, document)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_of_every_class_civil_affairs_read_through_the_hub_what_the_sources_hold(demo: Demo) -> None:
    assert run(demo, "reconcile", "--quarter", quarter()).exit_code == 0
    for name in DISCREPANCIES:
        answer = asked(
            demo,
            "civil_affairs_bureau",
            f"{{ reconciliationItems(first: 20, filter: {{discrepancyClass: {{eq: {name}}}, status: {{eq: OPEN}}}}) "
            "{ edges { node { discrepancyClass comparedField answeringUnit sourceValues { source value } } } } }",
        )
        assert "errors" not in answer, (name, answer["errors"])
        nodes = [edge["node"] for edge in answer["data"]["reconciliationItems"]["edges"]]
        assert nodes, name
        assert all(any(one["value"] for one in node["sourceValues"]) for node in nodes), name


async def test_without_the_right_nothing_is_compared_and_the_refusal_is_an_entry(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    grants = folder / "grants" / "civil_affairs_bureau.csv"
    lines = [line for line in grants.read_text("utf-8").splitlines() if "ReconciliationItem.status,update" not in line]
    grants.write_text("\n".join(lines) + "\n", "utf-8")
    monkeypatch.setenv("HUB_POLICIES", str(folder))
    assert run(demo, "policy", "matrix", "--write").exit_code == 0
    before = await demo.rows("select count(*) from reconciliation_run")
    done = await asyncio.to_thread(run, demo, "reconcile", "--quarter", quarter())
    assert done.exit_code == REFUSED
    assert "未授权" in done.output
    assert await demo.rows("select count(*) from reconciliation_run") == before
    session = Session(demo.databases["log"], name="test", durable=False)
    async with session.connection() as connection:
        kept = await connection.fetch(
            "select bytes from log.entry where kind = 'refusal' "
            "union select bytes from log.pending where kind = 'refusal'"
        )
    await session.close()
    refused = [json.loads(row[0]) for row in kept]
    assert [one["refused"] for one in refused if "act=reconcile" in one["facts"]] == [["ReconciliationItem.status"]]


async def test_a_hub_that_serves_freezes_the_quarter_when_its_last_town_is_accepted(demo: Demo) -> None:
    frozen = f"select tables from published_quarter where id = '{quarter()}'"
    assert not await demo.rows(frozen)
    owner = await asyncpg.connect(demo.databases["log"].replace("/hub?", "/civil_affairs?"))
    # As the last `acceptSurvey` leaves them.
    await owner.execute("update dcbs set bszt = '3' where tbjb = '2' and jd = $1", quarter())
    await owner.close()
    async with asyncio.timeout(300):
        while not await demo.rows(frozen):
            await asyncio.sleep(0.5)
    asked_ = ["query", "finance_bureau", "--purpose", "support_planning", "--url", demo.url]
    document = f'''{{ aggregate(by: ["AssistanceRecord.kind"], measure: "COUNT", where: {{quarter: "{quarter()}"}}) {{
        quarter cells {{ value suppressed }} }} }}'''
    done = await asyncio.to_thread(run, demo, *asked_, document)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["aggregate"]["quarter"] == quarter()
