"""A witness answers as C2SP tlog-witness says, and never cosigns what is no growth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.cosign import cosigned
from hub.audit.keys import COSIGNATURE, SigningKey, VerifierKey
from hub.audit.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from hub.audit.note import Checkpoint, signed
from hub.audit.witness.protocol import LARGEST, MalformedError, Submission
from hub.audit.witness.wire import post
from tests.hub.audit.support import KEY, ORIGIN
from tests.support.forking import Forked, fork, nothing

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
FORKED = [leaf_hash(b"x"), *LEAVES[1:]]
HUB = [sys.executable, "-c", "from hub.cli import main; main()"]


def note(size: int, leaves: list[bytes] = LEAVES, key: SigningKey = KEY, origin: str = ORIGIN) -> str:
    root = root_of(leaves[:size]) if size else EMPTY_ROOT
    return signed(Checkpoint(origin=origin, size=size, root=root).text, key)


def body(old: int, size: int, leaves: list[bytes] = LEAVES) -> str:
    proof = consistency_proof(old, leaves[:size]) if 0 < old < size else []
    return Submission(old=old, proof=tuple(proof), note=note(size, leaves)).body


@dataclass
class Running:
    process: subprocess.Popen[str] | Forked
    url: str
    key: VerifierKey
    folder: Path

    def add(self, content: str | bytes) -> tuple[int, str]:
        status, reply = post(self.url, content.encode() if isinstance(content, str) else content)
        return status, reply.decode()

    def kill(self) -> None:
        self.process.kill()
        if isinstance(self.process, Forked):
            self.process.join()
        else:
            self.process.wait()


def start(folder: Path, *logs: str, port: str = "0", name: str = "w.example/1", by: Sequence[str] = HUB) -> Running:
    found = [word for log in logs or (str(KEY.verifier),) for word in ("--log", log)]
    words, (reading, writing) = ("witness", "--dir", str(folder), "--name", name, "--port", port, *found), os.pipe()
    with open(reading, encoding="utf-8") as said, nothing() as null:
        process: subprocess.Popen[str] | Forked
        if by is HUB:
            process = fork(words, env=os.environ, streams=(null, writing, null))
        else:
            env = {**os.environ, "PYTHONUNBUFFERED": "1"}
            process = subprocess.Popen([*by, *words], stdout=writing, stderr=null, text=True, env=env)
        os.close(writing)
        lines = [said.readline() for _ in range(4)]
    shown = dict(re.findall(r'^(\w+) = "(.*)"$', "".join(lines), re.MULTILINE))
    running = Running(process, shown["url"], VerifierKey.parse(shown["key"], COSIGNATURE), folder)
    for _ in range(200):
        try:
            urllib.request.urlopen(running.url, timeout=2).close()
            return running
        except OSError:
            time.sleep(0.05)
    running.kill()
    raise AssertionError("the witness did not start")


@contextmanager
def witnessing(folder: Path, *logs: str, name: str = "w.example/1", by: Sequence[str] = HUB) -> Iterator[Running]:
    """A witness, ended whatever becomes of the test."""
    running = start(folder, *logs, name=name, by=by)
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Running]:
    with witnessing(tmp_path / "witness") as running:
        yield running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One witness for all that it must refuse: nothing that is refused leaves anything behind."""
    with witnessing(tmp_path_factory.mktemp("refusing") / "witness") as running:
        yield running
        assert list(running.folder.glob("*.json")) == []


def test_growth_is_cosigned_and_the_cosignature_holds(witness: Running) -> None:
    for old, size in ((0, 3), (3, 3), (3, 10), (10, 40)):
        status, reply = witness.add(body(old, size))
        assert status == 200, reply
        text = note(size).partition("\n\n")[0] + "\n"
        assert witness.key in cosigned(text, reply, [witness.key])


def test_a_size_that_is_not_its_own_is_told_with_the_right_one(witness: Running) -> None:
    assert witness.add(body(0, 10))[0] == 200
    for old, size in ((0, 20), (3, 20), (0, 5)):
        assert witness.add(body(old, size)) == (409, "10\n")
    with pytest.raises(urllib.error.HTTPError) as found:
        urllib.request.urlopen(f"{witness.url}/add-checkpoint", data=body(0, 20).encode(), timeout=5)
    with found.value as reply:
        # To the letter: clients compare it as a whole.
        assert reply.headers.get_all("Content-Type") == ["text/x.tlog.size"]


