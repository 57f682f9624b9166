"""A number as a source holds it, birthday, sex -> its normal form, and what is wrong with it (GB 11643).

Guarantee: a number without a fault has 18 characters, a right check digit, and the birthday and the sex that its source
says. An old number of 15 digits has a normal form (to be compared with) and a fault (it proves nothing).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal, TypeAlias

from stdnum.cn import ric

Fault: TypeAlias = Literal["form", "check_digit", "birth_date", "sex"]

_FULL: Final = re.compile(r"[0-9]{17}[0-9X]")
_OLD: Final = re.compile(r"[0-9]{15}")
CENTURIES: Final = ("20", "19")


def normal(number: str | None, birth: str | None) -> str | None:
    """The number in 18 plain characters; None if it cannot be one. ``birth`` (ISO 8601) tells an old one's century."""
    if number is None:
        return None
    plain = "".join(unicodedata.normalize("NFKC", number).split()).upper()
    if _FULL.fullmatch(plain):
        return plain
    return _expanded(plain, birth) if _OLD.fullmatch(plain) else None


def _expanded(old: str, birth: str | None) -> str:
    """Century and check digit added: children whose birthday is not known are of this century."""
    digits = (birth or "").replace("-", "")
    century = next((one for one in CENTURIES if digits == one + old[6:12]), CENTURIES[0])
    head = f"{old[:6]}{century}{old[6:]}"
    return head + ric.calc_check_digit(f"{head}0")


def fault(number: str | None, birth: str | None, sex: str | None) -> Fault | None:
    """What is wrong with a number that is there; None if nothing is, or there is no number."""
    if number is None:
        return None
    plain = "".join(unicodedata.normalize("NFKC", number).split()).upper()
    if not _FULL.fullmatch(plain):
        return "form"
    if plain[17] != ric.calc_check_digit(plain):
        return "check_digit"
    if birth is not None and plain[6:14] != birth.replace("-", ""):
        return "birth_date"
    if sex in ("MALE", "FEMALE") and (int(plain[16]) % 2 == 1) != (sex == "MALE"):
        return "sex"
    return None


def plain_name(name: str | None) -> str | None:
    """A name to be compared: one width of letters, no spaces, one form of the dot between parts."""
    if name is None:
        return None
    joined = "".join(unicodedata.normalize("NFKC", name).split())
    return re.sub(r"[•・‧⋅∙.]", "·", joined) or None
