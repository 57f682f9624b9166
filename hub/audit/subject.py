"""What a family is told of entries -> the report that a guardian may be given, Chinese first.

Guarantee: the text depends on what is told, on the day of issue and on which kinds of number were asked for, and on
nothing else: not on the size of the log, not on what is held back, and on no act of reporting. No number, no operator,
no case and no value of a field stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hub.audit.holds import Told

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

CATEGORIES: Final[Mapping[str, tuple[str, str]]] = {
    "basic": ("基本信息", "basic facts"),
    "family": ("家庭成员", "family members"),
    "guardianship_type": ("监护类型", "type of guardianship"),
    "actual_guardianship": ("实际监护情况", "actual guardianship"),
    "income": ("家庭经济", "family income"),
    "assistance": ("救助帮扶", "assistance"),
    "assessment": ("评估与风险", "assessment and risk"),
    "education": ("就学", "schooling"),
    "household": ("户籍", "household registration"),
    "survey": ("摸底排查", "survey"),
    "reconciliation": ("比对核实", "comparison of sources"),
    "statistics": ("统计", "statistics"),
    "audit": ("访问记录", "access log"),
    # One word for all four: a released entry says that there was a proceeding, not that somebody reported.
    "report": ("办案材料", "case materials"),
    "incident": ("办案材料", "case materials"),
    "case": ("办案材料", "case materials"),
    "supervision": ("办案材料", "case materials"),
}
"""Category of the catalogue -> in words."""

HEADING: Final = ("儿童数据查阅情况告知书", "Who has read the data of a child: report to the guardian")
NOTES: Final = (
    (
        "本告知书所列，是各单位通过本平台查阅该儿童数据的记录，含名单式查阅；只列数据类别，不列数据内容和经办人。",
        "Listed are reads of the child's data through this hub, reads of lists included; by kinds of data, without "
        "their content and without the officials' names.",
    ),
    (
        "涉及办案、监督、救治和应急处置的查阅，可能依法不予列出，或者在公安机关、检察机关同意公开之前不列出。"
        "因此，未列出不等于未查阅。无论是否存在此类查阅，本说明文字均相同。",
        "Reads for proceedings, supervision, treatment and emergencies may be left out by law, or until the police or "
        "the procuratorate release them. So what is not listed may still have been read. These words are the same "
        "whether there are such reads or not.",
    ),
    (
        "只按一个号码查询时，仅以另一号码记录的查阅不在其中；保存期满、已转存归档的记录不在其中。",
        "Where one number was given, reads recorded under the other alone are not listed; nor are reads of months that "
        "have been retired to the archive.",
    ),
    (
        "对所列查阅有疑问的，可以向出具本告知书的机关提出，由审计人员核查。",
        "Whoever doubts a read in this list may ask the office that issued it: auditors will look into it.",
    ),
)
"""Always printed, the same words whatever is held back."""

NOTHING: Final = ("没有可以告知的查阅记录。", "There is no read to be told of.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Code -> in Chinese and in English: units and their divisions and institutions, purposes, categories."""

    units: Mapping[str, tuple[str, str]]
    places: Mapping[str, str]
    purposes: Mapping[str, tuple[str, str]]
    categories: Mapping[str, str]
    """Coordinate -> category."""

    def unit(self, key: str) -> str:
        """A unit key in words; one that the policy no longer knows stays a code."""
        code, _, owner = key.partition(":")
        chinese, english = self.units.get(code, (code, ""))
        place = self.places.get(owner, owner)
        return _both(f"{place}（{chinese}）" if place else chinese, english)

    def purpose(self, code: str) -> str:
        """A purpose in words."""
        return _both(*self.purposes.get(code, (code, "")))

    def kinds(self, coordinates: Iterable[str]) -> list[str]:
        """The kinds of data of some coordinates in words, in the order of ``CATEGORIES``."""
        found = {self.categories.get(name, "") for name in coordinates}
        words = [_both(*pair) for category, pair in CATEGORIES.items() if category in found]
        unknown = [_both("其他", "other")] if found - CATEGORIES.keys() else []
        return [*dict.fromkeys(words), *unknown]


def report(told: Iterable[Told], words: Words, *, issued: datetime, asked_by: Sequence[str]) -> str:
    """The report of what is ``told``; ``asked_by``: `citizen_id`, `register` or both."""
    # Ordered by what is shown alone, so that the order says nothing of what stands between two entries in the log.
    reads = sorted(_read(each, words) for each in told)
    lines = [*HEADING, "", f"出具日期 Issued: {_day(issued)}", f"查询依据 Asked by: {_asked(asked_by)}", ""]
    lines += ["一、查阅记录 Reads", ""]
    for number, (_, *read) in enumerate(reads, start=1):
        lines += [f"{number}. {read[0]}", *(f"   {line}" for line in read[1:])]
    lines += [] if reads else NOTHING
    lines += ["", "二、说明 Notes", ""]
    for number, (chinese, english) in enumerate(NOTES, start=1):
        lines += [f"{number}. {chinese}", f"   {english}"]
    return "\n".join(lines) + "\n"


def _read(told: Told, words: Words) -> tuple[str, ...]:
    """Key of the order, then the lines of one read."""
    at = told.at.astimezone(SHANGHAI)
    kinds = words.kinds(told.clear)
    hidden = [word for word in words.kinds(told.masked) if word not in kinds]
    data = "；".join([*kinds, *(f"{word}（已遮蔽 masked）" for word in hidden)])
    headline = f"{_day(at)} {at:%H:%M}  {words.unit(told.unit)}"
    return f"{at:%Y%m%d%H%M}", headline, f"目的 Purpose: {words.purpose(told.purpose)}", f"数据 Data: {data}"


def _asked(asked_by: Sequence[str]) -> str:
    names = {"citizen_id": _both("公民身份号码", "citizen id"), "register": _both("档案编号", "register number")}
    return "、".join(word for name, word in names.items() if name in asked_by)


def _day(at: datetime) -> str:
    at = at.astimezone(SHANGHAI)
    return f"{at.year}年{at.month}月{at.day}日"


def _both(chinese: str, english: str) -> str:
    return f"{chinese} {english}".strip()
