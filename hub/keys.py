"""JWKS file or URL -> KeySet: the public keys that verify tokens, each pinned to one asymmetric algorithm.

A key set with a symmetric or private key in it is refused whole: whoever made it has shown what must stay hidden.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from hub.errors import OutageError
from hub.outward import opener

Key = ECKey | OKPKey | RSAKey

ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("Ed25519",),
    ("RSA", None): ("PS256", "RS256"),
}
"""(key type, curve) -> the algorithms that such a key may be pinned to."""

_LARGEST = 262_144
_BETWEEN = 10.0


class KeysError(Exception):
    """A key set that cannot be used; the message says where it is and what is wrong."""


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A public key and the one algorithm it verifies."""

    key: Key
    algorithm: str


def read_keys(text: bytes, place: str) -> Mapping[str, PinnedKey]:
    """Key id -> key, from the text of a JWKS."""
    try:
        entries = json.loads(text)["keys"]
    except (ValueError, TypeError, KeyError):
        raise KeysError(f"`{place}` is no JWKS: a JSON object with a list `keys` is wanted") from None
    if not isinstance(entries, list) or not entries:
        raise KeysError(f"`{place}` holds no keys")
    keys: dict[str, PinnedKey] = {}
    for position, entry in enumerate(entries):
        kid, pinned = _read_key(entry, f"`{place}`, key {position}")
        if kid in keys:
            raise KeysError(f"`{place}`, key {position}: `kid` stands twice")
        keys[kid] = pinned
    return keys


def _read_key(entry: Any, place: str) -> tuple[str, PinnedKey]:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        raise KeysError(f"{place}: has no `kid`")
    if "d" in entry or entry.get("kty") == "oct":
        raise KeysError(f"{place}: is private or symmetric, only public keys belong in a JWKS")
    curve = entry.get("crv") if entry.get("kty") != "RSA" else None
    algorithms = ALGORITHMS.get((str(entry.get("kty")), curve if isinstance(curve, str) else None), ())
    algorithm = entry.get("alg")
    if algorithm not in algorithms:
        wanted = ", ".join(sorted(name for names in ALGORITHMS.values() for name in names))
        raise KeysError(f"{place}: `alg` must be there and fit the key, one of {wanted}")
    if entry.get("use", "sig") != "sig":
        raise KeysError(f"{place}: `use` must be `sig`")
    return entry["kid"], PinnedKey(key=_import(entry, place), algorithm=algorithm)


def _import(entry: dict[str, Any], place: str) -> Key:
    try:
        with warnings.catch_warnings(action="ignore"):  # of weak keys, which are refused below
            key = import_key(entry)
    except (JoseError, ValueError, KeyError) as error:
        raise KeysError(f"{place}: cannot be read ({type(error).__name__})") from None
    if not isinstance(key, ECKey | OKPKey | RSAKey):
        raise KeysError(f"{place}: is not asymmetric")
    if isinstance(key, RSAKey) and key.raw_value.key_size < 2048:
        raise KeysError(f"{place}: an RSA key of at least 2048 bits is wanted")
    return key


@dataclass(slots=True, kw_only=True)
class KeySet:
    """The keys at ``place``, read again after ``seconds``, or sooner when a token names a key that is not among them.

    While the place does not answer, the last good keys count; with none at all every token is an outage, never a pass.
    One read at a time.
    """

    place: str
    seconds: float
    clock: Callable[[], float]
    load: Callable[[str], bytes] = field(default_factory=lambda: load)
    _keys: Mapping[str, PinnedKey] = field(default_factory=dict)
    _read_at: float = float("-inf")
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, kid: str) -> PinnedKey | None:
        """The key of that id, or None."""
        age = self.clock() - self._read_at
        if age >= self.seconds or (kid not in self._keys and age >= _BETWEEN):
            await self._refresh(self._read_at)
        return self._keys.get(kid)

    async def _refresh(self, seen: float) -> None:
        async with self._lock:
            if self._read_at != seen:
                return
            try:
                self._keys = read_keys(await asyncio.to_thread(self.load, self.place), self.place)
            except KeysError:
                if not self._keys:
                    raise OutageError("INTERNAL", "the keys that verify tokens cannot be read") from None
            # Also after a failure: a flood of unknown key ids must not become a flood of reads.
            self._read_at = self.clock()


def load(place: str) -> bytes:
    """The bytes at a path or an https URL; no redirects, no proxy from the environment, at most 256 KiB."""
    try:
        if place.startswith("https://"):
            with opener().open(place, timeout=5) as reply:
                text: bytes = reply.read(_LARGEST + 1)
        elif "://" in place:
            raise KeysError(f"`{place}`: only a path or an https URL is read")
        else:
            text = Path(place).read_bytes()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise KeysError(f"`{place}` cannot be read ({type(error).__name__})") from None
    if len(text) > _LARGEST:
        raise KeysError(f"`{place}` is larger than a JWKS may be")
    return text
