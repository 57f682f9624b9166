"""``/console/...`` -> pages for auditors; every look is an entry of the log, durable before the page leaves.

Guarantee: only who holds a session of a credential with purpose audit, of a unit that audits, sees a page; whoever else
tries is refused in plain words, and that is an entry too. A form is taken only from our own pages. What goes wrong is
told in words, and never with what the log or a database says.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from hub.audit.contract import GapError, StoreError
from hub.audit.entry import Entry
from hub.audit.reviewing import look
from hub.audit.search import AlteredError, QuestionError, TooMuchError
from hub.credential import Credential
from hub.errors import HubError, OutageError, RefusalError
from hub.pages.console import cycles, entry, finding, overview, reporting
from hub.pages.console.names import Names
from hub.pages.console.ports import AbsentError, Ask, Console, View
from hub.pages.forms import Problem, check_session, on_loopback, read_form
from hub.pages.layout import ASSETS, HEADERS, page
from hub.pages.session import COOKIE, Session
from hub.pages.words import Language, language, word

Handler: TypeAlias = Callable[[Console, Ask], Awaitable[View]]

_HOME = "/console/"
_SIGN_IN = "/console/sign-in"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


_PROBLEMS: Mapping[type[Exception], tuple[int, str]] = {
    TooMuchError: (422, "too_much"),
    GapError: (410, "retired"),
    AbsentError: (404, "no_entry"),
    AlteredError: (409, "altered"),
    StoreError: (503, "log_down"),
    OutageError: (503, "log_down"),
}


def console_routes(opened: Callable[[], Console | None]) -> list[BaseRoute]:
    """The routes below ``/console``."""

    def at(path: str, handler: Handler, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            return await _answered(opened(), request, lambda console, spoken: _shown(console, request, spoken, handler))

        return Route(path, endpoint, methods=[method])

    def own(path: str, handler: Callable[[Console, Request, Language], Awaitable[Response]], method: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _answered(opened(), request, lambda console, spoken: handler(console, request, spoken))

        return Route(path, endpoint, methods=[method])

    return [
        Mount("/assets", StaticFiles(directory=ASSETS)),
        own("/sign-in", _sign_in_page, "GET"),
        own("/sign-in", _sign_in, "POST"),
        own("/sign-out", _sign_out, "POST"),
        at("/", overview.overview),
        at("/find", finding.find, "POST"),
        at("/child/{names}", finding.child),
        at("/search", finding.search),
        at("/search", finding.search_by_case, "POST"),
        at("/operator", finding.operator),
        at("/entry/{index}", entry.entry),
        at("/entry/{index}/proof", entry.proof),
        at("/entry/{index}/review", entry.judge, "POST"),
        at("/unusual", reporting.unusual),
        at("/reviews", reporting.reviewed),
        at("/cycles", cycles.cycles),
        at("/month", reporting.month),
        at("/month/{month}.xlsx", reporting.month),
        own("/{rest:path}", _nowhere, "GET"),
    ]


async def _answered(
    console: Console | None, request: Request, answer: Callable[[Console, Language], Awaitable[Response]]
) -> Response:
    spoken = language(request.headers.get("accept-language", ""))
    try:
        if console is None:
            raise Problem(503, "log_down")
        return await answer(console, spoken)
    except Problem as problem:
        return _problem(console, request, spoken, problem.status, word(problem.key, spoken))
    except QuestionError as error:
        return _problem(console, request, spoken, 400, str(error) if spoken == "en" else error.zh)
    except tuple(_PROBLEMS) as error:
        status, key = next(found for kind, found in _PROBLEMS.items() if isinstance(error, kind))
        return _problem(console, request, spoken, status, word(key, spoken))


def _problem(console: Console | None, request: Request, spoken: Language, status: int, words: str) -> Response:
    """What is wrong, below the menu for who is signed in."""
    session: Session | None = getattr(request.state, "session", None)
    return _page(console, "problem.html", spoken, status, words=words, session=session)


def _page(console: Console | None, template: str, spoken: Language, status: int = 200, **context: Any) -> Response:
    """A page that says if all that is shown is invented."""
    return page(template, spoken, status, invented=console is not None and console.invented, **context)


async def _shown(console: Console, request: Request, spoken: Language, handler: Handler) -> Response:
    session = await _session(console, request)
    if session is None:
        return RedirectResponse(_SIGN_IN, 303, headers=HEADERS)
    form: Mapping[str, str] = {}
    if request.method == "POST":
        form = await read_form(request)
        check_session(session, form.get("form", ""))
    ask = Ask(session=session, spoken=spoken, path=request.path_params, query=request.query_params, form=form)
    view = await handler(console, ask)
    # INVARIANT 2: no entry, no answer. The look is durable before anything of it leaves.
    entries = [*view.entries]
    if view.facts:
        entries.append(look(ask.auditor, console.clock(), *view.facts, subjects=view.subjects))
    if entries:
        await console.recorder.record(entries)
    return _response(console, request, spoken, session, view)


def _response(console: Console, request: Request, spoken: Language, session: Session, view: View) -> Response:
    if view.location:
        return RedirectResponse(view.location, 303, headers=HEADERS)
    if view.download is not None:
        name, media_type, data = view.download
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, media_type=media_type, headers=headers)
    here = request.url.path.removeprefix("/console")
    return _page(console, view.template, spoken, view.status, session=session, here=here, **view.context)


async def _session(console: Console, request: Request) -> Session | None:
    cookie = request.cookies.get(COOKIE, "")
    session = await console.sessions.find(cookie) if cookie else None
    if session is not None and session.credential.unit not in console.auditors():
        return None
    request.state.session = session
    return session


async def _sign_in_page(console: Console, request: Request, spoken: Language) -> Response:
    if await _session(console, request) is not None:
        return RedirectResponse(_HOME, 303, headers=HEADERS)
    return _page(console, "sign_in.html", spoken, failure="", detail="")


async def _nowhere(console: Console, request: Request, spoken: Language) -> Response:
    if await _session(console, request) is None:
        return RedirectResponse(_SIGN_IN, 303, headers=HEADERS)
    raise Problem(404, "no_page")


async def _sign_in(console: Console, request: Request, spoken: Language) -> Response:
    form = await read_form(request)
    if not console.attempts.take():
        raise Problem(429, "slow_down")
    token = form.get("token", "").strip()
    try:
        if not _TOKEN.fullmatch(token) or len(token) > 8_192:
            raise RefusalError(
                "UNAUTHENTICATED", "the token is no signed JWT (three parts of base64url with dots between)"
            )
        credential = await console.verifier.verify(token)
    except RefusalError as error:
        await console.recorder.record([_refusal(console, None, error)])
        return _page(console, "sign_in.html", spoken, 401, failure=word("bad_token", spoken), detail=error.message)
    if credential.unit not in console.auditors() or "audit" not in credential.purposes:
        await console.recorder.record([_refusal(console, credential, RefusalError("NOT_ENTITLED", ""))])
        names = Names(policy=console.policy(), spoken=spoken)
        return _page(console, "refused.html", spoken, 403, unit=names.unit(credential.key))
    await console.recorder.record([_signed_in(console, credential)])
    response = RedirectResponse(_HOME, 303, headers=HEADERS)
    response.set_cookie(
        COOKIE,
        await console.sessions.begin(credential),
        path="/console",
        httponly=True,
        samesite="strict",
        secure=not on_loopback(request),
    )
    return response


async def _sign_out(console: Console, request: Request, spoken: Language) -> Response:
    session = await _session(console, request)
    form = await read_form(request)
    check_session(session, form.get("form", ""))
    await console.sessions.end(request.cookies[COOKIE])
    response = RedirectResponse(_SIGN_IN, 303, headers=HEADERS)
    response.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
    return response


def _signed_in(console: Console, credential: Credential) -> Entry:
    return _act(console, credential, "look", "ALLOWED", ("page=sign-in",), ())


def _refusal(console: Console, credential: Credential | None, error: HubError) -> Entry:
    return _act(console, credential, "refusal", "DENIED", ("page=sign-in",), (error.code,))


def _act(
    console: Console,
    credential: Credential | None,
    kind: str,
    decision: str,
    facts: tuple[str, ...],
    errors: tuple[str, ...],
) -> Entry:
    return Entry(
        kind="look" if kind == "look" else "refusal",
        request=secrets.token_hex(16),
        at=console.clock(),
        unit=credential.key if credential else "",
        client=credential.client if credential else "",
        operator=credential.operator if credential else "",
        purpose="audit",
        decision="ALLOWED" if decision == "ALLOWED" else "DENIED",
        facts=facts,
        errors=errors,
    )
