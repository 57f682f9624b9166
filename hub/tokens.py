"""Principal, purposes -> token: the issuer for development and demonstrations, with a key of its own on this machine.

Whoever can read the key file can be anybody: it is made with mode 0600 in a folder of mode 0700, and a hub in service
sets ``credentials.jwks`` to the keys of the district's identity service instead.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from hub.settings import ConfigurationError

KEY_FILE = "dev-issuer.jwk"
JWKS_FILE = "jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Issues tokens of one issuer for one audience."""

    key: ECKey
    issuer: str
    audience: str

    def issue(
        self,
        unit: str,
        purposes: Sequence[str],
        *,
        operator: str,
        now: int,
        seconds: int,
        division: str | None = None,
        institution: str | None = None,
        client: str = "hub-cli",
    ) -> str:
        """A signed token (RFC 9068 shape)."""
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": client,
            "unit": unit,
            "operator": operator,
            "purposes": list(purposes),
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "jti": secrets.token_hex(16),
        }
        if division is not None:
            claims["division"] = division
        if institution is not None:
            claims["institution"] = institution
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=["ES256"])


def open_issuer(folder: Path, *, issuer: str, audience: str) -> Issuer:
    """The issuer whose key is in ``folder``; key and JWKS are made the first time.

    A crash between the two files is harmless: the JWKS is written again whenever it is missing.
    """
    path = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, orjson.dumps(_new_key().as_dict(private=True)))
        key = ECKey.import_key(orjson.loads(path.read_bytes()))
        _publish(key, folder / JWKS_FILE)
    except OSError as error:
        raise ConfigurationError(f"keys folder `{folder}` cannot be used: {error.strerror}") from None
    except (JoseError, ValueError, AttributeError):
        raise ConfigurationError(f"`{path}` is no key of this hub, move it away to have a new one made") from None
    return Issuer(key=key, issuer=issuer, audience=audience)


def _publish(key: ECKey, path: Path) -> None:
    if path.exists() and key.kid in {entry.get("kid") for entry in orjson.loads(path.read_bytes()).get("keys", ())}:
        return
    public = {**key.as_dict(private=False), "alg": "ES256", "use": "sig"}
    path.unlink(missing_ok=True)
    _write_once(path, orjson.dumps({"keys": [public]}), mode=0o644)


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)}, private=True)


def _write_once(path: Path, text: bytes, mode: int = 0o600) -> None:
    """Writes the file whole or not at all; of two processes at once, the first one's file stands."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)
