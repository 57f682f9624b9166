"""A filled form becomes the village's draft: by its own steps over HTTP, all of it or what passes, killed or not."""

from __future__ import annotations

import asyncio
import io
import os
import random
import re
import signal
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Source
from hub.quarters import before, running
from hub.survey.check import Checked, check
from hub.survey.drafts import Drafts, StepError
from hub.survey.form import COLUMNS
from hub.survey.reading import parsed, read
from hub.survey.register import PURPOSE, QUERY, owns, page, row
from hub.survey.storing import store
from hub.survey.workbook import Heading, letters, template
from tests.support.libreoffice import edited
from tests.support.running import ROOT
from tests.support.served import Child, Served, today
from tests.support.steps import rows_of
from tests.survey.forms import as_xlsx, good_row, grid

pytestmark = pytest.mark.postgres

QUARTER = running(today())
LAST = before(QUARTER)
NEW = 6
OF_CHILD = ("name", "citizenId", "sex", "birthDate", "residenceAddress", "lastVisitedOn", "incomeSources", "_accepted")


async def villages(departments: Mapping[str, Source], people: list[Child], status: str) -> list[str]:
    """Villages with children whose survey of the running quarter stands so."""
    where = All((Compare("quarter", "eq", Constant(QUARTER)), Compare("status", "eq", Constant(status))))
    found = await rows_of(departments, "SurveySubmission", where, {}, "divisionCode")
    codes = {one["divisionCode"] for one in found}
    return sorted({child.village for child in people} & codes)


def form(village: str, count: int, seed: int) -> list[dict[str, str]]:
    """Good rows of new children of a village."""
    draw = random.Random(seed)
    return [{**good_row(draw, seed * 20 + number), "divisionCode": village} for number in range(count)]


