"""Token -> Credential: signed by a key that we trust, meant for us, in force; remembered until it no longer is.

A verified token is remembered by its digest, since a signature check costs as much as the whole warm path. What it says
of the principal is checked against the policy of the moment later, in ``hub/identity.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from hub.errors import RefusalError
from hub.keys import KeySet

_LONGEST_TOKEN = 8192
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:@/\-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a verified token says; ``certificate`` is the SHA-256 thumbprint that it is bound to, if any."""

    token_id: str
    client: str
    unit: str
    operator: str
    division: str | None
    institution: str | None
    purposes: tuple[str, ...]
    expires_at: int
    certificate: str | None = None

    @property
    def key(self) -> str:
        """The unit key: the principal."""
        owner = self.division or self.institution
        return f"{self.unit}:{owner}" if owner else self.unit


def unauthenticated(message: str) -> RefusalError:
    """A refusal for want of a good credential."""
    return RefusalError("UNAUTHENTICATED", message)


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header by its lower-case name, however it was written."""
    for found, value in headers.items():
        if found.lower() == name:
            return value
    return None


def bearer(headers: Mapping[str, str]) -> str:
    """The token in ``Authorization``; header names in any case."""
    value = header(headers, "authorization")
    if value is None:
        raise unauthenticated("no credential: send `Authorization: Bearer <token>`")
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("the credential must be `Authorization: Bearer <token>`")
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise unauthenticated("the token is no signed JWT (three parts of base64url with dots between)")
    return token


@dataclass(slots=True, kw_only=True)
class Verifier:
    """Tokens -> credentials; a verified one is remembered, by digest, until it expires or is revoked.

    Bounded: at most ``remembered`` tokens, the longest unused goes first. A remembered token is still checked against
    the clock and the revoked ids each time.
    """

    keys: KeySet
    issuer: str
    audience: str
    lifetime: int
    leeway: int
    clock: Callable[[], float]
    revoked: Callable[[], Container[str]] = frozenset
    remembered: int = 10_000
    _credentials: OrderedDict[bytes, Credential] = field(default_factory=OrderedDict)

    async def verify(self, token: str, *, certificate: str | None = None) -> Credential:
        """The credential of ``token``; raises UNAUTHENTICATED with what was wrong and what would be right.

        ``certificate``: thumbprint (base64url SHA-256) of the client certificate of the connection, if it has one.
        """
        digest = hashlib.sha256(token.encode()).digest()
        credential = self._credentials.get(digest)
        if credential is None:
            credential = await self._read(token)
            self._remember(digest, credential)
        else:
            self._credentials.move_to_end(digest)
        self._check(digest, credential, certificate)
        return credential

    def in_force(self, credential: Credential) -> None:
        """Returns if a credential that was verified before still counts; raises UNAUTHENTICATED."""
        self._check(b"", credential, credential.certificate)

    def _check(self, digest: bytes, credential: Credential, certificate: str | None) -> None:
        if credential.expires_at + self.leeway <= self.clock():
            self._credentials.pop(digest, None)
            raise unauthenticated(f"the token expired at {_instant(credential.expires_at)}, ask for a new one")
        if credential.token_id in self.revoked():
            self._credentials.pop(digest, None)
            raise unauthenticated("the token has been revoked, ask for a new one")
        if credential.certificate is not None and credential.certificate != certificate:
            raise unauthenticated("the token is bound to a client certificate, connect with that certificate")

    def _remember(self, digest: bytes, credential: Credential) -> None:
        self._credentials[digest] = credential
        while len(self._credentials) > self.remembered:
            self._credentials.popitem(last=False)

    async def _read(self, token: str) -> Credential:
        header = _parsed_header(token)
        pinned = await self.keys.find(str(header["kid"]))
        if pinned is None:
            raise unauthenticated("the token is signed with a key that this hub does not know (`kid`)")
        if header.get("alg") != pinned.algorithm:
            raise unauthenticated(f"the token must be signed with {pinned.algorithm}, as its key says")
        try:
            signed = jws.deserialize_compact(token, pinned.key, algorithms=[pinned.algorithm])
        except JoseError:
            raise unauthenticated("the signature of the token is wrong") from None
        return self._claims(_object(signed.payload, "the claims of the token are no JSON object"))

    def _claims(self, claims: Mapping[str, Any]) -> Credential:
        self._about(claims)
        expires_at, issued_at = _instant_claim(claims, "exp"), _instant_claim(claims, "iat")
        self._times(expires_at, issued_at, claims)
        return Credential(
            token_id=_text_claim(claims, "jti"),
            client=_text_claim(claims, "sub"),
            unit=_text_claim(claims, "unit"),
            operator=_text_claim(claims, "operator"),
            division=_optional_claim(claims, "division"),
            institution=_optional_claim(claims, "institution"),
            purposes=_purposes(claims),
            expires_at=expires_at,
            certificate=_thumbprint(claims),
        )

    def _about(self, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != self.issuer:
            raise unauthenticated(f"the token has a foreign issuer, `iss` must be `{self.issuer}`")
        audience = claims.get("aud")
        if self.audience not in (audience if isinstance(audience, list) else [audience]):
            raise unauthenticated(f"the token is for another service, `aud` must be `{self.audience}`")

    def _times(self, expires_at: int, issued_at: int, claims: Mapping[str, Any]) -> None:
        now = self.clock()
        if expires_at + self.leeway <= now:
            raise unauthenticated(f"the token expired at {_instant(expires_at)}, ask for a new one")
        if issued_at > now + self.leeway:
            raise unauthenticated("the token was issued in the future (`iat`), check the clocks")
        if "nbf" in claims and _instant_claim(claims, "nbf") > now + self.leeway:
            raise unauthenticated(f"the token counts from {_instant(_instant_claim(claims, 'nbf'))} on (`nbf`)")
        if not 0 < expires_at - issued_at <= self.lifetime:
            raise unauthenticated(f"the token must live at most {self.lifetime} s (`exp` - `iat`)")


def _parsed_header(token: str) -> Mapping[str, Any]:
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise unauthenticated("the token is no signed JWT (three parts of base64url with dots between)") from None
    if header.get("typ", "").lower() not in _TYPES if isinstance(header.get("typ"), str) else True:
        raise unauthenticated("the token is no access token, its header must say `typ`: `at+jwt`")
    if not isinstance(header.get("kid"), str):
        raise unauthenticated("the token does not name its key, its header must say `kid`")
    if header.keys() & {"crit", "jku", "jwk", "x5u", "x5c"}:
        raise unauthenticated("the token brings its own key or extensions (`crit`, `jku`, `jwk`, `x5u`, `x5c`)")
    return header


def _object(payload: bytes, complaint: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(payload)
    except ValueError:
        raise unauthenticated(complaint) from None
    if not isinstance(value, dict):
        raise unauthenticated(complaint)
    return value


def _text_claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise unauthenticated(f"the token must say `{name}`: 1 to 128 plain characters")
    return value


def _optional_claim(claims: Mapping[str, Any], name: str) -> str | None:
    return None if claims.get(name) is None else _text_claim(claims, name)


def _instant_claim(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise unauthenticated(f"the token must say `{name}`: seconds since 1970")
    return int(value)


def _purposes(claims: Mapping[str, Any]) -> tuple[str, ...]:
    value = claims.get("purposes")
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise unauthenticated("the token must say `purposes`: a list of the purposes it may be used for")
    return tuple(dict.fromkeys(value))


def _thumbprint(claims: Mapping[str, Any]) -> str | None:
    binding = claims.get("cnf")
    if binding is None:
        return None
    thumbprint = binding.get("x5t#S256") if isinstance(binding, dict) else None
    if not isinstance(thumbprint, str) or len(thumbprint) != 43:
        raise unauthenticated("the token is bound in a way that this hub cannot check, `cnf` must hold `x5t#S256`")
    return thumbprint


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class RevokedFile:
    """Token ids in a file, one a line, read again when it changes; a file that vanishes keeps its last ids."""

    path: Path
    _stamp: tuple[int, int] | None = None
    _ids: frozenset[str] = frozenset()

    def __call__(self) -> Container[str]:
        """The revoked ids as of now."""
        try:
            status = self.path.stat()
            if (status.st_mtime_ns, status.st_size) != self._stamp:
                lines = self.path.read_text(encoding="utf-8").splitlines()
                self._ids = frozenset(line.strip() for line in lines if line.strip())
                self._stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            pass
        return self._ids
