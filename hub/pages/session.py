"""Verified credential -> session, kept in the hub's database: any replica knows it, and it ends when it should.

Guarantee: a session ends with its credential, after ``IDLE`` without a look, when its token is revoked, and at
sign-out; what the browser holds is a random id, of which the database knows only the hash.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from hub.audit.session import Connections
from hub.credential import Credential, Verifier
from hub.errors import RefusalError

IDLE: Final = timedelta(minutes=15)
COOKIE: Final = "hub-session"
_SWEEP: Final = "delete from pages.session where expires < now() or seen < now() - $1::interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in; ``form`` is what their forms must send back.

    ``purpose`` and ``case`` are what a unit declares of what it asks; empty until it has chosen.
    """

    credential: Credential
    form: str
    purpose: str = ""
    case: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The sessions."""

    connections: Connections
    verifier: Verifier

    async def begin(self, credential: Credential) -> str:
        """A new session; returns the id for the cookie."""
        found = secrets.token_urlsafe(32)
        expires = datetime.fromtimestamp(credential.expires_at, UTC)
        async with self.connections.connection() as connection:
            await connection.execute(_SWEEP, IDLE)
            await connection.execute(
                "insert into pages.session (id, credential, form, expires) values ($1, $2::text::jsonb, $3, $4)",
                *(_hash(found), orjson.dumps(asdict(credential)).decode(), secrets.token_urlsafe(24), expires),
            )
        return found

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, if it has not ended."""
        async with self.connections.connection() as connection:
            row = await connection.fetchrow(
                "update pages.session set seen = now() where id = $1 and expires > now()"
                " and seen > now() - $2::interval returning credential::text, form",
                *(_hash(cookie), IDLE),
            )
        if row is None:
            return None
        fields: dict[str, Any] = orjson.loads(row["credential"])
        chosen = fields.pop("chosen", {})
        credential = Credential(**{**fields, "purposes": tuple(fields["purposes"])})
        try:
            self.verifier.in_force(credential)
        except RefusalError:
            await self.end(cookie)
            return None
        return Session(credential=credential, form=row["form"], **chosen)

    async def choose(self, cookie: str, purpose: str, case: str) -> None:
        """Declares, for what is asked from now on, a purpose and a case."""
        chosen = orjson.dumps({"chosen": {"purpose": purpose, "case": case}}).decode()
        async with self.connections.connection() as connection:
            await connection.execute(
                "update pages.session set credential = credential || $2::text::jsonb where id = $1",
                *(_hash(cookie), chosen),
            )

    async def end(self, cookie: str) -> None:
        """Ends the session of a cookie."""
        async with self.connections.connection() as connection:
            await connection.execute("delete from pages.session where id = $1", _hash(cookie))


def _hash(cookie: str) -> bytes:
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()
