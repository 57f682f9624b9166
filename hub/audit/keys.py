"""Key files -> keys of the log: the Ed25519 key that signs, and the secret of the pseudonyms.

Guarantee: a key file is made whole or not at all, readable by its owner alone, and never overwritten: a lost key ends
the proofs that rest on it. Signing keys are named and numbered as C2SP signed-note says (type 0x01).
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

ED25519 = b"\x01"
"""Type of a key that signs notes."""
COSIGNATURE = b"\x04"
"""Type of a witness's key, which signs heads with a time (C2SP tlog-cosignature)."""


class KeyFileError(Exception):
    """A key file or a verifier key cannot be used; the message says why, and never holds the key."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half: a name (the log's origin, a witness's) and an Ed25519 key. Its text is what others are given."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each signature of this key."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(self.kind + self.public).decode()}"

    @classmethod
    def parse(cls, text: str, kind: bytes = ED25519) -> VerifierKey:
        """The inverse of ``str``; ``KeyFileError`` if the text is no key of ``kind``, or its id is not its own."""
        try:
            name, number, encoded = text.strip().split("+", 2)
            data = from_base64(encoded)
        except ValueError:
            raise KeyFileError("a verifier key is a name, an id and a key with `+` between them") from None
        if data[:1] != kind or len(data) != 33:
            wanted = "an Ed25519 key" if kind == ED25519 else "a witness's key (Ed25519 cosignature)"
            raise KeyFileError(f"the verifier key is not {wanted}")
        key = cls(check_name(name), data[1:], kind)
        if key.id.hex() != number:
            raise KeyFileError("the id of the verifier key is not that of its name and key")
        return key

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (64 bytes) is this key's over ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half."""

    verifier: VerifierKey
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey, kind: bytes = ED25519) -> SigningKey:
        """The key under the name ``name``."""
        return cls(VerifierKey(check_name(name), private.public_key().public_bytes_raw(), kind), private)

    @property
    def current(self) -> SigningKey:
        """Itself: a key that is never rotated (see ``hub/audit/keyring.py`` for one that is)."""
        return self

    @property
    def retired(self) -> tuple[VerifierKey, ...]:
        """None: see ``current``."""
        return ()

    def sign(self, text: bytes) -> bytes:
        """64 bytes over ``text``."""
        return self.private.sign(text)


def from_base64(text: str) -> bytes:
    """The bytes that are written as ``text`` and in no other way; ``ValueError`` otherwise."""
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("not as base64 is written")
    return data


def check_name(name: str) -> str:
    """``name``, if C2SP signed-note allows it for a key: not empty, no space, no plus, no control character."""
    if not name or "+" in name or not name.isprintable() or any(letter.isspace() for letter in name):
        raise KeyFileError(f"`{name}` is no name of a key: it is empty or holds a space, a plus or a control character")
    return name


def make_signing_key(path: Path) -> None:
    """Writes a new Ed25519 key in PEM (PKCS 8) to ``path``, mode 0600."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(path, pem)


def load_signing_key(path: Path, name: str, kind: bytes = ED25519) -> SigningKey:
    """The key in ``path``, under the name ``name`` (the log's origin)."""
    try:
        private = load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError):
        raise KeyFileError(f"`{path}` holds no PEM private key without a password") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"the key in `{path}` is not an Ed25519 key")
    return SigningKey.of(name, private, kind)


def make_secret(path: Path) -> None:
    """Writes 32 new random bytes, hexadecimal, to ``path``, mode 0600."""
    _write_new(path, secrets.token_hex(32).encode() + b"\n")


def load_secret(path: Path) -> bytes:
    """The bytes in ``path``."""
    try:
        secret = bytes.fromhex(_read_private(path).decode("ascii"))
    except ValueError:
        raise KeyFileError(f"`{path}` holds no hexadecimal secret") from None
    if len(secret) < 32:
        raise KeyFileError(f"the secret in `{path}` has fewer than 32 bytes")
    return secret


def _write_new(path: Path, data: bytes) -> None:
    """If we crash before the link, only a temporary file is left; after it, the file is whole. A second maker loses."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            os.unlink(temporary)
        _sync_folder(path.parent)
    except FileExistsError:
        raise KeyFileError(f"`{path}` exists already and is not overwritten") from None
    except OSError as error:
        raise KeyFileError(f"`{path}` cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_private(path: Path) -> bytes:
    """The file's bytes, unless others may read it: then it is no secret any more."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise KeyFileError(f"`{path}` is open to others (mode {mode & 0o777:o}); 600 is needed")
            return file.read()
    except OSError as error:
        raise KeyFileError(f"`{path}` cannot be read: {error.strerror}") from error