def test_rollbacks_and_forks_are_never_cosigned(witness: Running) -> None:
    assert witness.add(body(0, 10))[0] == 200
    assert witness.add(Submission(old=10, proof=(), note=note(10, FORKED)).body)[0] == 422
    assert witness.add(body(10, 20, FORKED))[0] == 422
    assert witness.add(Submission(old=10, proof=(), note=note(20)).body)[0] == 422
    assert witness.add(Submission(old=10, proof=(), note=note(9)).body)[0] == 400
    assert witness.add(body(10, 20))[0] == 200


def test_unknown_logs_and_signatures_that_do_not_hold_are_refused(refusing: Running) -> None:
    other = SigningKey.of("other.example/log", Ed25519PrivateKey.generate())
    forged = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
    assert refusing.add(Submission(old=0, proof=(), note=note(3, key=other, origin="other.example/log")).body)[0] == 404
    assert refusing.add(Submission(old=0, proof=(), note=note(3, key=forged)).body)[0] == 403
    spoilt = note(3).replace("\n3\n", "\n4\n")
    assert refusing.add(Submission(old=0, proof=(), note=spoilt).body)[0] == 403


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        "old 0",
        "old 00\n\n" + note(3),
        "old -1\n\n" + note(3),
        "old " + "9" * 5_000 + "\n\n" + note(3),
        "old 0\n\n" + note(3).replace("\n3\n", "\n" + "3" * 5_000 + "\n"),
        "old 0\n\n" + note(3).replace("\n3\n", f"\n{2**63}\n"),
        "old 0\n\n" + note(3).partition("\n\n")[0] + "\n",
        "old 0\r\n\r\n" + note(3),
        "new 0\n\n" + note(3),
        "old 0\nAAAA\n\n" + note(3),
        "old 0\n\nnothing\n",
        "old 4\n\n" + note(3),
        "old 0\n" + ("A" * 43 + "=\n") * 64 + "\n" + note(3),
        "x" * (LARGEST + 1),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_is_malformed_is_told_so(refusing: Running, content: str | bytes) -> None:
    status, reply = refusing.add(content)
    assert status == 400 and reply.strip()


def test_an_empty_tree_has_the_root_of_nothing(witness: Running) -> None:
    wrong = signed(Checkpoint(origin=ORIGIN, size=0, root=bytes(32)).text, KEY)
    assert witness.add(Submission(old=0, proof=(), note=wrong).body)[0] == 422
    assert witness.add(Submission(old=0, proof=(), note=note(0)).body)[0] == 200


def test_a_head_with_an_empty_line_in_it_is_no_head_whoever_signed_it(refusing: Running) -> None:
    signed_all_the_same = signed(note(3).partition("\n\n")[0] + "\n\nmore\n", KEY)
    assert refusing.add(Submission(old=0, proof=(), note=signed_all_the_same).body)[0] == 400


def test_a_head_with_extension_lines_is_cosigned_with_them(witness: Running) -> None:
    text = note(3).partition("\n\n")[0] + "\nan extension\n"
    status, reply = witness.add(Submission(old=0, proof=(), note=signed(text, KEY)).body)
    assert (status, list(cosigned(text, reply, [witness.key]))) == (200, [witness.key])


def test_sixteen_strangers_beside_the_log_may_have_signed_with_large_keys(witness: Running) -> None:
    line = "— stranger.example/{} " + b64encode(bytes(4_999)).decode() + "\n"
    strangers = "".join(line.format(number) for number in range(16))
    assert witness.add(body(0, 3) + strangers)[0] == 200


def test_the_newest_head_is_served_with_the_signatures_of_the_log_and_the_witness_alone(witness: Running) -> None:
    place = f"{witness.url}/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert page(place) == (404, "no head of this log was cosigned here\n")
    assert page(place.replace("/checkpoint", "0/checkpoint"))[0] == 404
    for old, size in ((0, 3), (3, 10)):
        status, line = witness.add(body(old, size) + "— stranger.example/1 AAAAAAAAAAA=\n")
        assert (status, page(place)) == (200, (200, note(size) + line))