def asking(served: Served, village: str) -> Any:
    async def ask(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return (await served(f"village_committee:{village}", PURPOSE, document, variables)).json

    return ask


async def own(served: Served, village: str) -> list[Mapping[str, Any]]:
    """The village's files as it reads them."""
    found: list[Mapping[str, Any]] = []
    after: str | None = None
    while True:
        nodes, after = page(await asking(served, village)(QUERY, {"after": after}))
        found += nodes
        if after is None:
            return found


async def entered(served: Served, village: str, file: Path, *, run: str, accept_good: bool = False) -> int:
    """An import, as the command makes it."""
    files = await own(served, village)
    found = await checked(served, village, file)
    drafts = Drafts(
        ask=asking(served, village), own={child["id"]: child for child in files}, prepared_by="虚构填表人", run=run
    )
    return await store(found, drafts, village=village, quarter=QUARTER, accept_good=accept_good)


async def checked(served: Served, village: str, file: Path) -> Checked:
    files = await own(served, village)
    return check(read(file), village=village, own=owns(files), day=today(), progress=lambda *_: None)


async def register(departments: Mapping[str, Source], village: str) -> list[dict[str, Any]]:
    """Files of a village with everybody who belongs to them, as the department holds them."""
    where = Compare("divisionCode", "eq", Constant(village))
    files = await rows_of(departments, "Child", where, {}, "_key", *OF_CHILD)
    for relation, names in (("FamilyMember", ("relation", "name", "phone")), ("Guardian", ("kind", "name", "phone"))):
        keys = Compare("_register", "in", Constant([file["_key"] for file in files]))
        people = await rows_of(departments, relation, keys, {}, "_register", *names)
        for file in files:
            file[relation] = sorted(str(one) for one in people if one["_register"] == file["_key"])
    return files


def by_name(files: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    (found,) = (file for file in files if file["name"] == name)
    return found


async def test_a_form_is_entered_as_a_draft_and_entered_again_it_writes_nothing(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    before = await register(departments, village)
    rows, file = form(village, NEW, 1), tmp_path / "form.xlsx"
    as_xlsx(file, grid(rows))
    assert await entered(served, village, file, run="first") == NEW
    after = await register(departments, village)
    assert len(after) == len(before) + NEW
    for written in rows:
        made = by_name(after, written["name"])
        assert (made["citizenId"] or "", made["residenceAddress"]) == (
            written["citizenId"],
            written["residenceAddress"],
        )
        assert (made["lastVisitedOn"], made["_accepted"]) == (written["lastVisitedOn"], False)
        assert len(made["FamilyMember"]) == 2
        assert len(made["Guardian"]) == bool(written["guardian.name"])
    assert await entered(served, village, file, run="second") == NEW
    assert await register(departments, village) == after


async def test_a_template_with_changed_cells_changes_those_and_nothing_else(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[1]
    before = await register(departments, village)
    files = [row(child) for child in await own(served, village)]
    changed = next(one for one in files if one["father.name"])
    for run, (home, phone) in enumerate((("甲处", "13800000001"), ("乙处", "13800000002"), ("甲处", "13800000001"))):
        changed |= {"residenceAddress": home, "father.phone": phone}
        sheet = tmp_path / "template.xlsx"
        sheet.write_bytes(template(Heading(village=village, name="某村", quarter=QUARTER), files))
        good = (await checked(served, village, sheet)).good
        assert await entered(served, village, sheet, run=str(run), accept_good=True) == len(good)
        assert changed["id"] in {entry.values["id"] for entry in good}
        after = await register(departments, village)
        assert by_name(after, changed["name"])["residenceAddress"] == home
        assert any(phone in one for one in by_name(after, changed["name"])["FamilyMember"])
    others = [file for file in before if file["name"] != changed["name"]]
    assert [file for file in after if file["name"] != changed["name"]] == others


async def test_of_a_form_with_problems_exactly_the_good_rows_are_entered(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "RETURNED"))[0]
    before = await register(departments, village)
    rows, file = form(village, NEW, 2), tmp_path / "form.xlsx"
    rows[1]["sex"] = rows[4]["birthDate"] = "?"
    as_xlsx(file, grid(rows))
    assert await entered(served, village, file, run="good", accept_good=True) == NEW - 2
    names = {one["name"] for one in await register(departments, village)} - {one["name"] for one in before}
    assert names == {one["name"] for place, one in enumerate(rows) if place not in {1, 4}}


async def test_an_import_that_has_had_enough_begins_no_further_row_and_started_again_enters_what_is_left(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    before_, rows, file = await register(departments, village), form(village, 12, 9), tmp_path / "form.xlsx"
    as_xlsx(file, grid(rows))
    found, done = await checked(served, village, file), list[int]()

    def count(what: str, place: int, of: int) -> None:
        done.append(place)

    drafts = Drafts(
        ask=asking(served, village),
        own={child["id"]: child for child in await own(served, village)},
        prepared_by="虚构填表人",
        run="enough",
        progress=count,
        enough=lambda: len(done) >= 3,
    )
    await store(found, drafts, village=village, quarter=QUARTER, accept_good=False)
    some = await register(departments, village)
    assert 3 <= done[-1] < len(rows) and len(some) == len(before_) + done[-1]
    assert await entered(served, village, file, run="again") == len(rows)
    after = await register(departments, village)
    assert sorted(one["name"] for one in after if one not in before_) == sorted(one["name"] for one in rows)


async def test_what_is_submitted_is_closed_to_the_village_and_nothing_is_entered(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[-1]
    where = All((Compare("quarter", "eq", Constant(QUARTER)), Compare("divisionCode", "eq", Constant(village))))
    ((key,),) = [tuple(one.values()) for one in await rows_of(departments, "SurveySubmission", where, {}, "_key")]
    who = f"village_committee:{village}"
    given: dict[str, Any] = {
        "id": served.id(who, "SurveySubmission", key),
        "childrenCount": 1,
        "preparedBy": "虚构填表人",
    }
    assert (await served.step(who, PURPOSE, "submitSurvey", **given)).status == 200
    before, file = await register(departments, village), tmp_path / "form.xlsx"
    as_xlsx(file, grid(form(village, 2, 3)))
    with pytest.raises(StepError) as refused:
        await entered(served, village, file, run="late")
    assert (refused.value.code, refused.value.row) == ("CONFLICT", None)
    assert await register(departments, village) == before


def drop_downs(workbook: bytes) -> set[tuple[str, str]]:
    """(cells, where their choices stand) of the first sheet."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        text = archive.read("xl/worksheets/sheet1.xml").decode()
    found = re.findall(r'<dataValidation [^>]*sqref="([^"]+)"[^>]*>.*?<formula1>([^<]+)</formula1>', text, re.DOTALL)
    return {(cells, formula.replace("$", "").replace("'", "")) for cells, formula in found}


def format_of(workbook: bytes, cell: str) -> str:
    """The number format of a cell of the first sheet: `@` is text."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        text, styles = (archive.read(name).decode() for name in ("xl/worksheets/sheet1.xml", "xl/styles.xml"))
    style = re.search(rf'<c r="{cell}" s="([0-9]+)"', text)
    cells = re.search(r"<cellXfs.*?</cellXfs>", styles, re.DOTALL)
    assert style and cells
    number = re.findall(r'<xf [^>]*numFmtId="([0-9]+)"', cells[0])[int(style[1])]
    codes: dict[str, str] = {"49": "@", **dict(re.findall(r'<numFmt numFmtId="([0-9]+)" formatCode="([^"]+)"', styles))}
    return codes[number]


async def test_a_template_that_libreoffice_has_opened_changed_and_saved_is_imported_as_it_was_typed(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "RETURNED"))[0]
    files = [row(child) for child in await own(served, village)]
    made = template(Heading(village=village, name="某村", quarter=QUARTER), files)
    (new,) = form(village, 1, 8)
    places, first = {column.name: place for place, column in enumerate(COLUMNS)}, 3
    home = "王庆坨镇某村甲001号"
    cells = {(first, places["residenceAddress"]): home}
    cells |= {(first + len(files) + 1, places[name]): text for name, text in new.items() if text}
    saved = await edited(made, "登记表", cells, tmp_path)
    before_, after = parsed(made), parsed(saved)
    assert (after.header, after.places, after.unknown) == (before_.header, before_.places, ())
    assert drop_downs(saved) == drop_downs(made)
    assert len(drop_downs(made)) == sum(bool(column.choices) or column.kind == "grade" for column in COLUMNS)
    # A number that is typed into a row that was empty stays text: nothing rounds it.
    spare = f"{letters(places['citizenId'])}{first + len(files) + 9}"
    assert format_of(made, spare) == format_of(saved, spare) == "@"
    # Neighbours may share an address (and have it as their parents'): only the cell that was typed over is another.
    for (row_, was), (_, now) in zip(before_.data, after.data, strict=False):
        moved = {places["residenceAddress"]} if row_ == first else set()
        assert [home if place in moved else cell for place, cell in enumerate(was)] == list(now)[: len(was)]
    sheet = tmp_path / "saved.xlsx"
    sheet.write_bytes(saved)
    good = (await checked(served, village, sheet)).good
    assert {entry.row for entry in good} >= {first, first + len(files) + 1}
    assert await entered(served, village, sheet, run="libreoffice", accept_good=True) == len(good)
    register_ = await register(departments, village)
    assert by_name(register_, files[0]["name"])["residenceAddress"] == home
    written = by_name(register_, new["name"])
    assert (written["citizenId"] or "", written["birthDate"]) == (new["citizenId"], new["birthDate"])
    assert len(register_) == len({one["_key"] for one in register_})


async def came_back(written: Server, village: str) -> None:
    """The quarter is new: the village has begun nothing in it, and last quarter's survey came back."""
    connection = await asyncpg.connect(written.dsn("civil_affairs"))
    try:
        await connection.execute("delete from dcbs where xzqhdm = $1 and jd = $2", village, QUARTER)
        returned = (
            "select bszt from dcbs where thyy is not null and tbjb = (select tbjb from dcbs where xzqhdm = $1 limit 1)"
        )
        code = await connection.fetchval(f"{returned} limit 1", village)
        found = await connection.execute(
            "update dcbs set bszt = $3, thyy = '人数不符（虚构）' where xzqhdm = $1 and jd = $2", village, LAST, code
        )
        assert found == "UPDATE 1"
    finally:
        await connection.close()


async def test_what_comes_back_after_the_quarter_is_corrected_and_submitted_again_while_the_next_one_runs(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server, tmp_path: Path
) -> None:
    submitted = await villages(departments, people, "VILLAGE_SUBMITTED")
    child = next(one for one in people if one.village == submitted[0])
    village, town, committee = child.village, child.town, child.committee
    await came_back(written, village)
    last: dict[str, Any] = {"id": await submission(served, departments, committee, LAST)}
    counted: dict[str, Any] = {"childrenCount": 1, "preparedBy": "虚构填表人"}

    async def revised(who: str, step: str) -> str:
        identifier = served.id(who, "Child", child.register, child.citizen)
        found = await served.step(who, PURPOSE, step, id=identifier, livesAlone=step.startswith("town"))
        return "" if found.status == 200 else str(found.error["state"])

    assert (await revised(committee, "villageReviseFile"), await revised(town, "townReviseFile")) == ("", "RETURNED")
    file = tmp_path / "form.xlsx"
    as_xlsx(file, grid(form(village, 2, 7)))
    assert await entered(served, village, file, run="late") == 2
    assert await statuses(departments, village) == {LAST: "RETURNED"}
    assert (await served.step(committee, PURPOSE, "submitSurvey", **last, **counted)).status == 200
    assert await revised(committee, "villageReviseFile") == "VILLAGE_SUBMITTED"
    assert await revised(town, "townReviseFile") == ""
    # The next quarter is begun: the village goes on in it, and the town still corrects the last one.
    assert (await served.step(committee, PURPOSE, "beginSurvey", preparedBy="虚构填表人")).status == 200
    assert (await revised(committee, "villageReviseFile"), await revised(town, "townReviseFile")) == ("", "")
    new: dict[str, Any] = {"id": await submission(served, departments, committee, QUARTER)}
    assert (await served.step(committee, PURPOSE, "submitSurvey", **new, **counted)).status == 200
    assert await statuses(departments, village) == {LAST: "VILLAGE_SUBMITTED", QUARTER: "VILLAGE_SUBMITTED"}
    assert await revised(committee, "villageReviseFile") == "VILLAGE_SUBMITTED"


async def statuses(departments: Mapping[str, Source], village: str) -> dict[str, str]:
    where = Compare("divisionCode", "eq", Constant(village))
    found = await rows_of(departments, "SurveySubmission", where, {}, "quarter", "status")
    return {one["quarter"]: one["status"] for one in found}


async def submission(served: Served, departments: Mapping[str, Source], who: str, quarter: str) -> str:
    """The id by which the village knows its submission of a quarter."""
    village = who.partition(":")[2]
    where = All((Compare("quarter", "eq", Constant(quarter)), Compare("divisionCode", "eq", Constant(village))))
    ((key,),) = [tuple(one.values()) for one in await rows_of(departments, "SurveySubmission", where, {}, "_key")]
    return served.id(who, "SurveySubmission", key)


async def command(served: Served, village: str, file: Path) -> asyncio.subprocess.Process:
    """``hub survey import``, as a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from hub.cli import main; main()", "survey", "import", str(file)),
        *("--village", village, "--prepared-by", "虚构填表人", "--url", f"http://127.0.0.1:{served.port}"),
        env={**os.environ, "HUB_KEYS": str(served.settings.keys)},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_killed_while_it_enters_and_started_again_it_ends_as_if_it_had_not_been(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    before = await register(departments, village)
    rows, file = form(village, 12, 4), tmp_path / "form.xlsx"
    as_xlsx(file, grid(rows))
    for more in (1, 5, 9):
        process = await command(served, village, file)
        while len(await register(departments, village)) < len(before) + more and process.returncode is None:
            await asyncio.sleep(0.01)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
    process = await command(served, village, file)
    told, wrong = await process.communicate()
    assert process.returncode == 0, (told, wrong)
    after = await register(departments, village)
    assert sorted(one["name"] for one in after if one not in before) == sorted(one["name"] for one in rows)
    for written in rows:
        made = by_name(after, written["name"])
        assert len(made["FamilyMember"]) == 2
        assert len(made["Guardian"]) == bool(written["guardian.name"])
        assert made["lastVisitedOn"] == written["lastVisitedOn"]
