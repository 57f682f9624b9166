"""WebSocket -> subscriptions, queries and steps of one principal: the edge of ``/graphql`` by graphql-transport-ws.

What headers say over HTTP stands in the payload of ``connection_init``, under the same names. Guarantee: nothing is
taken before the credential is verified; it is judged again at each event, and its end closes the socket. A client that
does not read is cut: what is sent waits for it in one place, never in a queue.

Close codes beside those of the protocol (4400, 4401, 4406, 4408, 4409, 4429): 4403 the credential is none, or none any
more; 4410 the client reads too slowly. The reason is the error's code.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hub.audit.contract import StoreError
from hub.credential import Credential, bearer
from hub.errors import HubError, InternalError, OutageError, RefusalError, RefusedError
from hub.events.subscription import Events
from hub.http import Door, Turned
from hub.identity import Declaration, Identity, declare, declared
from hub.pipeline import Request
from hub.posted import asked

PROTOCOL: Final = "graphql-transport-ws"
INVALID, UNAUTHORISED, FORBIDDEN, NO_PROTOCOL = 4400, 4401, 4403, 4406
TOO_LATE, TAKEN, TOO_SLOW, TOO_MANY = 4408, 4409, 4410, 4429

_logger = logging.getLogger("hub.socket")


class Cut(Exception):
    """The end of a socket: a close code and a reason of a few plain words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class SocketDoor:
    """The endpoint; one for the life of the process. ``open``: sockets by principal."""

    door: Door
    events: Events
    open: dict[str, int] = field(default_factory=dict)

    async def __call__(self, socket: WebSocket) -> None:
        """Serves one socket until either side ends it."""
        offered = PROTOCOL in socket.scope.get("subprotocols", ())
        await socket.accept(subprotocol=PROTOCOL if offered else None)
        line = Line(at=self, socket=socket)
        try:
            if not offered:
                raise Cut(NO_PROTOCOL, "Subprotocol not acceptable")
            await line.serve()
        except Cut as cut:
            await line.close(cut.code, cut.reason)
        except WebSocketDisconnect:
            pass
        except Exception as error:  # our bug: the client learns that it is one, the operator which kind
            _logger.error("a socket failed: %s", type(error).__name__)
            await line.close(1011, "INTERNAL")
        finally:
            await line.end()


