"""A name in the exported folder -> its bytes, or its lines; and the word for whatever is wrong in there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson


class Fault(Exception):
    """Something is wrong, first of all at ``index``."""

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason)
        self.index = index


def read_bytes(folder: Path, name: str, index: int | None = None) -> bytes:
    """The file's bytes; a ``Fault`` at ``index`` if there is none."""
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise Fault(f"the file `{name}` is missing", index) from None
    except OSError as error:
        raise Fault(f"the file `{name}` cannot be read: {(error.strerror or 'error').lower()}", index) from None


def read_lines(folder: Path, name: str, index: int | None = None) -> list[dict[str, Any]]:
    """The file's lines, each a JSON object; a ``Fault`` at ``index`` if they are not."""
    data = read_bytes(folder, name, index)
    try:
        lines = [orjson.loads(line) for line in data.splitlines()]
    except orjson.JSONDecodeError:
        lines = [None]
    # Written in one way only, so that no byte can change without a word about it.
    if (
        not all(isinstance(line, dict) for line in lines)
        or b"".join(orjson.dumps(line) + b"\n" for line in lines) != data
    ):
        raise Fault(f"a line of `{name}` cannot be read", index)
    return lines
