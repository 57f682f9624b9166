"""Settings -> ASGI application: routes, middleware, lifespan; the only place where the parts are put together.

The application opens what stands behind it when it starts and closes it when it ends; nothing is opened at import.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from hub.hardened import Hardened
from hub.health import health_routes
from hub.http import Door, Service
from hub.pages.console.ports import Console
from hub.pages.console.routes import console_routes
from hub.pages.desk import Desk
from hub.pages.desk_routes import desk_routes
from hub.pages.duty.report import report_routes
from hub.pages.duty.routes import duty_routes
from hub.pages.ide.page import ide_routes
from hub.pages.reconciliation.routes import reconciliation_routes
from hub.pages.statistics.routes import statistics_routes
from hub.pages.survey.routes import survey_routes
from hub.settings import Settings
from hub.socket import SocketDoor
from hub.telemetry import Silent, Stages, Telemetry, metrics_page
from hub.tlog import Tlog, tlog_routes

Open: TypeAlias = Callable[[Settings, Stages], AbstractAsyncContextManager[Service]]
"""How what stands behind the door is opened."""


def create_app(
    settings: Settings, *, open_service: Open | None = None, telemetry: Telemetry | None = None
) -> Starlette:
    """The application; ``open_service`` opens what stands behind the door (the default: all of the hub)."""
    endpoint = _Endpoint()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        opened = (open_service or _open_service)(settings, telemetry or Silent())
        async with opened as service:
            endpoint.opened(Door(settings=settings, service=service))
            try:
                yield
            finally:
                endpoint.door = endpoint.sockets = None

    app = _Straight(
        routes=_routes(settings, endpoint, telemetry),
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error, Exception: _our_bug},
    )
    app.add_middleware(Hardened)
    app.endpoint = endpoint
    return app


def _open_service(settings: Settings, stages: Stages) -> AbstractAsyncContextManager[Service]:
    from hub.service import open_service

    return open_service(settings, stages)


class _Straight(Starlette):
    """The application; what is asked at ``/graphql`` goes to the door at once, past routes and middleware.

    They cost 12 µs a request, and the door adds and catches by itself what they would.
    """

    endpoint: _Endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/graphql" and self.endpoint.door is not None:
            await self.endpoint.door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


@dataclass(slots=True)
class _Endpoint:
    """``/graphql`` from start to end of the lifespan."""

    door: Door | None = field(default=None)
    sockets: SocketDoor | None = field(default=None)

    def opened(self, door: Door) -> None:
        self.door = door
        if door.service.events is not None:
            self.sockets = SocketDoor(door=door, events=door.service.events)

    async def listen(self, socket: WebSocket) -> None:
        if self.sockets is None:
            await socket.close(1013)
            return
        await self.sockets(socket)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.door or PlainTextResponse("starting", 503))(scope, receive, send)

    async def ready(self) -> Mapping[str, str]:
        return {"hub": "starting"} if self.door is None else await self.door.service.ready()

    def console(self) -> Console | None:
        return None if self.door is None else self.door.service.console

    def desk(self) -> Desk | None:
        return None if self.door is None else self.door.service.desk

    def tlog(self) -> Tlog | None:
        return None if self.door is None else self.door.service.tlog

    def purposes(self) -> Mapping[str, Any]:
        return {} if self.door is None else self.door.service.registry.purposes


def _routes(settings: Settings, endpoint: _Endpoint, telemetry: Telemetry | None) -> list[BaseRoute]:
    routes: list[BaseRoute] = [Route("/graphql", endpoint)]  # whatever the method: the door says which it answers
    routes.append(WebSocketRoute("/graphql", endpoint.listen))
    routes += health_routes(endpoint.ready)
    routes.append(Mount("/log", routes=tlog_routes(endpoint.tlog)))
    routes.append(Mount("/console", routes=console_routes(endpoint.console)))
    routes.append(Mount("/desk", routes=desk_routes(endpoint.desk)))
    routes.append(Mount("/duty", routes=duty_routes(endpoint.desk)))
    routes.append(Mount("/reconciliation", routes=reconciliation_routes(endpoint.desk)))
    routes.append(Mount("/survey", routes=survey_routes(endpoint.desk)))
    routes.append(Mount("/report", routes=report_routes(endpoint.desk)))
    routes.append(Mount("/statistics", routes=statistics_routes(endpoint.desk)))
    if settings.ide:
        routes.append(Mount("/ide", routes=ide_routes(settings, endpoint.purposes)))
    if settings.metrics and telemetry is not None and telemetry.page is not None:
        page = telemetry.page

        async def metrics(_: HttpRequest) -> Response:
            return PlainTextResponse(metrics_page(page), media_type="text/plain; version=0.0.4")

        routes.append(Route("/metrics", metrics))
    return routes


async def _http_error(_: HttpRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "there is nothing here", 405: "this method is not answered here"}.get(status, "not answered")
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": words}, status, headers)


async def _our_bug(_: HttpRequest, __: Exception) -> Response:
    return JSONResponse({"error": "internal error"}, 500)
