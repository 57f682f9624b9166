"""A sheet that was sent -> kept sealed while its sender reads what is wrong with it, and back.

Guarantee: the key is made of the cookie, of which the hub keeps a hash alone: what the database holds, and every copy
of it, can be opened with the browser's next request and by nobody else. It goes with the session, with the next sheet,
and once its rows are entered; if we crash in between, it lies there sealed until the session is swept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.audit.session import Connections
from hub.pages.upload import Upload

_NONCE: Final = 12
_USE: Final = b"hub/pages/sheet/v1"
_KEEP: Final = """insert into pages.sheet (session, sealed) select id, $2 from pages.session where id = $1
on conflict (session) do update set sealed = excluded.sealed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """The sheets, one a session."""

    connections: Connections

    async def keep(self, cookie: str, sheet: Upload) -> None:
        """Keeps it in the place of the last one."""
        nonce, name = secrets.token_bytes(_NONCE), sheet.name.encode()[:500]
        sealed = nonce + _cipher(cookie).encrypt(nonce, len(name).to_bytes(2) + name + sheet.data, _USE)
        async with self.connections.connection() as connection:
            await connection.execute(_KEEP, _session(cookie), sealed)

    async def find(self, cookie: str) -> Upload | None:
        """The sheet of a session, if one is kept."""
        async with self.connections.connection() as connection:
            sealed = await connection.fetchval("select sealed from pages.sheet where session = $1", _session(cookie))
        if sealed is None:
            return None
        try:
            opened = _cipher(cookie).decrypt(sealed[:_NONCE], sealed[_NONCE:], _USE)
        except InvalidTag:
            return None
        end = 2 + int.from_bytes(opened[:2])
        return Upload(name=opened[2:end].decode("utf-8", "ignore"), data=opened[end:])

    async def drop(self, cookie: str) -> None:
        """Forgets it."""
        async with self.connections.connection() as connection:
            await connection.execute("delete from pages.sheet where session = $1", _session(cookie))


def _session(cookie: str) -> bytes:
    """As ``hub.pages.session`` knows it."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()


def _cipher(cookie: str) -> AESGCM:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_USE).derive(cookie.encode("utf-8", "surrogatepass"))
    return AESGCM(key)
