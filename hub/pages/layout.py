"""Template, words -> a page: one layout, one stylesheet, one policy of what a browser may load and send.

Guarantee: nothing in a page is executed that does not come from the hub itself, nothing is kept by the browser, no
other site may frame it or be sent a form of it; every text of the log is escaped.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from hub.pages.words import DECISIONS, KINDS, MARKS, Language, word

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Language, Cookie",
}
ASSETS: Final = Path(__file__).parent / "assets"
_ZONE: Final = ZoneInfo("Asia/Shanghai")

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, spoken: Language, status: int = 200, **context: Any) -> HTMLResponse:
    """A page in the language ``spoken``."""

    def say(key: str, *values: object) -> str:
        return word(key, spoken, *values)

    def pick(pair: tuple[str, str]) -> str:
        return pair[1] if spoken == "en" else pair[0]

    text = _environment.get_template(template).render(
        say=say,
        spoken=spoken,
        instant=lambda at: instant(at, spoken),
        moment=lambda text: instant(datetime.fromisoformat(text.replace("Z", "+00:00")), spoken),
        kind=lambda code: pick(KINDS.get(code, (code, code))),
        verdict=lambda code: pick(DECISIONS.get(code, (code, code))),
        mark=lambda code: pick(MARKS.get(code, (code, code))),
        **{"session": None, "here": "", "invented": False, **context},
    )
    return HTMLResponse(text, status, headers={**HEADERS, "Content-Language": "en" if spoken == "en" else "zh-CN"})


def instant(at: datetime, spoken: Language) -> str:
    """A time as officials read it, in Asia/Shanghai: ``2026年11月25日 14:05``."""
    local = at.astimezone(_ZONE)
    if spoken == "en":
        return local.strftime("%Y-%m-%d %H:%M:%S")
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}"
