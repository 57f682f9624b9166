"""Whoever changes an exported log, with the log's own key or without, is found, and the first bad index is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit import tiles
from hub.audit.entry import encode
from hub.audit.export import export
from hub.audit.keyring import key_entry
from hub.audit.keys import SigningKey
from hub.audit.verify import Verdict, verify
from hub.audit.verify_notes import Head, Key, NoteError
from tests.hub.audit.support import KEY, ORIGIN
from tests.hub.audit.support.mutations import Mutations
from tests.hub.audit.support.written import NEXT_KEY, START, WITNESS, Written, act, written

KEYS = [Key.read(str(KEY.verifier))]
WITNESSES = [Key.read(str(WITNESS))]
SIZE = 300
MUTATIONS = 5_000


@pytest.fixture(scope="module")
async def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    folder, log = tmp_path_factory.mktemp("exported"), written(SIZE)
    await export(log, folder)
    return folder, log


def look(folder: Path, *heads: str) -> Verdict:
    return verify(folder, KEYS, witnesses=WITNESSES, heads=heads)


def test_an_untouched_log_is_good(exported: tuple[Path, Written]) -> None:
    folder, log = exported
    assert look(folder, *log.heads.values()) == Verdict(good=True, size=SIZE)


@pytest.mark.parametrize(
    ("name", "change", "bad"),
    [
        ("tile/entries/000", lambda data: data.replace(b"T0042", b"T0043", 1), 0),
        ("tile/entries/001.p/44", lambda data: tiles.bundle(tiles.entries(data)[:-1]), 256 + 43),
        ("tile/0/001.p/44", lambda data: data[:32] + bytes(32) + data[64:], 257),
        ("tile/1/000.p/1", lambda data: bytes(32), 0),
        ("lists/000", lambda data: data.replace(b"f-", b"g-", 1), 5),
        ("checkpoint", lambda data: data.replace(b"\n300\n", b"\n301\n"), None),
        ("history/000000.jsonl", lambda data: data[data.index(b"\n") + 1 :], None),
    ],
)  # fmt: skip
async def test_each_kind_of_change_is_told_by_its_first_index(
    exported: tuple[Path, Written], tmp_path: Path, name: str, change: Callable[[bytes], bytes], bad: int | None
) -> None:
    folder = Path(shutil.copytree(exported[0], tmp_path / "copy"))
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(change(before))
    assert (folder / name).read_bytes() != before
    verdict = look(folder, *(exported[1].heads.values()))
    assert not verdict.good and verdict.reason
    assert bad is None or verdict.bad == bad, verdict


async def rewritten(tmp_path: Path, change: Callable[[Written], None]) -> Path:
    """The export of a log that the hub's operator made anew, with all its keys."""
    log = written(SIZE)
    change(log)
    heads = sorted(log.heads)
    leaves, log.leaves, log.heads = log.leaves, [], {}
    before = 0
    for size in heads:
        log.leaves = leaves[:before]
        added = leaves[before : min(size, len(leaves))]
        if added:
            log.leaves += added
            log.append((), NEXT_KEY if before > SIZE * 2 // 3 else KEY, cosigned=False)
        before = size
    await export(log, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log.leaves.pop(9),
        lambda log: log.leaves.insert(9, encode(act(9_999))),
        lambda log: log.leaves.__setitem__(9, encode(act(9, unit="health_commission"))),
        lambda log: log.leaves.__setitem__(slice(9, 11), [log.leaves[10], log.leaves[9]]),
        lambda log: log.leaves.__delitem__(slice(200, None)),
    ],
    ids=["removed", "inserted", "changed", "swapped", "cut back"],
)
async def test_a_log_rewritten_with_its_own_keys_is_found_by_a_head_that_was_kept(
    tmp_path: Path, change: Callable[[Written], None]
) -> None:
    folder = await rewritten(tmp_path, change)
    honest = written(SIZE)
    kept = [note for size, note in honest.heads.items() if size > 200]
    alone = verify(folder, KEYS)
    assert alone.good, "with all keys a log can be made anew: that is what witnesses are for"
    assert not verify(folder, KEYS, heads=kept).good


