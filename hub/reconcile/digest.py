"""Values that a comparison found to differ -> a digest by which the next one tells whether they are the same.

Guarantee: without the key nobody learns a value from it, not even by trying all of them, and the same values of two
children have two digests. Under a new key every explanation is asked for once more.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The digests of one hub."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Digest:
        """Under a key of its own made from a secret of the hub."""
        return cls(key=hmac.digest(secret, b"hub/reconcile/v1", "sha256"))

    def __call__(self, name: str, subject: str, values: Sequence[str | None]) -> str:
        """The digest of what differs of a subject in a class."""
        message = json.dumps([name, subject, *values], ensure_ascii=False).encode()
        return hmac.digest(self.key, message, "sha256")[:16].hex()
