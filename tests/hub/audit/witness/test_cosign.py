"""Cosignatures as C2SP tlog-cosignature has them, read by the auditor's own code as well."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.cosign import cosignature, cosigned
from hub.audit.keys import COSIGNATURE, KeyFileError, SigningKey, VerifierKey
from hub.audit.note import NoteError, opened, parts, signed
from hub.audit.verify_notes import Head, Key
from tests.hub.audit.support import KEY
from tests.hub.audit.support.written import WITNESS

TEXT = "hub.example/test-log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
OURS = SigningKey.of(WITNESS.name, WITNESS.private, COSIGNATURE)


def test_a_cosignature_is_what_the_specification_says_byte_for_byte() -> None:
    line = cosignature(TEXT, OURS, 1_679_315_147)
    assert line == WITNESS.line(TEXT, 1_679_315_147)
    assert str(OURS.verifier) == str(WITNESS)
    found = cosigned(TEXT, line, [OURS.verifier])
    assert found == {OURS.verifier: (datetime.fromtimestamp(1_679_315_147, UTC), line)}


def test_the_auditors_own_reader_takes_it_and_the_logs_signature_beside_it() -> None:
    head = Head.read(signed(TEXT, KEY) + cosignature(TEXT, OURS, 5))
    log, witness = Key.read(str(KEY.verifier)), Key.read(str(OURS.verifier))
    assert head.signers([log, witness]) == [log, witness]


def test_a_cosignature_is_no_signature_of_a_note_and_a_note_no_cosignature() -> None:
    same = SigningKey.of(WITNESS.name, WITNESS.private)
    note = TEXT + "\n" + cosignature(TEXT, OURS, 5)
    with pytest.raises(NoteError):
        opened(note, [same.verifier])
    assert cosigned(TEXT, signed(TEXT, same).partition("\n\n")[2], [OURS.verifier]) == {}
    with pytest.raises(NoteError):
        cosignature(TEXT, same, 5)


@pytest.mark.parametrize(
    "change", [lambda line: line[:-9] + "AAAAAAA=\n", lambda line: line.rstrip("\n"), lambda _: "\n"]
)
def test_a_line_that_is_spoilt_is_an_error(change: object) -> None:
    with pytest.raises(NoteError):
        cosigned(TEXT, change(cosignature(TEXT, OURS, 5)), [OURS.verifier])  # type: ignore[operator]


def test_lines_over_another_head_do_not_verify_and_strangers_are_ignored() -> None:
    line = cosignature(TEXT.replace("\n3\n", "\n4\n"), OURS, 5)
    with pytest.raises(NoteError, match="does not verify"):
        cosigned(TEXT, line, [OURS.verifier])
    stranger = SigningKey.of("other.example/w", Ed25519PrivateKey.generate(), COSIGNATURE)
    assert cosigned(TEXT, line, [stranger.verifier]) == {}


def test_the_specifications_cosigned_head_is_read_as_what_it_is() -> None:
    """Whose keys these are nobody published, so that nothing can be verified; the time is that of its own example."""
    text = TEXT.replace("hub.example/test-log\n3\n", "example.com/behind-the-sofa\n20852163\n")
    line = (
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0"
        "xUe+mbIUBkBIfZ+qnA==\n"
    )
    name, data = parts(line.rstrip("\n"))
    assert (name, data[:4].hex(), len(data)) == ("witness.example.com/w1", "8d66cf3f", 76)
    assert int.from_bytes(data[4:12], "big") == 1_679_315_147
    assert cosigned(text, line, [OURS.verifier]) == {}


def test_the_key_of_a_witness_in_service_is_read_and_its_id_is_its_own() -> None:
    text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    key = VerifierKey.parse(text, COSIGNATURE)
    assert (key.name, key.id.hex(), str(key)) == ("remora.n621.de", "da77ade7", text)


def test_keys_of_the_two_types_are_not_taken_for_each_other() -> None:
    assert VerifierKey.parse(str(OURS.verifier), COSIGNATURE) == OURS.verifier
    with pytest.raises(KeyFileError):
        VerifierKey.parse(str(OURS.verifier))
    with pytest.raises(KeyFileError):
        VerifierKey.parse(str(KEY.verifier), COSIGNATURE)
