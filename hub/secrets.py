"""Keys folder -> the hub's own secrets: of ids and cursors, of the log's pseudonyms, and the key that signs the log.

They are made together, once, in a folder that has none of them. A folder that has some and lacks others is refused: a
new secret in place of a lost one would silently give every child another id, and the log a second name for everyone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hub.audit.keyring import CURRENT, Keyring
from hub.audit.keys import KeyFileError, check_name, load_secret, make_secret, make_signing_key
from hub.settings import ConfigurationError

FILES: dict[str, Callable[[Path], None]] = {
    "seal.secret": make_secret,
    "pseudonyms.secret": make_secret,
    CURRENT: make_signing_key,
}
"""File -> how it is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the hub must keep to itself."""

    seal: bytes = field(repr=False)
    pseudonyms: bytes = field(repr=False)
    log: Keyring


def open_secrets(folder: Path, *, origin: str) -> Secrets:
    """The secrets in ``folder``, made there if it has none; raises ``ConfigurationError``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = [name for name in FILES if not (folder / name).exists()]
        if len(missing) == len(FILES):
            _make(folder)
        elif missing:
            raise ConfigurationError(f"keys folder `{folder}` lacks `{missing[0]}`: restore it from its backup")
        ring = Keyring(folder, check_name(origin))
        _ = ring.current
        return Secrets(
            seal=load_secret(folder / "seal.secret"),
            pseudonyms=load_secret(folder / "pseudonyms.secret"),
            log=ring,
        )
    except KeyFileError as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ConfigurationError(f"keys folder `{folder}` cannot be used: {reason}") from None


def _make(folder: Path) -> None:
    """If we crash between two files the next start refuses the folder: nothing was sealed or signed yet, empty it."""
    for name, make in FILES.items():
        make(folder / name)