@dataclass(slots=True, kw_only=True)
class Line:
    """One socket: who is on it, and what runs over it, by the client's own ids."""

    at: SocketDoor
    socket: WebSocket
    credential: Credential | None = None
    declaration: Declaration | None = None
    counted: str | None = None
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    ended: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def serve(self) -> None:
        """Greets, then takes messages; raises ``Cut`` or ``WebSocketDisconnect`` at the end."""
        try:
            async with asyncio.timeout(self.at.door.settings.sockets.init):
                message = await self._received()
        except TimeoutError:
            raise Cut(TOO_LATE, "Connection initialisation timeout") from None
        if message["type"] in ("subscribe", "complete"):
            raise Cut(UNAUTHORISED, "Unauthorized")
        if message["type"] != "connection_init":
            raise Cut(INVALID, "the first message must be `connection_init`")
        identity = await self._greeted(message.get("payload"))
        self._count(identity)
        try:
            here = await self.at.events.here(identity)
        except StoreError:
            raise Cut(1013, "AUDIT_UNAVAILABLE") from None
        await self.send({"type": "connection_ack", "payload": {"after": here}})
        expiry = asyncio.create_task(self._expires())
        try:
            while True:
                self._take(await self._next())
        finally:
            expiry.cancel()

    async def close(self, code: int, reason: str) -> None:
        """Says why, if the client still listens."""
        if self.socket.application_state is WebSocketState.CONNECTED:
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                async with asyncio.timeout(1):
                    await self.socket.close(code, reason)

    async def end(self) -> None:
        """Ends what runs, and gives the place back."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.counted is not None:
            self.at.open[self.counted] -= 1
            if not self.at.open[self.counted]:
                del self.at.open[self.counted]
        if self.ended.done() and not self.ended.cancelled():
            self.ended.exception()

    async def send(self, message: Mapping[str, Any]) -> None:
        """Sends one message; a client that does not take it in time is cut."""
        try:
            async with asyncio.timeout(self.at.door.settings.sockets.patience):
                await self.socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            raise Cut(TOO_SLOW, "the client reads too slowly") from None
        except RuntimeError:
            raise WebSocketDisconnect from None

    # What comes in.

    async def _next(self) -> dict[str, Any]:
        """The next message, or the end that something under way has brought about."""
        receiving = asyncio.ensure_future(self._received())
        try:
            await asyncio.wait((receiving, self.ended), return_when=asyncio.FIRST_COMPLETED)
            if self.ended.done():
                self.ended.result()
            return await receiving
        finally:
            receiving.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await receiving

    async def _received(self) -> dict[str, Any]:
        try:
            message = orjson.loads(await self.socket.receive_text())
        except (KeyError, ValueError):
            raise Cut(INVALID, "a message must be a JSON text") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Cut(INVALID, "a message must be an object with `type`")
        if message["type"] in ("subscribe", "complete"):
            name = message.get("id")
            if not isinstance(name, str) or not name or len(name) > 200:
                raise Cut(INVALID, "`id` must be a text of 1 to 200 characters")
        return message

    def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                self._begin(message["id"], message.get("payload"))
            case "complete":
                task = self.running.pop(message["id"], None)
                if task is not None:
                    task.cancel()
            case "ping":
                self._run("", self.send({"type": "pong"}))
            case "pong":
                pass
            case "connection_init":
                raise Cut(TOO_MANY, "Too many initialisation requests")
            case _:
                raise Cut(INVALID, "the type of a message is not known")

    async def _greeted(self, payload: Any) -> Identity:
        """Who is on the line; what is no good is an entry, and the end."""
        given = (
            {str(name): value for name, value in (payload or {}).items() if isinstance(value, str)}
            if isinstance(payload, dict | None)
            else {}
        )
        request_id = secrets.token_hex(16)
        try:
            self.credential = await self.at.door.service.verifier.verify(bearer(given))
            self.declaration = declared(given)
            return self.identify()
        except HubError as error:
            raise await self._turned_away(request_id, error) from None

    async def _turned_away(self, request_id: str, error: HubError) -> Cut:
        door = self.at.door
        if self.credential is None and not door.strangers.take():
            return Cut(FORBIDDEN, "RATE_LIMITED")
        turned = Turned(
            request_id=request_id, credential=self.credential, declaration=self.declaration, errors=(error,)
        )
        try:
            await door.service.turned_away(turned)
        except OutageError as outage:
            return Cut(1013, outage.code)
        return Cut(FORBIDDEN, error.code)

    def identify(self) -> Identity:
        """Who asks, by the credential, the clock and the policy of the moment; raises ``RefusalError``."""
        assert self.credential is not None and self.declaration is not None
        service = self.at.door.service
        service.verifier.in_force(self.credential)
        return declare(self.credential, self.declaration, service.registry, self.at.door.settings.case_pattern)

    def _count(self, identity: Identity) -> None:
        held = self.at.open.get(identity.key, 0)
        if held >= self.at.door.settings.sockets.of_principal:
            raise Cut(TOO_MANY, "RATE_LIMITED")
        self.at.open[identity.key] = held + 1
        self.counted = identity.key

    async def _expires(self) -> None:
        """Ends the socket with its token, though nothing happens meanwhile."""
        assert self.credential is not None
        leeway = self.at.door.settings.credentials.leeway
        await asyncio.sleep(max(0.0, self.credential.expires_at + leeway - time.time()))
        self._cut(Cut(FORBIDDEN, "UNAUTHENTICATED"))

    def _cut(self, cut: Cut) -> None:
        if not self.ended.done():
            self.ended.set_exception(cut)

    # What runs.

    def _begin(self, name: str, payload: Any) -> None:
        if name in self.running:
            raise Cut(TAKEN, "Subscriber for this id already exists")
        if not isinstance(payload, dict):
            raise Cut(INVALID, "`payload` must be an object")
        assert self.declaration is not None
        if len(self.running) >= self.at.door.settings.sockets.subscriptions:
            words = f"{self.at.door.settings.sockets.subscriptions} operations run on this socket already"
            error = RefusalError("RATE_LIMITED", words, limit="subscriptions")
            self._run("", self.send({"id": name, "type": "error", "payload": [error.as_json()]}))
            return
        self._run(name, self._operation(name, payload))

    def _run(self, name: str, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(self._guarded(work))
        key = name or secrets.token_hex(8)
        self.running[key] = task

        def done(ended: asyncio.Task[None]) -> None:
            if self.running.get(key) is ended:
                del self.running[key]

        task.add_done_callback(done)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except Cut as cut:
            self._cut(cut)
        except WebSocketDisconnect:
            self._cut(Cut(1001, "gone"))

    async def _operation(self, name: str, payload: Mapping[str, Any]) -> None:
        """One operation to its end: ``next`` for each answer, then ``complete``, or ``error``."""
        assert self.declaration is not None
        identity: Identity | None = None
        request: Request | None = None
        try:
            identity = self.identify()
            request = asked(orjson.dumps(payload), self.declaration, secrets.token_hex(16))
            if self.at.events.listens(request):
                await self._told(name, request)
            else:
                await self._answered(name, identity, request)
        except HubError as error:
            await self._refused(name, identity, request, (error,))
        except RefusedError as refused:
            await self._refused(name, identity, request, refused.errors)
        except (Cut, WebSocketDisconnect):
            raise
        except Exception as error:  # our bug
            _logger.error("an operation on a socket failed: %s", type(error).__name__)
            await self._refused(name, identity, request, (InternalError(),))

    async def _told(self, name: str, request: Request) -> None:
        answers = self.at.events.subscription(request, self.identify).answers()
        async for body in answers:
            await self.send({"id": name, "type": "next", "payload": orjson.Fragment(body)})

    async def _answered(self, name: str, identity: Identity, request: Request) -> None:
        with self.at.door.gate.passing(identity.key):
            answer = await self.at.door.service.answer(identity, request)
        if answer.status == 200:
            await self.send({"id": name, "type": "next", "payload": orjson.Fragment(answer.body)})
            await self.send({"id": name, "type": "complete"})
        else:
            await self._error(name, answer.body)

    async def _refused(
        self, name: str, identity: Identity | None, request: Request | None, errors: tuple[HubError, ...]
    ) -> None:
        """Ends an operation; a credential that is none any more ends the socket."""
        if any(error.code == "UNAUTHENTICATED" for error in errors):
            raise await self._turned_away(secrets.token_hex(16), errors[0])
        if identity is None or request is None:
            await self.send({"id": name, "type": "error", "payload": [error.as_json() for error in errors]})
            return
        answer = await self.at.events.refused(identity, request, errors)
        await self._error(name, answer.body)

    async def _error(self, name: str, body: bytes) -> None:
        await self.send({"id": name, "type": "error", "payload": orjson.loads(body)["errors"]})
