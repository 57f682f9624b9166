"""Names that stand in entries -> the keys by which the index finds the entries that name them.

Guarantee: the key of a pseudonym is its own 128 bits, so that no other pseudonym has it; of any other text it is as
many bits of a hash. ``log.name_key`` in search.sql says the same (a test holds the two together).
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from hashlib import sha256
from string import ascii_letters, digits
from typing import Final

_SIZE: Final = 24
"""Characters of a pseudonym: letter, hyphen, 22 of base64url. As base64 they are 36 hexadecimal digits: 3 of the first
two characters, 32 of the key, and one that is 0."""
_WEB: Final = f"{ascii_letters}{digits}-_".encode()
_PLAIN: Final = bytes.maketrans(b"-_", b"+/")


def keys_of(names: Sequence[str]) -> list[str]:
    """A key for each name, 32 hexadecimal digits; lists name hundreds, so all are decoded at once."""
    text = _digits(names)
    if text is None:
        return [_key(name) for name in names]
    return [text[at + 3 : at + 35] for at in range(0, len(text), 36)]


def _key(name: str) -> str:
    text = _digits((name,))
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32] if text is None else text[3:35]


def _digits(names: Sequence[str]) -> str | None:
    """36 digits a name, if all are pseudonyms."""
    text, count = "".join(names).encode("utf-8", "surrogatepass"), len(names)
    letters, hyphens = text[::_SIZE], text[1::_SIZE]
    if set(map(len, names)) != {_SIZE} or hyphens != b"-" * count or text.translate(None, _WEB):
        return None
    if not (letters.isalpha() and letters.islower()):
        return None
    found = a2b_base64(text.translate(_PLAIN)).hex()
    return found if found[35::36] == "0" * count else None
