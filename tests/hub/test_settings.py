"""Settings: where they come from, what stops a start, and that the page about them tells the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.settings import ConfigurationError, Settings, load, settings_table
from hub.settings_page import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_CONFIG", raising=False)
    return tmp_path


def test_without_anything_set_the_defaults_of_the_design_hold() -> None:
    limits = load().limits
    assert (limits.tokens, limits.depth, limits.introspection_depth) == (2000, 10, 20)
    assert (limits.aliases, limits.directives, limits.page_size, limits.body_bytes) == (30, 50, 100, 262_144)
    assert (load().deadlines.source, load().deadlines.log, load().deadlines.body) == (2.0, 1.0, 5.0)


def test_arguments_win_over_the_environment_and_the_environment_over_the_file(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "hub.toml").write_text("port = 1\nhost = 'a'\nduty_phone = 'b'\n[limits]\ndepth = 3\naliases = 4\n")
    monkeypatch.setenv("HUB_HOST", "c")
    monkeypatch.setenv("HUB_LIMITS__DEPTH", "5")
    found = load(port=2)
    assert (found.port, found.host, found.duty_phone) == (2, "c", "b")
    assert (found.limits.depth, found.limits.aliases, found.limits.tokens) == (5, 4, 2000)


def test_a_file_is_found_by_name_by_variable_or_by_place(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, port in (("one.toml", 1), ("two.toml", 2), ("data/hub.toml", 3)):
        (nowhere / name).parent.mkdir(exist_ok=True)
        (nowhere / name).write_text(f"port = {port}\n")
    assert load().port == 3
    monkeypatch.setenv("HUB_CONFIG", "two.toml")
    assert load().port == 2
    assert load(Path("one.toml")).port == 1
    with pytest.raises(ConfigurationError, match="is not there"):
        load(Path("three.toml"))


def test_settings_do_not_change() -> None:
    found = load()
    with pytest.raises(ValidationError):
        found.port = 1
    with pytest.raises(ValidationError):
        found.limits.depth = 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "`prot`"),
        ("[limits]\ndepht = 1", "`limits.depht`"),
        ("[limits]\ndepth = 0", "`limits.depth` (`HUB_LIMITS__DEPTH`)"),
        ("[limits]\ndepth = 'deep'", "`limits.depth`"),
        ("port = 70000", "`port`"),
        ("timezone = 'Mars/North'", "no such time zone, try `Asia/Shanghai`"),
        ("case_pattern = '['", "no regular expression"),
        ("case_pattern = '.*'", "must be bounded"),
        ("case_pattern = '[0-9]+'", "must be bounded"),
        ("port = ", "cannot be read"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(nowhere: Path, text: str, words: str) -> None:
    (nowhere / "hub.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert words in str(caught.value)


def test_a_misspelt_variable_is_an_error_and_not_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LIMITS__DEPHT", "3")
    with pytest.raises(ConfigurationError, match="`HUB_LIMITS__DEPHT` is no setting"):
        load()


def test_no_message_and_no_text_of_the_settings_shows_a_password(nowhere: Path) -> None:
    (nowhere / "hub.toml").write_text("[databases]\nhub = 'postgresql://u:s3cret@h/d'\nlog = 7\n")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert "s3cret" not in str(caught.value)
    found = load(databases={"hub": "postgresql://u:s3cret@h/d", "log": None})
    assert "s3cret" not in repr(found) + str(found) + found.model_dump_json()
    assert found.databases.dsn("hub") == "postgresql://u:s3cret@h/d"


def test_every_setting_says_what_it_is_for() -> None:
    for name, _, _, description in settings_table():
        assert len(description) > 10, name


def test_the_page_about_settings_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m hub.settings_page > docs/settings.md"


@pytest.mark.parametrize("parks", ['{"120114101": "120114102"}', '{"120114400": "120114401"}', '{"1": "2"}'])
def test_a_park_goes_to_a_town_and_a_town_to_none(monkeypatch: pytest.MonkeyPatch, parks: str) -> None:
    monkeypatch.setenv("HUB_PARKS", parks)
    with pytest.raises(ConfigurationError, match="must name a park"):
        load()


def test_every_name_on_the_page_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "witnesses": "[]",
        "webhooks": "[]",
        "parks": '{"120114400": "120114101"}',
        "port": "9",
        "timezone": "UTC",
        "case_pattern": "[0-9]{4}",
        "ide": "false",
        "hold_reports": "true",
        "invented": "true",
        "metrics": "true",
    }
    for env, name, default, _ in settings_table():
        value = values.get(name) or (
            "1" if default.replace(".", "").isdecimal() else "true" if default == "true" else "x"
        )
        monkeypatch.setenv(env, value)
    found = load()
    assert isinstance(found, Settings)
    assert (found.limits.cost, found.ide, found.metrics, found.credentials.audience) == (1, False, True, "x")
