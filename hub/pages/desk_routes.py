"""``/desk/...`` -> sign-in, choice of a purpose, sign-out of a unit; and the frame of every page behind them.

Guarantee: a page is shown to who holds a session and has chosen a purpose, and to nobody else; a form is taken only
from our own pages. What goes wrong is told in words, with whom to call when a child is in danger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from hub.audit.contract import StoreError
from hub.credential import Credential, bearer
from hub.errors import HubError, OutageError, RefusalError
from hub.lifecycle.steps import STEPS
from hub.pages.console.names import Names
from hub.pages.desk import COOKIE, Desk
from hub.pages.forms import Problem, check_session, on_loopback, read_form, read_pairs
from hub.pages.layout import HEADERS, page
from hub.pages.session import Session
from hub.pages.upload import Upload, read_upload
from hub.pages.words import Language, language, word

MENU: Final = (
    ("/duty/", "duty"),
    ("/survey/", "survey_page"),
    ("/report/", "report_page"),
    ("/reconciliation/", "reconciliation"),
    ("/statistics/", "statistics_page"),
)
"""Paths of the pages and keys of their words."""
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "/report/": ("reportConcern",),
    "/survey/": ("beginSurvey", "acceptSurvey"),
    "/reconciliation/": ("answerDiscrepancy",),
}
"""Path -> steps; without any of them it is no page of the unit."""
READS: Final[Mapping[str, str]] = {"/statistics/": "Statistic.value"}
"""Path -> the coordinate that a unit reads under some purpose of its own, or it is no page of the unit."""
_MOST_FIELDS: Final = 200
_HOME: Final = "/duty/"

Opened: TypeAlias = Callable[[], Desk | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to a page: who, in which language, with what; ``pairs`` is the form, empty for a GET.

    ``upload``: the file in it; ``cookie``: what the browser alone has.
    """

    desk: Desk
    session: Session
    spoken: Language
    path: Mapping[str, Any]
    query: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    here: str
    upload: Upload | None = None
    cookie: str = field(default="", repr=False)

    @property
    def names(self) -> Names:
        """Names of units, purposes and fields."""
        return Names(policy=self.desk.policy(), spoken=self.spoken)

    def pick(self, pair: tuple[str, str]) -> str:
        """Chinese or English."""
        return pair[1] if self.spoken == "en" else pair[0]

    def say(self, key: str, *values: object) -> str:
        """A word of the pages."""
        return word(key, self.spoken, *values)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """The page with the frame of who is signed in."""
        return framed(self.desk, template, self.spoken, status, session=self.session, here=self.here, **context)


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]
Broken: TypeAlias = Callable[[Desk, Language], Response]


def desk_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/desk``; at its door the page that waits for a unit, which asks who it is."""
    return [
        Route("/", _entrance),
        _own(opened, "/sign-in", _sign_in_page, "GET"),
        _own(opened, "/sign-in", _sign_in, "POST"),
        _own(opened, "/purpose", _purpose_page, "GET"),
        _own(opened, "/purpose", _choose, "POST"),
        _own(opened, "/sign-out", _sign_out, "POST"),
    ]


async def _entrance(_: Request) -> Response:
    return RedirectResponse(_HOME, 303, headers=HEADERS)


def at(
    opened: Opened,
    path: str,
    handler: Handler,
    method: str = "GET",
    *,
    broken: Broken | None = None,
    with_file: bool = False,
) -> Route:
    """A page of who is signed in; ``broken``: what it shows while the hub's own database does not answer."""
    return _own(
        opened, path, lambda desk, request, spoken: _shown(desk, request, spoken, handler, with_file), method, broken
    )


def _own(
    opened: Opened,
    path: str,
    handler: Callable[[Desk, Request, Language], Awaitable[Response]],
    method: str,
    broken: Broken | None = None,
) -> Route:
    async def endpoint(request: Request) -> Response:
        spoken = language(request.headers.get("accept-language", ""))
        desk = opened()
        if desk is None:
            return page("problem.html", spoken, 503, words=word("desk_down", spoken))
        try:
            return await handler(desk, request, spoken)
        except Problem as problem:
            return framed(desk, "desk/problem.html", spoken, problem.status, words=word(problem.key, spoken))
        except (StoreError, OutageError):
            down = broken or _down
            return down(desk, spoken)

    return Route(path, endpoint, methods=[method])


def _down(desk: Desk, spoken: Language) -> Response:
    return framed(desk, "desk/problem.html", spoken, 503, words=word("desk_down", spoken))


def framed(desk: Desk, template: str, spoken: Language, status: int = 200, **context: Any) -> Response:
    """A page with the frame that all have: the menu of who is signed in, and whom to call."""
    names = Names(policy=desk.policy(), spoken=spoken)
    session: Session | None = context.get("session")
    menu = [] if session is None else [item for item in MENU if _open(desk, item[0], session.credential)]
    frame = {"menu": menu, "phones": desk.phones, "names": names, "invented": desk.invented}
    return page(template, spoken, status, **frame, **context)


def _open(desk: Desk, path: str, credential: Credential) -> bool:
    needed, read = NEEDS.get(path), READS.get(path)
    if read is not None:
        grants = desk.policy().grants
        return any(read in grants(credential.unit, purpose, "read") for purpose in desk.purposes(credential))
    purposes = set(credential.purposes)
    return needed is None or any(not purposes.isdisjoint(STEPS[name].purposes(credential.unit)) for name in needed)


