"""Keys are made whole, kept private, never overwritten, and named as C2SP says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.audit.keys import (
    KeyFileError,
    VerifierKey,
    load_secret,
    load_signing_key,
    make_secret,
    make_signing_key,
)


def private(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_a_made_key_signs_what_its_verifier_verifies(tmp_path: Path) -> None:
    make_signing_key(tmp_path / "log.pem")
    key = load_signing_key(tmp_path / "log.pem", "hub.example/log")
    signature = key.sign(b"text")
    assert key.verifier.verifies(b"text", signature)
    assert not key.verifier.verifies(b"other", signature)
    assert VerifierKey.parse(str(key.verifier)) == key.verifier


def test_key_files_are_for_their_owner_alone_and_leave_no_rest(tmp_path: Path) -> None:
    make_signing_key(tmp_path / "log.pem")
    make_secret(tmp_path / "names")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {"log.pem": 0o600, "names": 0o600}


@pytest.mark.parametrize("make", [make_signing_key, make_secret])
def test_a_key_is_never_overwritten(tmp_path: Path, make: object) -> None:
    assert callable(make)
    path = private(tmp_path / "key", b"precious")
    with pytest.raises(KeyFileError, match="exists already"):
        make(path)
    assert path.read_bytes() == b"precious" and len(list(tmp_path.iterdir())) == 1


def test_two_secrets_differ_and_are_read_as_written(tmp_path: Path) -> None:
    make_secret(tmp_path / "a")
    make_secret(tmp_path / "b")
    first, second = load_secret(tmp_path / "a"), load_secret(tmp_path / "b")
    assert first != second and len(first) == 32
    assert (tmp_path / "a").read_text().strip() == first.hex()


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    make_secret(tmp_path / "names")
    (tmp_path / "names").chmod(0o640)
    with pytest.raises(KeyFileError, match="open to others"):
        load_secret(tmp_path / "names")


def test_files_that_hold_no_key_are_refused_without_being_quoted(tmp_path: Path) -> None:
    elliptic = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data, words in ((b"secret words", "no PEM private key"), (elliptic, "not an Ed25519 key")):
        with pytest.raises(KeyFileError, match=words) as caught:
            load_signing_key(private(tmp_path / "key", data), "hub.example/log")
        assert "secret words" not in str(caught.value)
    for data, words in ((b"zz", "no hexadecimal"), (b"00ff", "fewer than 32")):
        with pytest.raises(KeyFileError, match=words):
            load_secret(private(tmp_path / "key", data))
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_secret(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(KeyFileError, match="cannot be written"):
        make_secret(tmp_path / "names")


PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("Peter", "Petra"),
        PETER[:-4],
        PETER.replace("+ARpc", "+BRpc"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER + "=",
    ],
)
def test_a_verifier_key_that_is_not_itself_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError):
        VerifierKey.parse(text)


def test_the_published_verifier_key_is_read_and_written_as_it_is() -> None:
    assert str(VerifierKey.parse(PETER)) == PETER
