"""``docs/clients.md`` names every code and status, every header, and every close code that a client may meet."""

from __future__ import annotations

import re
from pathlib import Path

from hub import socket
from hub.errors import STATUS

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")


def test_every_code_stands_there_with_its_status() -> None:
    told = {code: int(status) for code, status in re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", PAGE, re.MULTILINE)}
    assert told == STATUS


def test_every_header_of_the_door_stands_there() -> None:
    door = (ROOT / "hub" / "identity.py").read_text("utf-8")
    read = set(re.findall(r'header\(headers, "(hub-[a-z-]+)"\)', door))
    assert read and {name for name in read if f"`{name.title()}`" not in PAGE} == set()


def test_every_close_code_of_a_socket_stands_there() -> None:
    code = Path(socket.__file__).read_text("utf-8")
    used = set(re.findall(r"\b(44\d\d)\b", code)) | set(re.findall(r"Cut\((1013)\b", code))
    assert {each for each in used if each not in PAGE} == set()
    assert set(re.findall(r"\b(44\d\d|1013)\b", PAGE)) == used
