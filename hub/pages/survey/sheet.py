"""The village's form -> downloaded filled in, sent back, read with what is wrong in it, and entered.

Guarantee: what is entered is what was checked before the eyes of who enters it: the same sheet, the same rows. It goes
the way of ``hub survey import``: the village's own steps, into its draft. If we crash or are too slow among them, the
same button enters what is left, and nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import RedirectResponse, Response

from hub.lifecycle.steps import STEPS
from hub.pages.desk_routes import Visit
from hub.pages.layout import HEADERS
from hub.pages.survey.asking import answer, own_files, submissions, today, village
from hub.pages.survey.kept import Sheets
from hub.pages.survey.steps import form, given_of
from hub.pages.survey.village import village_page
from hub.pages.upload import Upload
from hub.quarters import before, entered, running
from hub.survey.changes import Change, changes
from hub.survey.check import Checked, check
from hub.survey.drafts import Drafts, StepError
from hub.survey.form import BY_NAME
from hub.survey.reading import Sheet, SheetError, parsed
from hub.survey.register import Node, owns, row
from hub.survey.storing import NotPassedError, store
from hub.survey.workbook import Heading, annotated, shown, template, where

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN: Final = 300
"""Problems that the page lists; the annotated sheet has them all."""
AT_ONCE: Final = 2
"""Sheets that are read at the same time: one of thousands of rows takes a processor for seconds."""
ENTER_WITHIN: Final = 40.0
"""Seconds after which no further row is begun: a browser, or what stands before us, gives up after a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sheet as it was checked, with the files that the village had."""

    sent: Upload = field(repr=False)
    sheet: Sheet = field(repr=False)
    checked: Checked = field(repr=False)
    own: Mapping[str, Node] = field(repr=False)

    @property
    def changes(self) -> list[Change]:
        """What the good rows would change in files that are there."""
        return list(changes(self.checked.good, self.own))

    @property
    def seen(self) -> str:
        """What the reader of the result has seen: the sheet, which of its rows are good, and what they change."""
        rows = [entry.row for entry in self.checked.good]
        changed = [[one.row, one.column, one.stands] for one in self.changes]
        content = orjson.dumps([hashlib.sha256(self.sent.data).hexdigest(), rows, changed])
        return hashlib.sha256(content).hexdigest()

    @property
    def children(self) -> int:
        """How many files the village has once the good rows are entered."""
        return len(self.own) + sum(entry.values.get("id") is None for entry in self.checked.good)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPages:
    """The pages about a sheet; ``reading`` bounds how many are read at once."""

    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def template(self, visit: Visit) -> Response:
        """The form, filled in with the files that the village has."""
        visit, code = village(visit)
        quarter, name = running(today(visit)), visit.desk.policy().divisions[code].name
        rows = [row(child) for child in await own_files(visit)]
        async with self.reading:
            data = await asyncio.to_thread(template, Heading(village=code, name=name, quarter=quarter), rows)
        return _file(data, f"登记表-{code}-{quarter}.xlsx")

    async def send(self, visit: Visit) -> Response:
        """A sheet, kept sealed until its sender has read what is wrong with it."""
        visit, _ = village(visit)
        if visit.upload is None:
            return await village_page(visit, 422, failed=visit.say("no_file"))
        try:
            async with self.reading:
                await asyncio.to_thread(parsed, visit.upload.data)
        except SheetError as error:
            return await village_page(visit, 422, failed=str(error))
        await _sheets(visit).keep(visit.cookie, visit.upload)
        return RedirectResponse("/survey/sheet", 303, headers=HEADERS)

    async def result(self, visit: Visit) -> Response:
        """What is wrong with the sheet that was sent."""
        visit, code = village(visit)
        found = await self._found(visit, code)
        return _nothing() if found is None else await _result(visit, found)

    async def annotated(self, visit: Visit) -> Response:
        """The sheet as it was sent, with what is wrong in it."""
        visit, code = village(visit)
        found = await self._found(visit, code)
        if found is None:
            return _nothing()
        async with self.reading:
            data = await asyncio.to_thread(annotated, found.sheet, found.checked)
        return _file(data, f"{found.sent.name.rpartition('.')[0] or code}-检查结果.xlsx")

    async def enter(self, visit: Visit) -> Response:
        """The rows that passed, entered in the village's draft: all, or exactly those that were shown as good."""
        visit, code = village(visit)
        found, given = await self._found(visit, code), dict(visit.pairs)
        if found is None:
            return _nothing()
        if given.get("seen") != found.seen:
            return await _result(visit, found, 409, failed=visit.say("sheet_changed"))
        entering = _Entering(visit=visit, found=found, village=code, given=given)
        try:
            await entering()
        except NotPassedError:
            return await _result(visit, found, 422, failed=visit.say("not_all_pass"))
        except StepError as error:
            words = str(error) if visit.spoken == "en" else error.message_zh
            at = "" if error.row is None else visit.say("sheet_row", error.row + 1)
            found = await self._found(visit, code) or found
            return await _result(visit, found, 409, failed=f"{at}{words}", entered=entering.done)
        if entering.done == found.checked.rows:
            await _sheets(visit).drop(visit.cookie)
        left = await self._found(visit, code) if entering.done < len(found.checked.good) else None
        return await _entered(visit, found, entering.done, found.seen if left is None else left.seen)

    async def _found(self, visit: Visit, code: str) -> Found | None:
        sent = await _sheets(visit).find(visit.cookie)
        if sent is None:
            return None
        own, day = await own_files(visit), today(visit)
        async with self.reading:
            sheet, checked = await asyncio.to_thread(_checked, sent.data, code, own, day)
        return Found(sent=sent, sheet=sheet, checked=checked, own={child["id"]: child for child in own})


