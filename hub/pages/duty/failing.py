"""Error of the pipeline -> what an official reads of it, in the language of the page.

Guarantee: no name that programs use (of a step, a source, a field) stands in a Chinese sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from hub.pages.desk import Told
from hub.pages.words import Language, word

_PLAIN: Final[Mapping[str, str]] = {
    "SOURCE_UNAVAILABLE": "source_down",
    "AUDIT_UNAVAILABLE": "desk_down",
    "RATE_LIMITED": "too_many",
    "INVALID_INPUT": "not_fitting",
}
"""Code -> the key of the words for errors that have no Chinese ones of their own."""
_NAMES: Final = re.compile("（`[^`]*`）")
"""Names of steps and members of an input behind their words, as programs read them."""


def first_of(told: Told) -> Mapping[str, Any]:
    """The first error."""
    [error, *_] = told.errors or ({"message": "", "extensions": {"code": "INTERNAL"}},)
    return error


def sentence(error: Mapping[str, Any], spoken: Language) -> str:
    """What it says."""
    facts = error["extensions"]
    if spoken == "en":
        return str(error["message"])
    chinese = facts.get("messageZh")
    if chinese is None:
        return word(_PLAIN.get(facts["code"], "not_taken"), spoken)
    return _NAMES.sub("", str(chinese))
