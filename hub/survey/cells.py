"""A cell as people fill it in -> its value in schema terms, or what is wrong with it and what would be right: pure.

Guarantee: full-width digits, spaces, dates in any usual form, words or codes or both are understood; nothing is
guessed: what has two meanings is refused. Words of a fault repeat nothing of the cell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

from hub import citizen_id
from hub.survey.form import Choice, Column

Value: TypeAlias = str | int | bool | list[str] | None

NOTHING: Final = frozenset({"", "无", "没有", "/", "-", "—", "——", "不详", "暂无", "N/A"})
"""What people write where there is nothing to write."""
_KEY: Final = re.compile(r"[A-Za-z0-9_=-]{1,200}")
_PHONE: Final = re.compile(r"1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}")
_NAME: Final = re.compile(r"[一-鿿㐀-䶿\U00020000-\U0003ffff·]{2,30}|[A-Za-z][A-Za-z .·'-]{1,59}")
_DATE: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[ T]00:00(?::00)?)?")
_DIGITS: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_EXCEL_EPOCH: Final = date(1899, 12, 30)
_EXCEL_DAYS: Final = range(20_000, 80_000)
"""Days of Excel's calendar from 1954 to 2119: other whole numbers are no dates."""
LARGEST_EXACT: Final = 10**15
LONGEST: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a cell (a stable word, and words for officials), and what would be right."""

    code: str
    wrong: str
    right: str


def parse(column: Column, raw: Any) -> Value | Fault:
    """The value of a cell; None where nothing is written."""
    text = plain(raw)
    if isinstance(text, Fault):
        return text
    if text in NOTHING and chosen(column.choices, text) is None:
        if column.required:
            return Fault(code="required", wrong="必填项为空", right=_wanted(column))
        return None
    return _PARSERS[column.kind](column, raw, text)


def plain(raw: Any) -> str | Fault:
    """A cell as text: numbers without a fraction as whole ones, full-width letters and digits in their usual width."""
    if isinstance(raw, bool):
        return "是" if raw else "否"
    if isinstance(raw, int | float):
        return _number(raw)
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    if isinstance(raw, date):
        return raw.isoformat()
    return half(str("" if raw is None else raw)).strip().strip("'’")


def _number(raw: float) -> str | Fault:
    if abs(raw) >= LARGEST_EXACT:
        return Fault(
            code="number_cut",
            wrong="号码被表格软件当作数字保存，末几位已丢失",
            right="先把单元格设为“文本”格式，再重新填写完整号码",
        )
    return str(int(raw)) if float(raw).is_integer() else str(raw)


def half(text: str) -> str:
    """Full-width digits, letters and signs of numbers in their usual width; Chinese punctuation stays."""
    return "".join(
        unicodedata.normalize("NFKC", character)
        if "０" <= character <= "９" or "Ａ" <= character <= "ｚ" or character in "－／．　"
        else character
        for character in text
    )


def _wanted(column: Column) -> str:
    if column.choices:
        return f"从下拉列表中选择：{_listed(column.choices)}"
    return column.hint or f"请填写{column.header}"


def _listed(choices: tuple[Choice, ...]) -> str:
    shown = "、".join(choice.word for choice in choices[:8])
    return shown + ("等" if len(choices) > 8 else "")


def _key(column: Column, raw: Any, text: str) -> Value | Fault:
    if not _KEY.fullmatch(text):
        return Fault(code="key", wrong="档案标识被改动", right="恢复平台填写的标识；新建档案请留空")
    return text


def _text(column: Column, raw: Any, text: str) -> Value | Fault:
    longest = column.longest or LONGEST
    if len(text) > longest:
        return Fault(code="too_long", wrong=f"超过 {longest} 个字", right=f"缩短到 {longest} 个字以内")
    if any(unicodedata.category(character) in {"Cc", "Cf"} for character in text):
        return Fault(code="control", wrong="含有换行或不可见字符", right="删除换行和不可见字符")
    return text


def _name(column: Column, raw: Any, text: str) -> Value | Fault:
    name = citizen_id.plain_name(text) if not text.isascii() else text
    if name is None or not _NAME.fullmatch(name):
        return Fault(code="name", wrong="不是完整姓名", right="填写户口簿上的姓名，不含数字、称谓和标点")
    return _text(column, raw, name)


def _citizen_id(column: Column, raw: Any, text: str) -> Value | Fault:
    number = "".join(text.split()).upper()
    wrong = citizen_id.fault(number, None, None)
    if wrong == "form":
        short = len(number) == 15 and number.isdecimal()
        return Fault(
            code="citizen_id_form",
            wrong="是15位旧号码" if short else "公民身份号码应为18位",
            right="按户口簿填写18位号码，末位可为数字或X",
        )
    if wrong == "check_digit":
        return Fault(code="citizen_id_check", wrong="公民身份号码校验不通过，至少一位有误", right="对照户口簿逐位核对")
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return Fault(code="citizen_id_date", wrong="号码中的出生日期不存在", right="对照户口簿逐位核对")
    return number


def _date(column: Column, raw: Any, text: str) -> Value | Fault:
    parts = _DATE.fullmatch(text) or _DIGITS.fullmatch(text)
    if parts is None and text.isdecimal() and int(text) in _EXCEL_DAYS:
        return (_EXCEL_EPOCH + timedelta(days=int(text))).isoformat()
    if parts is not None:
        try:
            return date(int(parts[1]), int(parts[2]), int(parts[3])).isoformat()
        except ValueError:
            return Fault(code="no_such_day", wrong="日历中没有这一天", right="年-月-日，如 2014-03-09")
    return Fault(code="date", wrong="不是完整日期", right="年-月-日，如 2014-03-09")


def _phone(column: Column, raw: Any, text: str) -> Value | Fault:
    number = re.sub(r"[\s()（）]", "", text)
    if not _PHONE.fullmatch(number):
        return Fault(code="phone", wrong="不是完整电话号码", right="11位手机号，或区号加号码，如 022-82100000")
    return number


def _division(column: Column, raw: Any, text: str) -> Value | Fault:
    code = re.match(r"[0-9]+", text)
    if code is None or len(code[0]) != 12:
        return Fault(code="division", wrong="不是12位村居代码", right="填写本村(居)的12位代码")
    return code[0]


def _choice(column: Column, raw: Any, text: str) -> Value | Fault:
    found = chosen(column.choices, text)
    if found is None:
        return Fault(code="choice", wrong="不在可选范围内", right=_wanted(column))
    return found.value == "true" if column.kind == "bool" else found.value


def _choices(column: Column, raw: Any, text: str) -> Value | Fault:
    found: list[str] = []
    for part in re.split(r"[；;、，,\n|]+", text):
        if not part.strip():
            continue
        choice = chosen(column.choices, part.strip())
        if choice is None:
            return Fault(
                code="choice", wrong="有一项不在可选范围内", right=f"可多选，以；分隔：{_listed(column.choices)}"
            )
        if choice.value not in found:
            found.append(choice.value)
    return found


def chosen(choices: tuple[Choice, ...], text: str) -> Choice | None:
    """The choice that a text names: by its word, a code, the schema's name, or code and word together."""
    plain_text = re.sub(r"\s", "", text)
    for choice in choices:
        codes = {*choice.codes, *(code.lstrip("0") or "0" for code in choice.codes)}
        together = {code + choice.word for code in codes} | {choice.word + code for code in codes}
        if plain_text in {choice.word, choice.value, *codes, *together} or plain_text.upper() == choice.value:
            return choice
        if choice.word == f"{plain_text}族":
            return choice
    return None


def _grade(column: Column, raw: Any, text: str) -> Value | Fault:
    words = {"一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4}
    grade = words.get(text.removesuffix("级"))
    if grade is None:
        return Fault(code="grade", wrong="不是残疾等级", right="填写1（极重度）至4（轻度）")
    return grade


_PARSERS: Final[dict[str, Callable[[Column, Any, str], Value | Fault]]] = {
    "key": _key,
    "text": _text,
    "name": _name,
    "citizen_id": _citizen_id,
    "date": _date,
    "phone": _phone,
    "division": _division,
    "bool": _choice,
    "grade": _grade,
    "ethnicity": _choice,
    "code": _choice,
    "codes": _choices,
}
