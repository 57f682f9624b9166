"""An export is what the hub serves, goes on where it was cut off, and never mixes two logs."""

from __future__ import annotations

import asyncio
import os
import random
from hashlib import sha256
from pathlib import Path

import pytest

from hub.audit import tiles
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.export import ExportError, export
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.audit.verify import verify
from hub.audit.verify_notes import Key
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.support.written import NEXT_KEY, WITNESS, Written, act, written

KEYS = [Key.read(str(KEY.verifier))]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_an_export_holds_the_files_of_the_specification_and_verifies(tmp_path: Path) -> None:
    log = written(600)
    done = await export(log, tmp_path / "log")
    assert (done.size, done.retired) == (600, 0)
    found = files(tmp_path / "log")
    assert {"checkpoint", "README.txt", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"} <= found.keys()
    assert found["checkpoint"].decode() == await log.checkpoint()
    assert tiles.entries(found["tile/entries/001"]) == [leaf.data for leaf in log.leaves[256:512]]
    verdict = verify(tmp_path / "log", KEYS, witnesses=[Key.read(str(WITNESS))])
    assert verdict.good and verdict.size == 600 and not verdict.remarks, verdict


async def test_a_later_export_adds_and_removes_what_became_old(tmp_path: Path) -> None:
    log = written(300)
    await export(log, tmp_path)
    before = files(tmp_path)
    log.append([act(number) for number in range(300, 700)], NEXT_KEY)
    assert (await export(log, tmp_path)).written < len(before) + 12
    assert "tile/0/001.p/44" in before and "tile/0/001.p/44" not in files(tmp_path)
    await export(log, tmp_path / "new")
    assert {name: data for name, data in files(tmp_path).items() if not name.startswith("new/")} == files(
        tmp_path / "new"
    )


class CutOffError(Exception):
    pass


async def test_cut_off_at_any_moment_it_goes_on_and_is_the_same_in_the_end(tmp_path: Path) -> None:
    log, chance = written(700), random.Random(7)
    await export(log, tmp_path / "whole")
    for attempt in range(12):
        folder, left = tmp_path / f"cut-{attempt}", chance.randrange(1, len(files(tmp_path / "whole")))

        def cut(_path: object, _to: object, *, real: object = os.replace, count: list[int] = [left]) -> None:  # noqa: B006
            count[0] -= 1
            if count[0] < 0:
                raise CutOffError
            real(_path, _to)  # type: ignore[operator]

        with pytest.MonkeyPatch.context() as patch, pytest.raises(CutOffError):
            patch.setattr(os, "replace", cut)
            await export(log, folder)
        assert not (folder / "checkpoint").exists()
        await export(log, folder)
        assert files(folder) == files(tmp_path / "whole")


async def test_a_folder_of_something_else_or_of_another_or_a_longer_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the log is empty"):
        await export(Written(), tmp_path / "empty")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ExportError, match="something else"):
        await export(written(10), tmp_path / "mine")
    await export(written(300), tmp_path / "log")
    with pytest.raises(ExportError, match="cut back"):
        await export(written(100), tmp_path / "log")
    note = (tmp_path / "log" / "checkpoint").read_text()
    (tmp_path / "log" / "checkpoint").write_text(note.replace("hub.example/test-log", "other.example/log"))
    with pytest.raises(ExportError, match="holds the log `other"):
        await export(written(300), tmp_path / "log")


async def test_retired_entries_are_left_out_and_told(tmp_path: Path) -> None:
    log = written(600)
    facts = ("reason=retired", "first=0", "end=256", "sha256=" + "0" * 64)
    log.append([act(600, kind="gap", facts=facts)], NEXT_KEY)
    log.retired = (0, 256)
    assert (await export(log, tmp_path)).retired == 1
    verdict = verify(tmp_path, KEYS)
    assert verdict.good and "entries 0 to 255 were retired" in " ".join(verdict.remarks)
    (tmp_path / "tile/entries/001").unlink()
    verdict = verify(tmp_path, KEYS)
    assert (verdict.good, verdict.bad) == (False, 256) and "no entry says" in verdict.reason


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        ("sha256=" + "0" * 64, "another hash of the archive of entries 0 to 255"),
        ("sha256=x", "no hash"),
        ("first=" + "9" * 60, "no range"),
        ("end=１", "no range"),
        ("end=255", "begin and end with a bundle"),
    ],
)
async def test_what_a_gap_says_of_its_archive_is_held_against_the_archive(
    tmp_path: Path, fact: str, reason: str
) -> None:
    log = written(600)
    await export(log, tmp_path / "before")
    bundle = (tmp_path / "before/tile/entries/000").read_bytes()
    digest = sha256(sha256(bundle).digest()).hexdigest()
    said = {"reason": "retired", "first": "0", "end": "256", "sha256": digest}
    for facts, good in ((said, True), ({**said, **dict([fact.split("=")])}, False)):
        folder = tmp_path / str(good)
        log = written(600)
        log.append([act(600, kind="gap", facts=[f"{name}={value}" for name, value in facts.items()])], NEXT_KEY)
        await export(log, folder)
        verdict = verify(folder, KEYS)
        assert (verdict.good, verdict.bad) == ((True, None) if good else (False, 600)), verdict
        assert good or reason in verdict.reason, verdict


@pytest.mark.postgres
async def test_a_log_in_postgresql_is_exported_and_verifies(dsn: str, tmp_path: Path) -> None:
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    assert await desk.acquire()
    many = [f"f-{number:022d}" for number in range(300)]
    for count in (100, 500, 77):
        await store.append([encode(entry(subjects=many if number == 3 else ("f-1",))) for number in range(count)])
        await Sequencer(desk, KEY).drain()
        await export(reader, tmp_path)
        verdict = verify(tmp_path, KEYS)
        assert verdict.good, verdict
    assert verdict.size == 677 and len(list((tmp_path / "lists").rglob("*"))) >= 3
    for part in (store, desk, reader):
        await part.close()
    await asyncio.sleep(0)