async def _shown(desk: Desk, request: Request, spoken: Language, handler: Handler, with_file: bool = False) -> Response:
    session, here = await _session(desk, request), _before(request.url.path)
    if session is None:
        return RedirectResponse(f"/desk/sign-in?next={here}", 303, headers=HEADERS)
    if not session.purpose:
        return RedirectResponse(f"/desk/purpose?next={here}", 303, headers=HEADERS)
    pairs: Sequence[tuple[str, str]] = ()
    upload: Upload | None = None
    if request.method == "POST":
        pairs, upload = await read_upload(request) if with_file else (await read_pairs(request, _MOST_FIELDS), None)
        check_session(session, dict(pairs).get("form", ""))
    return await handler(
        Visit(
            desk=desk,
            session=session,
            spoken=spoken,
            path=request.path_params,
            query=request.query_params,
            pairs=pairs,
            here=here,
            upload=upload,
            cookie=request.cookies[COOKIE],
        )
    )


def _before(path: str) -> str:
    """The page of the menu to which a path belongs; the browser is never sent anywhere else."""
    return next((home for home, _ in MENU if path.startswith(home)), _HOME)


async def _session(desk: Desk, request: Request) -> Session | None:
    cookie = request.cookies.get(COOKIE, "")
    try:
        async with asyncio.timeout(desk.patience):
            session = await desk.sessions.find(cookie) if cookie else None
    except TimeoutError:
        # Somebody who reports a child in danger is told within seconds that this does not work.
        raise StoreError("timeout") from None
    return None if session is None or session.credential.unit in desk.auditors() else session


async def _sign_in_page(desk: Desk, request: Request, spoken: Language) -> Response:
    here = _before(request.query_params.get("next", ""))
    if await _session(desk, request) is not None:
        return RedirectResponse(here, 303, headers=HEADERS)
    return framed(desk, "desk/sign_in.html", spoken, failure="", detail="", here=here)


async def _sign_in(desk: Desk, request: Request, spoken: Language) -> Response:
    form = await read_form(request)
    here = _before(form.get("next", ""))
    if not desk.attempts.take():
        raise Problem(429, "slow_down")
    credential: Credential | None = None
    try:
        credential = await desk.verifier.verify(bearer({"authorization": f"Bearer {form.get('token', '').strip()}"}))
        _check_unit(desk, credential, spoken)
    except RefusalError as error:
        await desk.turned_away(credential, error)
        return _failed(desk, spoken, here, credential, error)
    held = desk.purposes(credential)
    cookie = await desk.sessions.begin(credential)
    if len(held) == 1 and not desk.policy().case_required(held[0]):
        await desk.sessions.choose(cookie, held[0], "")
    response = RedirectResponse(here if len(held) == 1 else f"/desk/purpose?next={here}", 303, headers=HEADERS)
    # Strict and for no script; to the root, since the pages lie side by side. Nothing else of the hub reads it.
    response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="strict", secure=not on_loopback(request))
    return response


def _check_unit(desk: Desk, credential: Credential, spoken: Language) -> None:
    if credential.unit in desk.auditors():
        raise RefusalError("NOT_ENTITLED", word("not_for_auditors", spoken))
    held = desk.purposes(credential)
    if not held:
        raise RefusalError("PURPOSE_NOT_ALLOWED", word("no_purpose", spoken))
    # What the token says of the unit, its division and its institution is judged now, not at the first question.
    try:
        desk.identity(Session(credential=credential, form="", purpose=held[0]))
    except RefusalError as error:
        if error.code != "CASE_REQUIRED":
            raise


def _failed(desk: Desk, spoken: Language, here: str, credential: Credential | None, error: HubError) -> Response:
    known = error.code in {"NOT_ENTITLED", "PURPOSE_NOT_ALLOWED"}
    failure, detail = (error.message, "") if known else (word("bad_token", spoken), error.message)
    status = 401 if credential is None else 403
    return framed(desk, "desk/sign_in.html", spoken, status, failure=failure, detail=detail, here=here)


async def _purpose_page(desk: Desk, request: Request, spoken: Language) -> Response:
    session = await _session(desk, request)
    here = _before(request.query_params.get("next", ""))
    if session is None:
        return RedirectResponse(f"/desk/sign-in?next={here}", 303, headers=HEADERS)
    return _choices(desk, spoken, session, here)


def _choices(desk: Desk, spoken: Language, session: Session, here: str, status: int = 200) -> Response:
    held = desk.purposes(session.credential)
    needs = any(desk.policy().case_required(name) for name in held)
    return framed(
        desk, "desk/purpose.html", spoken, status, session=session, here=here, held=held, needs=needs, bad=status != 200
    )


async def _choose(desk: Desk, request: Request, spoken: Language) -> Response:
    form = await read_form(request)
    session = check_session(await _session(desk, request), form.get("form", ""))
    here, purpose, case = _before(form.get("next", "")), form.get("purpose", ""), form.get("case", "").strip()
    if purpose not in desk.purposes(session.credential):
        raise Problem(400, "bad_form")
    try:
        desk.identity(Session(credential=session.credential, form="", purpose=purpose, case=case))
    except RefusalError as error:
        if error.code not in {"CASE_REQUIRED", "INVALID_INPUT"}:
            raise Problem(403, "bad_token") from None
        return _choices(desk, spoken, session, here, 422)
    await desk.sessions.choose(request.cookies[COOKIE], purpose, case)
    return RedirectResponse(here, 303, headers=HEADERS)


async def _sign_out(desk: Desk, request: Request, spoken: Language) -> Response:
    form = await read_form(request)
    check_session(await _session(desk, request), form.get("form", ""))
    await desk.sessions.end(request.cookies[COOKIE])
    response = RedirectResponse("/desk/sign-in", 303, headers=HEADERS)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
