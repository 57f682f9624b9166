"""HTTP headers -> Identity: who asks, for what, and under which case; from a verified credential, never a free header.

Two steps. ``Verifier.verify``: token -> Credential, remembered by digest, since a signature check costs as much as the
whole warm path. ``declare``: Credential and the declared purpose -> Identity, checked against the policy of the moment.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from hub.errors import RefusalError
from hub.keys import KeySet

DIVISION_DIGITS = {"town_government": 9, "village_committee": 12}
"""Units that stand for one division each, with the digits of its code."""
PARKS = "1201144"
"""Prefix of the industrial parks: divisions with no town government and no village committee (domain model, 11)."""
INSTITUTION_UNITS = frozenset({"mandatory_reporter"})
"""Units that stand for one institution each."""

_LONGEST_TOKEN = 8192
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:@/\-]{0,127}")


class Registry(Protocol):
    """What the policy of the moment knows of principals and purposes."""

    @property
    def units(self) -> Container[str]:
        """Codes of units."""
        ...

    @property
    def purposes(self) -> Mapping[str, Any]:
        """Codes of purposes."""
        ...

    @property
    def institutions(self) -> Container[str]:
        """Codes of institutions that must report."""
        ...

    @property
    def divisions(self) -> Container[str]:
        """Codes of divisions."""
        ...

    def case_required(self, purpose: str) -> bool:
        """Whether the purpose needs a case reference."""
        ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks (unit, of which division or institution, by which client and operator) and for what."""

    client: str
    unit: str
    operator: str
    division: str | None = None
    institution: str | None = None
    purpose: str
    purposes: tuple[str, ...]
    case: str | None = None
    expires_at: int

    @property
    def key(self) -> str:
        """The unit key: the principal."""
        owner = self.division or self.institution
        return f"{self.unit}:{owner}" if owner else self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a request declares beside its credential, as it came; ``declared`` reads it from headers."""

    purpose: str | None
    case: str | None
    denied: Literal["refuse", "null"] = "refuse"


def unauthenticated(message: str) -> RefusalError:
    """A refusal for want of a good credential."""
    return RefusalError("UNAUTHENTICATED", message)


def bearer(headers: Mapping[str, str]) -> str:
    """The token in ``Authorization``; header names in any case."""
    value = _header(headers, "authorization")
    if value is None:
        raise unauthenticated("no credential: send `Authorization: Bearer <token>`")
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("the credential must be `Authorization: Bearer <token>`")
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise unauthenticated("the token is no signed JWT (three parts of base64url with dots between)")
    return token


def declared(headers: Mapping[str, str]) -> Declaration:
    """What ``Hub-Purpose``, ``Hub-Case`` and ``Hub-On-Denied`` say."""
    denied = (_header(headers, "hub-on-denied") or "refuse").strip().lower()
    if denied not in {"refuse", "null"}:
        raise RefusalError("INVALID_INPUT", "`Hub-On-Denied` must be `refuse` or `null`", header="Hub-On-Denied")
    purpose = (_header(headers, "hub-purpose") or "").strip()
    case = _text(_header(headers, "hub-case") or "").strip()
    return Declaration(purpose=purpose or None, case=case or None, denied=cast('Literal["refuse", "null"]', denied))


def _header(headers: Mapping[str, str], name: str) -> str | None:
    for found, value in headers.items():
        if found.lower() == name:
            return value
    return None


def _text(value: str) -> str:
    """Headers reach us as latin-1; a case reference such as `（2017）津0114民初1号` is UTF-8 in truth."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return value


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


def declare(credential: Credential, declaration: Declaration, registry: Registry, case_pattern: str) -> Identity:
    """The identity of a request; raises UNAUTHENTICATED, PURPOSE_REQUIRED, PURPOSE_NOT_ALLOWED or CASE_REQUIRED.

    A credential whose unit, division or institution the policy no longer knows is no credential.
    """
    _check_principal(credential, registry)
    purpose = _allowed_purpose(credential, declaration.purpose, registry)
    return Identity(
        client=credential.client,
        unit=credential.unit,
        operator=credential.operator,
        division=credential.division,
        institution=credential.institution,
        purpose=purpose,
        purposes=credential.purposes,
        case=_checked_case(purpose, declaration.case, registry, case_pattern),
        expires_at=credential.expires_at,
    )


def _check_principal(credential: Credential, registry: Registry) -> None:
    if credential.unit not in registry.units:
        raise unauthenticated(f"the unit `{credential.unit}` of the token is not a unit of this hub")
    check_division(credential.unit, credential.division, registry)
    check_institution(credential.unit, credential.institution, registry)


def check_division(unit: str, division: str | None, registry: Registry) -> None:
    """That the unit has a division if, and only if, it must, and that it exists."""
    digits = DIVISION_DIGITS.get(unit)
    if digits is None:
        if division is not None:
            raise unauthenticated(f"the unit `{unit}` has no `division`, only towns and villages do")
        return
    if division is None:
        raise unauthenticated(f"the token of `{unit}` must say `division`: a code of {digits} digits")
    if (
        len(division) != digits
        or not division.isdecimal()
        or division not in registry.divisions
        or division.startswith(PARKS)
    ):
        raise unauthenticated(
            f"the `division` of `{unit}` must be the code, of {digits} digits, of a division in force"
        )


def check_institution(unit: str, institution: str | None, registry: Registry) -> None:
    """That the unit has an institution if, and only if, it must, and that it exists."""
    if unit not in INSTITUTION_UNITS:
        if institution is not None:
            raise unauthenticated(f"the unit `{unit}` has no `institution`, only mandatory reporters do")
        return
    if institution is None:
        raise unauthenticated(f"the token of `{unit}` must say `institution`: the code of a registered institution")
    if institution not in registry.institutions:
        raise unauthenticated("the `institution` of the token is not in the register of institutions")


def _allowed_purpose(credential: Credential, purpose: str | None, registry: Registry) -> str:
    held = [name for name in credential.purposes if name in registry.purposes]
    choice = ", ".join(f"`{name}`" for name in held) or "none that this hub knows"
    if purpose is None:
        raise RefusalError(
            "PURPOSE_REQUIRED", f"no purpose: send `Hub-Purpose`, your credential allows {choice}", purposes=held
        )
    if purpose not in registry.purposes:
        raise RefusalError(
            "PURPOSE_NOT_ALLOWED",
            f"`Hub-Purpose` is not a known purpose, your credential allows {choice}",
            purposes=held,
        )
    if purpose not in held:
        raise RefusalError(
            "PURPOSE_NOT_ALLOWED",
            f"the purpose `{purpose}` is not in your credential, it allows {choice}",
            purpose=purpose,
            purposes=held,
        )
    return purpose


def _checked_case(purpose: str, case: str | None, registry: Registry, pattern: str) -> str | None:
    if case is None:
        if registry.case_required(purpose):
            raise RefusalError(
                "CASE_REQUIRED", f"the purpose `{purpose}` needs a case reference: send `Hub-Case`", purpose=purpose
            )
        return None
    if not re.fullmatch(pattern, case):
        raise RefusalError("INVALID_INPUT", "`Hub-Case` does not have the form of a case reference", header="Hub-Case")
    return case


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