async def test_an_older_tree_served_again_is_found_by_a_newer_head(tmp_path: Path) -> None:
    older, newer = written(SIZE), written(SIZE)
    newer.append([act(SIZE)], NEXT_KEY)
    await export(older, tmp_path)
    verdict = look(tmp_path, newer.heads[SIZE + 1])
    assert not verdict.good and verdict.bad == SIZE


async def test_a_key_that_nobody_handed_over_signs_nothing(tmp_path: Path) -> None:
    stolen = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
    log = Written()
    log.append([act(number) for number in range(5)])
    log.append([act(5)], stolen)
    await export(log, tmp_path)
    verdict = look(tmp_path)
    assert (verdict.good, verdict.bad) == (False, 5) and "not signed by the key in force" in verdict.reason


async def test_after_a_new_key_signed_the_old_one_does_not_any_more(tmp_path: Path) -> None:
    log = Written()
    log.append([act(0), key_entry(KEY, NEXT_KEY.verifier, START)])
    log.append([act(2)], NEXT_KEY)
    await export(log, tmp_path / "good")
    assert look(tmp_path / "good").good
    log.append([act(3)], KEY)
    await export(log, tmp_path / "bad")
    assert look(tmp_path / "bad").bad == 3


async def test_a_new_key_under_a_forged_signature_is_an_altered_log(tmp_path: Path) -> None:
    thief = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
    log = Written()
    log.append([act(0), key_entry(thief, NEXT_KEY.verifier, START)])
    await export(log, tmp_path)
    assert look(tmp_path).bad == 1


def test_of_thousands_of_mutations_every_one_is_found(exported: tuple[Path, Written], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported[0], tmp_path / "copy"))
    log = exported[1]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    stream, missed = Mutations(files, log, random.Random(20170412)).endless(), list[str]()
    done: dict[str, int] = {}
    for _ in range(MUTATIONS):
        name, changed = next(stream)
        done[name] = done.get(name, 0) + 1
        for path, data in changed.items():
            (folder / path).unlink(missing_ok=True) if not data else (folder / path).write_bytes(data)
        if look(folder, *log.heads.values()).good:
            missed.append(f"{name}: {sorted(changed)}")
        for path in changed:
            (folder / path).write_bytes(files[path]) if path in files else (folder / path).unlink()
    assert not missed
    assert len(done) == 17 and min(done.values()) > 100
    assert look(folder, log.heads[SIZE]).good


def test_keys_and_heads_that_are_none_are_refused() -> None:
    for text in ("", "a+b", "a+00000000+AAAA", str(KEY.verifier).replace("+", "-"), str(KEY.verifier)[:-4] + "AAAA"):
        with pytest.raises(NoteError):
            Key.read(text)
    for note in ("", "a\n1\n\n", "a\n01\n" + "A" * 43 + "=\n\n— a AAAAAAAA\n", "a\n1\nAAAA\n\n— a AAAAAAAA\n"):
        with pytest.raises(NoteError):
            Head.read(note)
    for size in ("9" * 5_000, "9" * 19, "１", "+1", "1_0", " 1"):
        with pytest.raises(NoteError, match="no decimal number"):
            Head.read(f"a\n{size}\n" + "A" * 43 + "=\n\n— a AAAAAAAA\n")


def test_a_foreign_key_or_an_empty_folder_is_told(exported: tuple[Path, Written], tmp_path: Path) -> None:
    other = SigningKey.of("other.example/log", Ed25519PrivateKey.generate())
    assert "none of the keys is of that name" in verify(exported[0], [Key.read(str(other.verifier))]).reason
    assert "the file `checkpoint` is missing" in verify(tmp_path, KEYS).reason
    assert not verify(exported[0], WITNESSES).good
