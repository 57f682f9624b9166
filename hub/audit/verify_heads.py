"""Folder, heads that others kept -> every head that the tree must pass through, in the order of their sizes.

Guarantee: the history is read one file at a time, so that a log with a head for each entry takes no more memory than
one with few. A kept head that the history does not have is a ``Fault`` when its size is passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.audit.verify_files import Fault, read_bytes, read_lines
from hub.audit.verify_notes import Head, NoteError


@dataclass(slots=True, kw_only=True)
class Heads:
    """The heads of one log: ``newest`` is its checkpoint, ``files`` are those of its history."""

    folder: Path
    newest: Head
    files: Sequence[str]
    kept: list[Head]
    passed: int = 0
    _own: Iterator[Head] = field(init=False)
    _next: Head | None = field(init=False)

    def __post_init__(self) -> None:
        self._own = self._history()
        self._next = next(self._own, None)

    @classmethod
    def opened(cls, folder: Path, kept: Sequence[str]) -> Heads:
        """The heads of the log in ``folder``, of which nothing but the newest is read yet."""
        newest = _head(read_bytes(folder, "checkpoint").decode("utf-8", "replace"), "checkpoint")
        files = [f"history/{path.name}" for path in sorted((folder / "history").glob("*.jsonl"))]
        if not files:
            raise Fault("the history of heads is missing")
        last = _in_line(read_lines(folder, files[-1])[-1:], files[-1])
        if last != [newest]:
            raise Fault(f"the checkpoint of size {newest.size} is not the last head of the history")
        others = [_head(note, "a head that you gave") for note in kept]
        for head in others:
            if head.origin != newest.origin:
                raise Fault(f"a head that you gave is of the log `{head.origin}`")
            if head.size > newest.size:
                raise Fault(f"the log has {newest.size} entries, and a head that you gave has {head.size}", newest.size)
        others = sorted((head for head in others if head.size), key=lambda head: -head.size)
        return cls(folder=folder, newest=newest, files=files, kept=others)

    def until(self, size: int) -> Iterator[Head]:
        """The heads not given yet, up to that of ``size``; after each of the history's those of its size that were
        kept."""
        while self._next is not None and self._next.size <= size:
            own, self._next = self._next, next(self._own, None)
            self._check_known(own.size)
            yield own
            while self.kept and self.kept[-1].size == own.size:
                kept = self.kept.pop()
                if kept.text != own.text:
                    raise _unknown(kept)
                yield kept
        self._check_known(size + 1)

    def check_end(self) -> None:
        """Returns if no head stands behind the newest."""
        if self._next is not None:
            raise Fault(f"a head of the history stands behind the checkpoint of size {self.newest.size}")

    def _check_known(self, size: int) -> None:
        if self.kept and self.kept[-1].size < size:
            raise _unknown(self.kept[-1])

    def _history(self) -> Iterator[Head]:
        for name in self.files:
            for head in _in_line(read_lines(self.folder, name), name):
                if head.size <= self.passed:
                    raise Fault(f"the heads of the history are not in order after size {self.passed}", self.passed)
                self.passed = head.size
                yield head


def _in_line(lines: Sequence[dict[str, object]], name: str) -> list[Head]:
    found = []
    for number, line in enumerate(lines):
        if line.keys() != {"size", "note"} or not isinstance(line["note"], str):
            raise Fault(f"a line of `{name}` is no head")
        found.append(_head(line["note"], f"head {number} of `{name}`"))
    return found


def _head(note: str, what: str) -> Head:
    try:
        return Head.read(note)
    except NoteError as error:
        raise Fault(f"{what} cannot be read: {error}") from None


def _unknown(head: Head) -> Fault:
    return Fault(f"the log does not know the head of size {head.size} that you gave", head.size - 1)
