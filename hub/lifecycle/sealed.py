"""Identity, Asked -> bytes that nobody reads, and back: an act that waits in the hub's own database for its department.

Guarantee: sealed under a key of the hub's and bound to the act's name, so that none can be put in another's place.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import RefusalError
from hub.identity import Identity
from hub.lifecycle.given import Given
from hub.lifecycle.write import Asked

_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class Sealing:
    """What seals and opens acts."""

    cipher: AESGCM = field(repr=False)

    def sealed(self, name: str, identity: Identity, asked: Asked) -> bytes:
        """Who asked for what, for nobody to read."""
        nonce = secrets.token_bytes(_NONCE)
        text = orjson.dumps({"identity": asdict(identity), "asked": asdict(asked)})
        return nonce + self.cipher.encrypt(nonce, text, name.encode())

    def opened(self, name: str, sealed: bytes) -> tuple[Identity, Asked]:
        """Who asked for what; a new request id, since each attempt is a request of its own in the log."""
        try:
            found = orjson.loads(self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()))
        except InvalidTag:
            raise RefusalError("INVALID_INPUT", "what waits was changed or belongs to another key") from None
        identity: Mapping[str, Any] = {**found["identity"], "purposes": tuple(found["identity"]["purposes"])}
        asked = Asked(**{**found["asked"], "given": Given(**found["asked"]["given"])})
        return Identity(**identity), replace(asked, request_id=secrets.token_hex(16))


def sealing_of(seal: bytes, use: str) -> Sealing:
    """The sealing for one use, from the hub's master seal."""
    info = f"hub/{use}/v1".encode()
    return Sealing(AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(seal)))
