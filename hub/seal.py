"""(type, key) -> an opaque id, a place in a list -> an opaque cursor, each good for one principal alone, and back.

AES-SIV under a key of the principal: two principals cannot join on what they see, and what one has not been given
cannot be made up. An id of a child carries the register number and the citizen id of the day; the register decides.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import lru_cache

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import RefusalError


class Seals:
    """The seals of all principals, made from one master key of at least 32 bytes."""

    def __init__(self, master: bytes) -> None:
        self._of = lru_cache(maxsize=4_096)(lambda key: Seal(_derive(master, key)))

    def of(self, unit_key: str) -> Seal:
        """The seal of one principal."""
        return self._of(unit_key)


class Seal:
    """Seals and opens ids and cursors of one principal."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def identify(self, type_name: str, *parts: str | None) -> str:
        """The id of a row."""
        return self._seal([type_name, *parts], b"id")

    def identified(self, text: str, argument: str) -> tuple[str, str]:
        """(type, key) of an id that this principal was given; anything else is INVALID_INPUT."""
        type_name, key, *_ = self.opened(text, argument)
        return type_name, key

    def opened(self, text: str, argument: str) -> list[str]:
        """The same, with what stands in the id beside: of a child the citizen id of the day (or None)."""
        opened = self._open(text, b"id")
        if opened is None:
            raise RefusalError("INVALID_INPUT", f"`{argument}` is no id that this unit was given", argument=argument)
        return opened

    def cursor(self, query: bytes, order: Sequence[str | None], key: str) -> str:
        """The cursor of a row's place in one query (purpose, field, conditions, order, parent)."""
        return self._seal([*order, key], b"cursor" + query)

    def place(self, text: str, query: bytes) -> tuple[tuple[str | None, ...], str]:
        """(order values, key) of a cursor of this principal and query; anything else is INVALID_INPUT."""
        opened = self._open(text, b"cursor" + query)
        if opened is None:
            raise RefusalError(
                "INVALID_INPUT",
                "`after` is no cursor of this query: give one that the same unit got for the same purpose, "
                "field, filter and order",
                argument="after",
            )
        return tuple(opened[:-1]), opened[-1]

    def _seal(self, parts: Sequence[str | None], use: bytes) -> str:
        sealed = self._cipher.encrypt(orjson.dumps(parts), [use])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _open(self, text: str, use: bytes) -> list[str] | None:
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            opened: list[str] = orjson.loads(self._cipher.decrypt(sealed, [use]))
        except (InvalidTag, binascii.Error, ValueError):
            return None
        return opened


def _derive(master: bytes, unit_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=64, salt=None, info=b"hub/seal/v1/" + unit_key.encode()).derive(master)
