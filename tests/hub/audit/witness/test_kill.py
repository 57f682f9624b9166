"""A witness that is killed, at chosen moments and at random ones, never cosigns two trees."""

from __future__ import annotations

import random
import sys
import threading
import time
from pathlib import Path

import pytest

from hub.audit.note import Checkpoint
from hub.audit.witness.protocol import Submission
from tests.hub.audit.witness.test_server import FORKED, LEAVES, Running, body, note, witnessing

DYING = """
import os, signal
from hub.audit.witness.state import State
keep = State.keep
def dying(*arguments):
    {}
    os.kill(os.getpid(), signal.SIGKILL)
State.keep = dying
from hub.cli import main
main()
"""
BEFORE = [sys.executable, "-c", DYING.format("pass")]
AFTER = [sys.executable, "-c", DYING.format("keep(*arguments)")]


def test_killed_before_it_kept_a_head_it_has_cosigned_nothing(tmp_path: Path) -> None:
    with witnessing(tmp_path / "witness", by=BEFORE) as dying, pytest.raises(OSError):
        dying.add(body(0, 7))
    with witnessing(tmp_path / "witness") as again:
        assert again.key == dying.key
        assert again.add(body(0, 7, FORKED))[0] == 200
        assert again.add(body(0, 7)) == (409, "7\n")


def test_killed_after_it_kept_a_head_and_before_it_answered_it_cosigns_no_other(tmp_path: Path) -> None:
    with witnessing(tmp_path / "witness", by=AFTER) as dying, pytest.raises(OSError):
        dying.add(body(0, 7))
    with witnessing(tmp_path / "witness") as again:
        assert again.add(body(0, 7, FORKED)) == (409, "7\n")
        assert again.add(Submission(old=7, proof=(), note=note(7, FORKED)).body)[0] == 422
        assert again.add(body(7, 9, FORKED))[0] == 422
        assert again.add(Submission(old=7, proof=(), note=note(7)).body)[0] == 200
        assert again.add(body(7, 8))[0] == 200


def test_killed_at_random_while_two_forks_are_submitted_it_cosigns_one_that_grows(tmp_path: Path) -> None:
    cosigned: list[Checkpoint] = []
    chance = random.Random(11)
    for _ in range(4):
        with witnessing(tmp_path / "witness") as running:
            pushing = [threading.Thread(target=push, args=(running, fork, cosigned)) for fork in (LEAVES, FORKED)]
            for thread in pushing:
                thread.start()
            time.sleep(chance.uniform(0.02, 0.3))
            running.process.kill()
            for thread in pushing:
                thread.join(20)
    heads = [{Checkpoint.parse(text_of(size, fork)) for size in range(1, 41)} for fork in (LEAVES, FORKED)]
    assert cosigned, "nothing was cosigned: nothing was tried"
    assert set(cosigned) <= heads[0] or set(cosigned) <= heads[1]


def push(running: Running, leaves: list[bytes], cosigned: list[Checkpoint]) -> None:
    """Submits ever larger heads of one fork until the witness is gone."""
    old = 0
    while True:
        size = min(old + 1, len(leaves))
        try:
            status, reply = running.add(body(old, size, leaves))
        except OSError:
            return
        if status == 200:
            cosigned.append(Checkpoint.parse(text_of(size, leaves)))
            old = size
        elif status == 409:
            old = int(reply)


def text_of(size: int, leaves: list[bytes]) -> str:
    return note(size, leaves).partition("\n\n")[0] + "\n"
