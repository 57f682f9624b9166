"""``/ide`` -> GraphiQL over the caller's own view, with token, purpose and case as controls.

Guarantee: no request leaves for another host (the Content-Security-Policy holds the browser to that), and the page
itself shows nothing of the hub's data: whatever is seen was answered by ``/graphql`` to the caller's own credential.
The token lives in the page's memory alone: it is in no storage, no address and no cookie.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from hub.pages.words import WORDS
from hub.settings import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy; GraphiQL writes inline styles (editor, resize bars), no script may be inline."""

_HERE = Path(__file__).parent
_INVENTED = f'<p class="notice">{html.escape("{} {}".format(*WORDS["invented"]))}</p>'


def graphiql_folder() -> Path:
    """The folder of GraphiQL's own files."""
    package = "graphene_django_graphiql_static"
    return Path(str(files(package))) / "static" / package


def ide_routes(settings: Settings, purposes: Callable[[], Mapping[str, Any]]) -> list[BaseRoute]:
    """Routes below ``/ide``."""
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))

    async def page(http: HttpRequest) -> Response:
        if not http.scope["path"].endswith("/"):
            return RedirectResponse("/ide/", 308)
        text = template.substitute(
            options="\n".join(_option(code, purpose) for code, purpose in purposes().items()),
            case_pattern=html.escape(settings.case_pattern, quote=True),
            invented=_INVENTED if settings.invented else "",
        )
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    return [
        Route("/", page),
        Mount("/own", StaticFiles(directory=_HERE / "static")),
        Mount("/graphiql", StaticFiles(directory=graphiql_folder())),
    ]


def _option(code: str, purpose: Any) -> str:
    words = f"{_word(purpose, 'name_zh')} {code}" if _word(purpose, "name_zh") else code
    mark = " data-case" if _word(purpose, "needs_case") in {True, "true", "yes", "1"} else ""
    return f'<option value="{html.escape(code, quote=True)}"{mark}>{html.escape(words)}</option>'


def _word(purpose: Any, name: str) -> Any:
    return purpose.get(name) if isinstance(purpose, Mapping) else getattr(purpose, name, None)