def test_the_page_says_which_logs_and_how_far(witness: Running) -> None:
    status, before = page(witness.url)
    assert (status, "日志见证" in before, ORIGIN in before, "尚未签名" in before) == (200, True, True, True)
    assert witness.add(body(0, 12))[0] == 200
    _, after = page(witness.url)
    assert "<td>12</td>" in after and "尚未签名" not in after and str(witness.key) in after


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_of_two_forks_that_race_one_is_cosigned(witness: Running) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(witness.add, [body(0, 9), body(0, 9, FORKED)] * 8))
    statuses = [[status for status, _ in found[fork::2]] for fork in (0, 1)]
    assert sorted(each.count(200) for each in statuses) == [0, 1]
    assert all(status in {200, 409} for each in statuses for status in each)


def test_a_state_that_is_not_whole_is_no_new_beginning(witness: Running) -> None:
    assert witness.add(body(0, 7))[0] == 200
    [kept] = witness.folder.glob("*.json")
    whole = kept.read_bytes()
    for spoilt in (b"", whole[:-5], whole.replace(ORIGIN.encode(), b"other.example/log"), b"[]"):
        kept.write_bytes(spoilt)
        for old in (0, 7):
            assert witness.add(body(old, 8)) == (500, "the witness cannot read or keep what it has seen\n")
        assert page(witness.url)[0] == 500
    kept.write_bytes(whole)
    assert witness.add(body(7, 8))[0] == 200


def test_what_cannot_be_kept_is_not_cosigned(witness: Running) -> None:
    """A folder in the place of the file: it can be replaced by nobody, root included."""
    assert witness.add(body(0, 7))[0] == 200
    [kept] = witness.folder.glob("*.json")
    whole = kept.read_bytes()
    kept.unlink()
    (kept / "in the way").mkdir(parents=True)
    assert witness.add(body(0, 8))[0] == 500
    assert [path.name for path in witness.folder.iterdir() if path.name.startswith(".")] == []
    (kept / "in the way").rmdir()
    kept.rmdir()
    kept.write_bytes(whole)
    assert witness.add(body(7, 8))[0] == 200


def test_a_second_witness_cannot_use_the_folder_and_wrong_keys_are_told(witness: Running, tmp_path: Path) -> None:
    for arguments, words in (
        (("--dir", str(witness.folder), "--log", str(KEY.verifier)), "in use by another witness"),
        (("--dir", str(tmp_path / "other"), "--log", "nothing"), "a verifier key is"),
    ):
        done = subprocess.run(
            [*HUB, "witness", "--name", "w.example/1", "--port", "0", *arguments],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_a_rotated_key_is_known_by_its_second_line(tmp_path: Path) -> None:
    new = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
    with witnessing(tmp_path / "witness", str(KEY.verifier), str(new.verifier)) as running:
        assert running.add(body(0, 3))[0] == 200
        grown = Submission(old=3, proof=tuple(consistency_proof(3, LEAVES[:5])), note=note(5, key=new))
        assert running.add(grown.body)[0] == 200


def test_two_logs_are_witnessed_apart(tmp_path: Path) -> None:
    other = SigningKey.of("other.example/log", Ed25519PrivateKey.generate())
    with witnessing(tmp_path / "witness", str(KEY.verifier), str(other.verifier)) as running:
        assert running.add(body(0, 10))[0] == 200
        theirs = note(4, FORKED, other, "other.example/log")
        assert running.add(Submission(old=0, proof=(), note=theirs).body)[0] == 200
        assert running.add(body(4, 20)) == (409, "10\n")
        assert running.add(body(10, 20))[0] == 200


def test_the_specifications_example_is_read_and_written_back() -> None:
    example = (
        "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\n"
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE"
        "+xeMcTOAYQ8=\n"
    )
    found = Submission.parse(example)
    assert (found.old, len(found.proof), found.checkpoint.size) == (20_852_014, 2, 20_852_163)
    assert found.body == example
    with pytest.raises(MalformedError):
        Submission.parse(example.replace("20852014", "20852164"))
