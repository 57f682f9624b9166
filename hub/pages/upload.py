"""Request -> the fields and the one file of a form: owns python-multipart, by starlette's parser.

Guarantee: a file is as large as ``LARGEST`` at most and is never on disk, not for a moment: it holds people's data, and
a temporary file that a crash leaves behind would keep them. What is larger is read to its end and thrown away, so that
the browser hears what is wrong and not that the connection broke.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from hub.pages.forms import Problem, check_origin

LARGEST: Final = 8 * 1024 * 1024
_LEAST_ANSWERED: Final = 8 * LARGEST
"""Bytes up to which a body that is too large is read to its end."""
_LONGEST_FIELD: Final = 4_096
_MOST_FIELDS: Final = 8
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as a browser sent it; its name may be that of a person."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)


class _InMemory(MultiPartParser):
    # A file leaves memory for the disk beyond this; the body that is let in is never so large.
    spool_max_size = LARGEST + 1


async def read_upload(request: Request) -> tuple[Sequence[tuple[str, str]], Upload | None]:
    """The form's fields in order, and its file (None: none was chosen); raises ``Problem``."""
    check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MULTIPART:
        raise Problem(415, "bad_form")
    parser = _InMemory(
        request.headers, _bounded(request), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD
    )
    try:
        form = await parser.parse()
    except MultiPartException:
        raise Problem(400, "bad_form") from None
    found: Upload | None = None
    pairs = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            found = Upload(name=value.filename or "", data=await value.read()) if value.filename else None
        else:
            pairs.append((name, value))
    await form.close()
    return pairs, found


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes; one that is too large ends in ``Problem``."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _LEAST_ANSWERED:
            break
        if size <= LARGEST:
            yield chunk
    if size > LARGEST:
        raise Problem(413, "file_too_large")