@dataclass(slots=True, kw_only=True)
class _Entering:
    """Rows on their way into the draft."""

    visit: Visit
    found: Found
    village: str
    given: Mapping[str, str]
    done: int = 0

    async def __call__(self) -> None:
        until = time.monotonic() + ENTER_WITHIN
        steps = Drafts(
            ask=partial(answer, self.visit),
            own=self.found.own,
            prepared_by=self.given.get("preparedBy", "").strip(),
            run=self.given.get("run", ""),
            progress=self._count,
            enough=lambda: time.monotonic() > until,
        )
        quarter, accepted = running(today(self.visit)), "good" in self.given
        await store(self.found.checked, steps, village=self.village, quarter=quarter, accept_good=accepted)

    def _count(self, what: str, done: int, of: int) -> None:
        self.done = done


def _checked(data: bytes, code: str, own: list[Node], day: Any) -> tuple[Sheet, Checked]:
    sheet = parsed(data)
    return sheet, check(sheet, village=code, own=owns(own), day=day, progress=lambda *_: None)


async def _result(visit: Visit, found: Found, status: int = 200, *, failed: str = "", entered: int = 0) -> Response:
    checked = found.checked
    problems = [
        (where(found.sheet, one.row, one.column), BY_NAME[one.column].header, one.fault.wrong, one.fault.right)
        for one in checked.problems[:SHOWN]
    ]
    return visit.page(
        "survey/sheet.html",
        status,
        checked=checked,
        problems=problems,
        changed=[_changed(found.sheet, one) for one in found.changes[:SHOWN]],
        changes=len(found.changes),
        new=sum(entry.values.get("id") is None for entry in checked.good),
        most=SHOWN,
        bad=checked.rows - len(checked.good),
        seen=found.seen,
        run=given_of(visit).get("run", [secrets.token_urlsafe(16)])[0],
        failed=failed,
        entered=entered,
        prepared_by=dict(visit.pairs).get("preparedBy", ""),
    )


def _changed(sheet: Sheet, change: Change) -> tuple[str, str, str, str, str]:
    column = BY_NAME[change.column]
    at = where(sheet, change.row, change.column)
    return at, change.name, column.header, shown(column, change.stands) or "—", shown(column, change.said) or "—"


async def _entered(visit: Visit, found: Found, done: int, seen: str) -> Response:
    """What was entered, what is left, and the form by which the village submits."""
    good, quarter = len(found.checked.good), running(today(visit))
    submission = entered(await submissions(visit, quarter, before(quarter)), quarter)
    step = STEPS["submitSurvey"]
    offered = done == good and submission is not None
    counted = {"childrenCount": [str(found.children)], "preparedBy": [dict(visit.pairs).get("preparedBy", "")]}
    return visit.page(
        "survey/entered.html",
        done=done,
        left=good - done,
        bad=found.checked.rows - good,
        given={**dict(visit.pairs), "seen": seen},
        form=form(visit, step, submission, counted) if offered else None,
        path=f"/survey/{quote(submission['id'], safe='')}" if submission else "",
    )


def _sheets(visit: Visit) -> Sheets:
    return Sheets(connections=visit.desk.sessions.connections)


def _nothing() -> Response:
    return RedirectResponse("/survey/", 303, headers=HEADERS)


def _file(data: bytes, name: str) -> Response:
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return Response(data, media_type=XLSX, headers=headers)
