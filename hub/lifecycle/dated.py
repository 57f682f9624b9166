"""Step, what is given, the day -> nothing, or a refusal: a day on which something happened is not in the future.

Guarantee: what has happened is dated by today at the latest, and a day until which there is time has not passed. Else a
supervision could be overdue when it is issued, and a clock or a flag begin on a day that has not come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from hub.errors import RefusalError
from hub.lifecycle.given import Given
from hub.lifecycle.step import Step
from schema.catalogue import CATALOGUE

AHEAD: Final = frozenset({"ProcuratorialSupervision.replyDueOn"})
"""Days until which there is time; every other day that a writer gives is one on which something happened."""


def check_dates(step: Step, given: Given, today: date) -> None:
    """Returns if every day may be true; INVALID_INPUT with the fields whose day may not."""
    fields = [name for name, day in _days(given) if (day < today if name in AHEAD else day > today)]
    if fields:
        names = "、".join(CATALOGUE[name].name_zh for name in fields)
        late = all(name in AHEAD for name in fields)
        en, zh = ("has passed", "不能早于今天") if late else ("has not come yet", "不能晚于今天")
        message = f"`{step.name}` gives a day that {en} in `{'`, `'.join(fields)}`"
        raise RefusalError("INVALID_INPUT", message, messageZh=f"{step.zh}：{names}{zh}", step=step.name, fields=fields)


def _days(given: Given) -> Iterator[tuple[str, date]]:
    for relation, rows in given.values.items():
        for row in rows:
            for name, value in row.items():
                found = CATALOGUE.get(f"{relation}.{name}")
                if found is not None and found.inner == "Date" and value is not None:
                    yield found.coordinate, date.fromisoformat(str(value))
