"""What an auditor wrote -> what is looked for; what makes no sense, or should not be written there, is told.

Guarantee: no citizen id goes on from here into an address, a fact of a look or a note, and nothing that the log's
database could not take; ``QuestionError`` names the field and what would be right, and never repeats what was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from graphql import GraphQLError

from hub.audit.search import QuestionError
from schema.scalars import parse_citizen_id

LONGEST: Final = 128
YEARS: Final = range(2000, 2100)
_CITIZEN_ID: Final = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_UNIT_KEY: Final = re.compile(r"[a-z_]+(?::[0-9A-Za-z-]+)?|a-[A-Za-z0-9_-]{22}")
_TOLD: Final = 5
_CASE: Final = re.compile(r"k-[A-Za-z0-9_-]{22}")


def words(field: str, written: str) -> str:
    """A word or a code; empty if nothing was written."""
    found = written.strip()
    if len(found) > LONGEST or not found.isprintable():
        raise QuestionError(
            field, f"“{_NAMES[field]}”过长或含有不可见字符", f"`{field}` is too long or holds invisible characters"
        )
    without_citizen_id(field, found)
    return found


def code(field: str, written: str, known: Mapping[str, Sequence[str]]) -> str:
    """A code of ``known`` (code -> its names), written as the code or as a name that only one code has."""
    found = words(field, written)
    if not found or found in known:
        return found
    named = [each for each, names in known.items() if found in names]
    if len(named) > 1:
        several = "、".join(named[:_TOLD])
        raise QuestionError(field, f"这个名称不止一项，请写代码：{several}", f"several have this name: {several}")
    if not named:
        raise QuestionError(field, f"没有这样的{_NAMES[field]}", f"there is no such {field}")
    return named[0]


def unit_key(written: str, known: Mapping[str, Sequence[str]]) -> str:
    """A unit key (``town_government:120114101``), or the code of a unit; a name of one becomes its code."""
    found = words("unit", written)
    return found if _UNIT_KEY.fullmatch(found) else code("unit", found, known)


def without_citizen_id(field: str, text: str) -> None:
    """Raises if a citizen id stands in ``text``."""
    if _CITIZEN_ID.search(unicodedata.normalize("NFKC", text)):
        raise QuestionError(
            field,
            "此处不能填写公民身份号码；查一名儿童请用概况页的查找框",
            "no citizen id goes here: look a child up on the first page",
        )


def citizen_id(written: str) -> str:
    """A citizen id, however it was typed: wide digits, spaces between, a small x."""
    found = "".join(unicodedata.normalize("NFKC", written).split()).upper()
    try:
        return str(parse_citizen_id(found)) if found else ""
    except GraphQLError as error:
        raise QuestionError("citizen_id", "公民身份号码有误，请核对 18 位号码及校验码", str(error)) from None


def register_number(written: str) -> str:
    """A number of the register; a citizen id in the wrong box is told so."""
    found = words("register_no", "".join(unicodedata.normalize("NFKC", written).split()))
    if not found.isascii():
        raise QuestionError("register_no", "档案编号只含字母、数字和连字符", "a register number holds plain characters")
    return found


def case_pseudonym(written: str) -> str:
    """The pseudonym of a case, as an address holds it."""
    found = written.strip()
    if found and not _CASE.fullmatch(found):
        raise QuestionError(
            "case", "请在检索页填写办案编号，不要写入网址", "write the case reference into the form, not the address"
        )
    return found


def day(field: str, written: str) -> date | None:
    """A day, or None."""
    text = written.strip()
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        found = date.min
    if found is not None and found.year not in YEARS:
        raise QuestionError(
            field, "日期应写作 2026-11-25（2000 至 2099 年）", "a date is written 2026-11-25 (2000 to 2099)"
        )
    return found


def month(written: str) -> date:
    """The first day of a month."""
    try:
        found = date.fromisoformat(f"{written.strip()}-01")
    except ValueError:
        found = date.min
    if found.year not in YEARS:
        raise QuestionError(
            "month", "月份应写作 2026-11（2000 至 2099 年）", "a month is written 2026-11 (2000 to 2099)"
        )
    return found


def index(field: str, written: str) -> int | None:
    """The index of an entry, or None."""
    text = written.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise QuestionError(field, "序号应为数字", "an index is a number")
    return int(text)


_NAMES: Final = {
    "unit": "单位",
    "operator": "经办人",
    "purpose": "目的",
    "coordinate": "字段",
    "decision": "结果",
    "kind": "类型",
    "request": "请求编号",
    "register_no": "档案编号",
    "case_reference": "办案编号",
}
"""Field of a form -> how officials read it."""
