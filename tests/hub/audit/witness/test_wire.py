"""What another side may do to the hub that asks it over HTTP: be slow, endless, elsewhere, or not who it says."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.audit.witness.wire import LONGEST_REPLY, post

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


@contextmanager
def answering(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that does ``answer`` to whoever connects; its address, without scheme."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, answer, context))
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _serve(server: socket.socket, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        with suppress(OSError), line:
            secured = context.wrap_socket(line, server_side=True) if context else line
            with secured:
                answer(secured)


def saying(reply: bytes) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        line.recv(65_536)
        line.sendall(reply)

    return answer


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    """A byte ten times a second, so that no single read ever waits long."""

    def answer(line: socket.socket) -> None:
        line.recv(65_536)
        line.sendall(head)
        for _ in range(100):
            line.sendall(b"x")
            time.sleep(0.1)

    return answer


def test_status_and_reply_come_as_they_are() -> None:
    heard: list[bytes] = []

    def answer(line: socket.socket) -> None:
        heard.append(line.recv(65_536))
        line.sendall(OK % (2, b"ok"))

    with answering(answer) as place:
        assert post(f"http://{place}/prefix/", b"old 0\n") == (200, b"ok")
    assert heard[0].startswith(b"POST /prefix/add-checkpoint HTTP/1.1\r\n")


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"])
def test_a_reply_that_comes_a_byte_at_a_time_is_cut_off(head: bytes) -> None:
    begun = time.monotonic()
    with answering(dripping(head)) as place, pytest.raises(TimeoutError, match="in time"):
        post(f"http://{place}", b"", patience=0.5)
    assert time.monotonic() - begun < 8


def test_a_handshake_that_comes_a_byte_at_a_time_is_cut_off() -> None:
    with answering(dripping(b"\x16\x03\x03\x3f\xff")) as place, pytest.raises(TimeoutError, match="in time"):
        post(f"https://{place}", b"", patience=0.5)


def test_who_accepts_and_says_nothing_is_given_up() -> None:
    with answering(lambda line: time.sleep(2)) as place, pytest.raises(TimeoutError):
        post(f"http://{place}", b"", patience=0.3)


def test_a_redirect_is_an_answer_like_another_and_is_not_followed() -> None:
    visits: list[bytes] = []
    with answering(lambda line: visits.append(line.recv(100))) as elsewhere:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n" % elsewhere.encode()
        with answering(saying(moved)) as place:
            assert post(f"http://{place}", b"") == (307, b"")
    assert visits == []


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(saying(OK % (1, b"1"))) as place:
        assert post(f"http://{place}", b"") == (200, b"1")


def test_the_longest_reply_is_taken_and_a_longer_one_refused() -> None:
    with answering(saying(OK % (LONGEST_REPLY, b"x" * LONGEST_REPLY))) as place:
        assert len(post(f"http://{place}", b"")[1]) == LONGEST_REPLY
    with (
        answering(saying(OK % (LONGEST_REPLY + 1, b"x" * (LONGEST_REPLY + 1)))) as place,
        pytest.raises(OSError, match="more than"),
    ):
        post(f"http://{place}", b"")


@pytest.mark.parametrize(
    "reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000]
)
def test_what_is_no_http_is_an_error_of_the_line(reply: bytes) -> None:
    with answering(saying(reply)) as place, pytest.raises(OSError):
        post(f"http://{place}", b"")


@pytest.mark.parametrize("url", ["", "nothing", "ftp://w.example", "file:///etc/passwd", "http://", "http://w:port"])
def test_what_is_no_address_is_an_error_of_the_line(url: str) -> None:
    with pytest.raises(OSError):
        post(url, b"")


def test_nobody_there_is_an_error_of_the_line() -> None:
    with pytest.raises(ConnectionRefusedError):
        post("http://127.0.0.1:1", b"")


def test_https_is_spoken_with_whom_the_authorities_know_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate(tmp_path / "one.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "one.pem")
    with answering(saying(OK % (2, b"ok")), context) as place:
        with pytest.raises(ssl.SSLCertVerificationError):
            post(f"https://{place}", b"")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "one.pem"))
        assert post(f"https://{place}", b"") == (200, b"ok")


def certificate(path: Path) -> None:
    """A key and a certificate of its own for 127.0.0.1."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, None)
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
