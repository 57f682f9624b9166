"""A village's rows -> its draft of the quarter, step by step through the hub: keeps ``hub.survey.storing.Steps``.

Guarantee: everything goes the way of any mutation of the village itself: its rights, its entries in the log. Rows of a
draft open nothing to anybody else until civil affairs accepts them. If we crash anywhere here, the same import started
again sends what is left: a step that was taken has its name, and is not taken twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from hub.quarters import EDITABLE, before, entered
from hub.survey.acts import Act, Draft
from hub.survey.check import Entry, Progress
from hub.survey.register import Node, submissions

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""A document and its variables -> the hub's answer, as the village."""

AT_ONCE: Final = 4
"""Rows that are entered at the same time: departments serve others as well."""
SUBMISSIONS: Final = """query Submissions($village: DivisionCode!, $quarters: [Quarter!]!) {
  surveySubmissions(first: 2, filter: {divisionCode: {eq: $village}, quarter: {in: $quarters}, level: {eq: VILLAGE}}) {
    edges { node { id quarter status childrenCount preparedBy submittedAt returnReason } }
  }
}"""
_ANSWERS: Final[Mapping[str, str]] = {"villageOpenFile": "step again child { id }"}


class StepError(Exception):
    """A step was not taken: ``row`` of the sheet (from 0; None: of no row), the hub's code and words."""

    def __init__(self, row: int | None, code: str, message: str, message_zh: str = "") -> None:
        super().__init__(message)
        self.row, self.code, self.message_zh = row, code, message_zh or message


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Rows entered as the village; ``own``: its files as they stand, ``run``: a name of this import alone.

    ``enough``: whether no further row shall be begun; those that are left are entered when it is started again.
    """

    ask: Ask
    own: Mapping[str, Node] = field(repr=False)
    prepared_by: str = field(repr=False)
    run: str
    progress: Progress = lambda *_: None
    enough: Callable[[], bool] = lambda: False

    async def enter(self, village: str, quarter: str, entries: Sequence[Entry]) -> None:
        """See the port."""
        await self._begin(village, quarter)
        draft, done, gate = Draft(village=village, quarter=quarter, run=self.run), 0, asyncio.Semaphore(AT_ONCE)

        async def one(entry: Entry) -> None:
            nonlocal done
            async with gate:
                if self.enough():
                    return
                await self._row(draft, entry)
            done += 1
            self.progress("录入 enter", done, len(entries))

        try:
            async with asyncio.TaskGroup() as group:
                for entry in entries:
                    group.create_task(one(entry))
        except* StepError as failures:
            raise _first(failures) from None

    async def _begin(self, village: str, quarter: str) -> None:
        """The draft is there; refused where it is no draft any more."""
        quarters = [quarter, before(quarter)]
        found = entered(
            submissions(await self._asked(None, SUBMISSIONS, {"village": village, "quarters": quarters})), quarter
        )
        if found is None:
            key = f"survey-begin-{village}-{quarter}"
            await self._take(None, Act(step="beginSurvey", given={"preparedBy": self.prepared_by}, key=key))
        elif found["status"] not in EDITABLE:
            words = f"the survey of {found['quarter']} stands at `{found['status']}`: files are closed to the village"
            raise StepError(
                None, "CONFLICT", words, f"{found['quarter']} 摸排已报送，村居不能再修改档案；需修改的请镇街退回"
            )

    async def _row(self, draft: Draft, entry: Entry) -> None:
        child = self.own.get(entry.values.get("id") or "")
        if child is None:
            answer = await self._take(entry.row, draft.opening(entry.values))
            if answer["child"] is None:
                raise StepError(entry.row, "CONFLICT", "its file is no longer the village's", "该档案已不在本村(居)")
            child = {"id": answer["child"]["id"]}
        else:
            for act in draft.revising(entry.values, child):
                await self._take(entry.row, act)
        for act in draft.beside(entry.values, child):
            await self._take(entry.row, act)

    async def _take(self, row: int | None, act: Act) -> Mapping[str, Any]:
        kind = f"{act.step[:1].upper()}{act.step[1:]}Input"
        answer = _ANSWERS.get(act.step, "step again")
        document = f"mutation Take($input: {kind}!) {{ {act.step}(input: $input) {{ {answer} }} }}"
        given = {"idempotencyKey": act.key, **act.given}
        found: Mapping[str, Any] = (await self._asked(row, document, {"input": given}))["data"][act.step]
        return found

    async def _asked(self, row: int | None, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = await self.ask(document, variables)
        for error in answer.get("errors") or ():
            told = error.get("extensions", {})
            raise StepError(row, told.get("code", "INTERNAL"), error.get("message", ""), told.get("messageZh", ""))
        return answer


def _first(failures: BaseExceptionGroup[StepError]) -> StepError:
    found = failures.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
