"""``/healthz`` and ``/readyz`` -> whether the process lives, and whether it could answer a query now.

``/readyz`` is 200 while the log, the policy and the hub's own records are well: a department that is down takes its own
fields with it, not the hub. It names each part and a stable word, never an address or a message of another system.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

NEEDED = ("log", "policy", "hub")
"""Parts without which nothing can be answered."""


def health_routes(ready: Callable[[], Awaitable[Mapping[str, str]]]) -> list[Route]:
    """The two routes."""

    async def healthz(_: HttpRequest) -> Response:
        return PlainTextResponse("ok", headers={"Cache-Control": "no-store"})

    async def readyz(_: HttpRequest) -> Response:
        parts = dict(await ready())
        well = all(parts.get(part, "ok") == "ok" for part in NEEDED)
        return JSONResponse(
            {"ready": well, "parts": parts}, 200 if well else 503, headers={"Cache-Control": "no-store"}
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
