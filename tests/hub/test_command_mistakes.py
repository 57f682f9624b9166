"""What an operator may type wrongly -> a line that says what is wrong and what would be right, and exit code 2."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from hub.audit.keys import SigningKey
from hub.cli import app
from hub.commands.outcome import MISCONFIGURED, REFUSED

WHY = ("policy", "why")
VERIFY = ("audit", "verify")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_CONFIG", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def complaint(*arguments: str) -> str:
    """What the command says; it is a mistake of who typed it."""
    result = run(*arguments)
    assert result.exit_code == MISCONFIGURED, result.output
    return " ".join(result.stderr.split())


def test_a_number_that_is_no_port_is_named_whoever_listens() -> None:
    assert "`65536` is no port: one is from 0 to 65535" in complaint("demo", "--port", "65536", "--data-dir", "d")
    assert not Path("d").exists()
    private = Ed25519PrivateKey.generate()
    log = str(SigningKey.of("log.example/log", private).verifier)
    witness = ("witness", "--log", log, "--name", "w.example/w", "--dir", "w", "--port", "-1")
    assert "`-1` is no port" in complaint(*witness)


def test_a_demo_has_a_child_at_least() -> None:
    assert "greater than or equal to 1" in complaint("demo", "--children", "0", "--data-dir", "d")


def test_what_is_no_url_is_told_how_one_is_written() -> None:
    asked = ("query", "auditor", "{ me { key } }", "--url")
    assert "`here` is no URL of a hub: write it as http://" in complaint(*asked, "here")
    assert "is no URL of a hub" in complaint("survey", "progress", "--url", "file:///etc/passwd")


@pytest.mark.parametrize("command", ["query", "explain"])
def test_a_denied_mode_that_is_none_is_not_taken_for_another(command: str) -> None:
    told = complaint(command, "auditor", "{ accessLog { edges { node { at } } } }", "--denied", "nul")
    assert "--denied" in told
    assert "refuse" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "Child.name", "--purpose", "statistics"), "there is no unit `nobody`; units are"),
        (("auditor", "Child.name", "--purpose", "x"), "there is no purpose `x`; purposes are"),
        (("auditor", "Child.nme", "--purpose", "audit"), "there is no coordinate `Child.nme`; near are `Child.name`"),
        (("auditor", "x", "--purpose", "audit"), "there is no coordinate `x`; `hub schema` prints them"),
        (("auditor", "Child.name", "--purpose", "audit", "--action", "eat"), "no action `eat`; actions are `read`"),
    ],
)
def test_a_right_that_cannot_be_is_told_by_the_word_that_is_wrong(arguments: tuple[str, ...], words: str) -> None:
    assert words in complaint(*WHY, *arguments)


def test_a_log_is_not_called_false_for_a_folder_or_a_key_file_that_is_wrong() -> None:
    Path("empty.txt").touch()
    Path("prose.txt").write_text("no key at all\n")
    Path("log").mkdir()
    assert "`nowhere` is no folder" in complaint(*VERIFY, "nowhere", "--key", "empty.txt")
    assert "`empty.txt` holds no verifier key" in complaint(*VERIFY, "log", "--key", "empty.txt")
    assert "`prose.txt`: " in complaint(*VERIFY, "log", "--key", "prose.txt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[limits]\ndepht = 3\n",
            "`limits.depht` (`HUB_LIMITS__DEPHT`): there is no such setting, see docs/settings.md",
        ),
        ("limits = 3\n", "`limits` (`HUB_LIMITS`): a table of settings is wanted"),
        ("[limits]\ndepth = 'deep'\n", "`limits.depth` (`HUB_LIMITS__DEPTH`): a whole number is wanted"),
        ("[deadlines]\nlog = 'soon'\n", "`deadlines.log` (`HUB_DEADLINES__LOG`): a number is wanted"),
        ("metrics = 'perhaps'\n", "`metrics` (`HUB_METRICS`): `true` or `false` is wanted"),
    ],
)
def test_a_setting_that_is_wrong_is_told_in_words_of_settings(text: str, words: str) -> None:
    Path("hub.toml").write_text(text)
    assert words in complaint("check")


def test_a_folder_is_no_settings_file() -> None:
    Path("conf").mkdir()
    assert "settings file `conf` is no file" in complaint("--config", "conf", "check")


def test_a_quarter_that_has_not_begun_is_not_frozen() -> None:
    result = run("statistics", "freeze", "2999Q1")
    assert result.exit_code == REFUSED
    assert "quarter `2999Q1` has not begun" in result.stderr


def test_a_file_where_a_folder_is_wanted_is_named() -> None:
    Path("here").touch()
    assert "a file is in the way: `here`" in complaint("demo", "--port", "0", "--data-dir", "here", "--once")


def test_an_owner_file_without_a_dsn_is_not_taken_for_a_database_that_is_away() -> None:
    Path("owner").write_text("the administrator knows\n")
    retire, erase = ("retire", "202211", "--to", "archive"), ("erase", "--before", "2023-01-01")
    for words in (retire, erase):
        assert "`owner` holds no DSN: `postgresql://" in complaint("audit", *words, "--owner", "owner")


def test_a_log_that_a_witness_is_given_wrongly_is_told_by_its_option() -> None:
    told = complaint("witness", "--log", "x", "--name", "w.example/w", "--dir", "w")
    assert "`--log`: a verifier key is a name, an id and a key" in told
    assert "`hub audit key` prints it" in told


def test_a_quarter_of_the_survey_is_told_how_one_is_written() -> None:
    assert "`x` is no quarter: write it as 2026Q4" in complaint("survey", "progress", "--quarter", "x")


def test_a_case_that_is_wanting_is_told_by_the_option_that_gives_it() -> None:
    result = run("audit", "hold", "public_security_bureau", "--register", "R1")
    assert result.exit_code == REFUSED
    assert "send `Hub-Case` (here: `--case`)" in result.stderr


def test_what_answers_at_a_url_and_is_no_hub_is_told_to_be_none() -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert f"what answers at `{url}` is no hub (status 404)" in complaint(
            "query", "auditor", "{ me { key } }", "--url", url
        )
        server.shutdown()


def test_sources_check_says_each_thing_that_is_not_well() -> None:
    away = "'postgresql://u:s3cret@127.0.0.1:1/hub'"
    Path("hub.toml").write_text(f"[databases]\nhub = {away}\n[writes]\nhub = {away}\n")
    result = run("sources", "check")
    assert result.exit_code == REFUSED
    assert "not every source is well" in result.stderr
    assert "not every source takes writes" in result.stderr
    assert "s3cret" not in result.output
