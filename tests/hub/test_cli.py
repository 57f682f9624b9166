"""The command line: a demo on real databases, what the other commands say of it, and the exit code of every mistake."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

import connectors
from hub.cli import app
from hub.commands.outcome import MISCONFIGURED, REFUSED
from hub.commands.showing import UNITS
from tests.support.served import PATIENT

HUB = [sys.executable, "-c", "from hub.cli import main; main()"]
NUMBER = re.compile(r"[0-9]{17}[0-9X]")
HASH = re.compile(r"\b[0-9a-f]{32,64}\b")
"""Names of requests and hashes: random, so that some hold as many digits in a row as a citizen's number has."""


def run(*arguments: str, config: Path | None = None, stdin: str | None = None) -> Result:
    found = ("--config", str(config)) if config else ()
    return CliRunner().invoke(app, [*found, *arguments], input=stdin)


@dataclass(frozen=True)
class Demo:
    folder: Path
    url: str
    shown: str
    process: subprocess.Popen[str]

    @property
    def config(self) -> Path:
        return self.folder / "hub.toml"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_CONFIG", raising=False)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*HUB, "demo", "--port", "0", "--data-dir", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **PATIENT, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "data"
    process = start(folder, "--children", "200")
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if "Ctrl+C" in line:
            break
    found = re.search(r"http://127\.0\.0\.1:[0-9]+", shown)
    if found is None:
        process.kill()
        pytest.fail(process.communicate()[1])
    yield Demo(folder=folder, url=found.group(), shown=shown, process=process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


@pytest.mark.postgres
def test_a_demo_shows_what_three_units_see_and_what_each_was_refused(demo: Demo) -> None:
    parts = demo.shown.split("curl -s ")[1:]
    assert len(parts) == len(UNITS) == 3
    answers = [part.partition("HTTP 200\n")[2] for part in parts]
    assert len(set(answers)) == 3
    for answer in answers:
        assert "回执 receipt: " in answer
        assert "未获授权 refused:" in answer
        assert "    rule: " in answer
    assert len(NUMBER.findall(answers[1])) > 0, "the town reads its own children's numbers in clear"
    assert "120114************" in answers[0]
    assert not NUMBER.findall(HASH.sub("", answers[0] + answers[2]))


@pytest.mark.postgres
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_each_curl_line_works_as_it_is_printed(demo: Demo) -> None:
    lines = [line for line in demo.shown.splitlines() if line.startswith("curl ")]
    for line in lines:
        answer = json.loads(subprocess.check_output(["sh", "-c", line], text=True))
        assert answer["data"]["children"]["edges"], shlex.split(line)[:3]


@pytest.mark.postgres
def test_the_folder_keeps_its_secrets(demo: Demo) -> None:
    for path in (demo.config, *demo.folder.glob("tokens/*"), *demo.folder.glob("keys/*")):
        if path.name != "jwks.json":
            assert path.stat().st_mode & 0o077 == 0, path
    assert demo.folder.stat().st_mode & 0o077 == 0


@pytest.mark.postgres
def test_query_answers_as_the_unit(demo: Demo) -> None:
    result = run(
        "query", "town_government", "{ me { key purpose } }", "--division", "120114101",
        "--purpose", "survey_management", config=demo.config,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["data"]["me"] == {
        "key": "town_government:120114101",
        "purpose": "SURVEY_MANAGEMENT",
    }


@pytest.mark.postgres
def test_query_takes_a_file_or_standard_input_with_variables(demo: Demo, tmp_path: Path) -> None:
    text = "query a { me { unit } } query b($n: Int) { children(first: $n) { edges { node { name } } } }"
    (tmp_path / "q.graphql").write_text(text)
    for document, stdin in ((f"@{tmp_path / 'q.graphql'}", None), ("-", text)):
        result = run(
            "query", "education_bureau", document, "--purpose", "dropout_control", "--operation", "b",
            "--variables", '{"n": 3}', config=demo.config, stdin=stdin,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert len(json.loads(result.stdout)["data"]["children"]["edges"]) == 3


@pytest.mark.postgres
def test_a_mutation_is_asked_like_any_query_and_says_why_a_step_is_not_lawful(demo: Demo) -> None:
    report = """mutation($input: ReportConcernInput!) {
        reportConcern(input: $input) { again mandatoryReport { id status } } }"""
    given = {"idempotencyKey": "from the command line", "divisionCode": "120114101001", "narrative": "独自在家（虚构）"}
    arguments = ("query", "womens_federation", report, "--purpose", "emergency_response", "--variables")
    for again in (False, True):
        result = run(*arguments, json.dumps({"input": given}), config=demo.config)
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)["data"]["reportConcern"]
        assert (found["again"], found["mandatoryReport"]["status"]) == (again, "REPORTED")
    dispatch = (
        f'mutation {{ dispatch(input: {{idempotencyKey: "a", id: "{found["mandatoryReport"]["id"]}"}}) {{ step }} }}'
    )
    result = run("query", "womens_federation", dispatch, "--purpose", "emergency_response", config=demo.config)
    assert result.exit_code == REFUSED
    assert "受理出警（条款 3.1.4）由公安武清分局办理" in result.stdout
    result = run("explain", "womens_federation", dispatch, "--purpose", "emergency_response", config=demo.config)
    assert result.exit_code == REFUSED
    assert "docs/life-cycles.md" in result.stderr


@pytest.mark.postgres
def test_a_refused_query_ends_with_1_and_says_by_which_rule(demo: Demo) -> None:
    arguments = ("query", "womens_federation", "{ children { edges { node { citizenId } } } }")
    result = run(*arguments, "--purpose", "care_service", config=demo.config)
    assert result.exit_code == REFUSED
    [error] = json.loads(result.stdout)["errors"]
    assert error["extensions"]["code"] == "NOT_ENTITLED"
    assert error["extensions"]["coordinate"] == "Child.citizenId"
    result = run(*arguments, "--purpose", "care_service", "--denied", "null", config=demo.config)
    assert result.exit_code == 0


@pytest.mark.postgres
def test_a_refusal_at_the_door_is_an_entry_too(demo: Demo) -> None:
    token = run("token", "justice_bureau", "--purpose", "legal_aid", config=demo.config).stdout.strip()
    answer = subprocess.check_output(
        ["curl", "-s", "-i", f"{demo.url}/graphql", "-H", f"Authorization: Bearer {token}",
         "-H", "Hub-Purpose: legal_aid", "-H", "Content-Type: application/json", "-d", "{}"],
        text=True,
    )  # fmt: skip
    assert "CASE_REQUIRED" in answer
    request = re.search(r"hub-request-id: (\w+)", answer)
    assert request is not None
    result = run("audit", "show", request.group(1), config=demo.config)
    assert result.exit_code == 0, result.output
    assert "refusal DENIED justice_bureau/dev legal_aid" in result.stdout
    assert "errors: CASE_REQUIRED" in result.stdout


@pytest.mark.postgres
def test_audit_show_shows_the_newest_entries_and_no_personal_value(demo: Demo) -> None:
    result = run("audit", "show", "--last", "3", config=demo.config)
    assert result.exit_code == 0, result.output
    assert len(re.findall(r"^(#\d+|pending) ", result.stdout, re.MULTILINE)) == 3
    assert not NUMBER.findall(HASH.sub("", result.stdout))
    assert run("audit", "show", "nothing", config=demo.config).exit_code == REFUSED


@pytest.mark.postgres
def test_a_receipt_is_proved_and_checked_offline_before_and_after_the_key_is_handed_on(
    demo: Demo, tmp_path: Path
) -> None:
    first = proved(demo, tmp_path / "first")
    assert run("audit", "rotate", config=demo.config).exit_code == 0
    keys = run("audit", "key", config=demo.config).stdout.split()
    assert len(keys) == 2
    second = proved(demo, tmp_path / "second")
    (tmp_path / "keys").write_text("\n".join(keys))
    for receipt, proof in (first, second):
        result = run("audit", "check", str(receipt), "--proof", str(proof), "--key", str(tmp_path / "keys"))
        assert result.exit_code == 0, result.output
    foreign = run("audit", "check", str(first[0]), "--proof", str(second[1]), "--key", str(tmp_path / "keys"))
    assert (foreign.exit_code, foreign.stderr.count("\n")) == (REFUSED, 1)
    (tmp_path / "keys").write_text(keys[0])
    late = run("audit", "check", str(second[0]), "--proof", str(second[1]), "--key", str(tmp_path / "keys"))
    assert late.exit_code == REFUSED and "key that is not among" in late.stderr
    assert run("audit", "inspect", config=demo.config).exit_code == 0
    (tmp_path / "keys").write_text(keys[0])
    assert run("audit", "export", str(tmp_path / "log"), config=demo.config).exit_code == 0
    verified = run("audit", "verify", str(tmp_path / "log"), "--key", str(tmp_path / "keys"))
    assert verified.exit_code == 0 and "核验通过" in verified.stdout, verified.output
    (tmp_path / "log" / "checkpoint").unlink()
    torn = run("audit", "verify", str(tmp_path / "log"), "--key", str(tmp_path / "keys"))
    assert torn.exit_code == REFUSED and "核验不通过" in torn.stderr


def proved(demo: Demo, folder: Path) -> tuple[Path, Path]:
    """Files with the receipt of a new answer and with its proof."""
    folder.mkdir()
    arguments = ("query", "education_bureau", "{ me { key } }", "--purpose", "dropout_control")
    answer = run(*arguments, config=demo.config)
    (folder / "answer.json").write_text(answer.stdout)
    for _ in range(50):
        result = run("audit", "prove", str(folder / "answer.json"), config=demo.config)
        if result.exit_code == 0:
            break
        time.sleep(0.2)
    assert result.exit_code == 0, result.output
    (folder / "proof").write_text(result.stdout)
    return folder / "answer.json", folder / "proof"


@pytest.mark.postgres
def test_audit_commands_say_what_is_wrong_with_what_they_are_given(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no receipt")
    assert run("audit", "prove", "a/b", config=demo.config).exit_code == MISCONFIGURED
    assert run("audit", "prove", "a/b/0", config=demo.config).exit_code == REFUSED
    assert run("audit", "prove", str(tmp_path / "text"), config=demo.config).exit_code == MISCONFIGURED
    text = str(tmp_path / "text")
    result = run("audit", "check", text, "--proof", text, "--key", text)
    assert (result.exit_code, "Traceback" in result.output) == (MISCONFIGURED, False)


@pytest.mark.postgres
def test_check_and_sources_check_find_all_well(demo: Demo) -> None:
    result = run("check", config=demo.config)
    assert (result.exit_code, result.stdout[:20]) == (0, "ok: 167 coordinates,"), result.output
    result = run("sources", "check", config=demo.config)
    assert result.exit_code == 0, result.output
    assert result.stdout.count(": ok") == 6
    assert result.stdout.count(": writes ok") == 6


@pytest.mark.postgres
def test_sources_check_prints_an_index_that_is_lacking_and_fails_for_it_only_if_asked_to(demo: Demo) -> None:
    owner = tomllib.loads(demo.config.read_text("utf-8"))["databases"]["log"].replace("/hub?", "/education?")
    asyncio.run(change(owner, "drop index jy_xsxj_xjh"))
    lacking = run("sources", "check", "--least", "1", config=demo.config)
    strict = run("sources", "check", "--least", "1", "--strict", config=demo.config)
    small = run("sources", "check", "--strict", config=demo.config)
    asyncio.run(change(owner, "create index jy_xsxj_xjh on jy_xsxj (xjh, xjid)"))
    assert (lacking.exit_code, strict.exit_code, small.exit_code) == (0, REFUSED, 0)
    assert lacking.stdout.count("索引齐全 no index is lacking") == 5
    assert small.stdout.count("索引齐全 no index is lacking") == 6
    assert (
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS "hub_jy_xsxj_xjh_xjid" ON "jy_xsxj" ("xjh", "xjid");' in lacking.stdout
    )
    [line] = [line for line in lacking.stdout.splitlines() if "缺索引" in line]
    assert line.startswith("education: 缺索引 an index is lacking on `jy_xsxj`，约 ")
    assert line.endswith(
        "每新增一行多写一次 one more write for each new row；用于 for 筛选 filter `Enrolment.studentNumber`"
    )
    assert "表小，无需索引 too small to need an index: `jy_xsxj` (" in small.stdout
    assert "not every source has the indexes" in strict.stderr


@pytest.mark.postgres
def test_sources_check_names_a_department_whose_write_role_lacks_its_rights(demo: Demo) -> None:
    owner = tomllib.loads(demo.config.read_text("utf-8"))["databases"]["log"].replace("/hub?", "/courts?")
    asyncio.run(change(owner, "revoke usage on schema hub from hub_write"))
    result = run("sources", "check", config=demo.config)
    printed = run("sources", "rights", "courts", config=demo.config)
    asyncio.run(change(owner, printed.stdout))
    assert result.exit_code == REFUSED
    assert "courts: writes rejected" in result.stdout
    assert "hub sources rights" in result.stderr
    assert run("sources", "check", config=demo.config).exit_code == 0


def test_the_rights_of_the_write_role_are_printed_for_a_department_and_for_nothing_else() -> None:
    result = run("sources", "rights", "public_security", "--role", "writer")
    assert result.exit_code == 0, result.output
    assert "GRANT UPDATE" in result.stdout
    assert 'ON "jq_bg" TO "writer";' in result.stdout
    assert "DELETE" not in result.stdout
    own = run("sources", "rights", "hub").stdout
    assert 'GRANT UPDATE ("decided_at", "status") ON "link"' in own
    assert 'GRANT UPDATE ("census_reference") ON "statistic"' in own
    assert "access_log" not in own
    assert run("sources", "rights", "nowhere").exit_code == MISCONFIGURED


@pytest.mark.postgres
def test_a_mapping_to_a_missing_column_is_named(demo: Demo) -> None:
    owner = tomllib.loads(demo.config.read_text("utf-8"))["databases"]["log"]
    mapping = tomllib.loads((Path(connectors.__path__[0]) / "hub.toml").read_text("utf-8"))["relations"]["Link"]
    table, column = mapping["table"], mapping["keys"]["_status"]["column"]
    asyncio.run(change(owner, f"alter table {table} rename column {column} to elsewhere"))
    try:
        for arguments in (("check",), ("sources", "check")):
            result = run(*arguments, config=demo.config)
            assert result.exit_code == REFUSED
            assert f"hub: Link._status: table `{table}` has no column `{column}`" in result.stdout
    finally:
        asyncio.run(change(owner, f"alter table {table} rename column elsewhere to {column}"))


async def change(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.postgres
def test_serve_answers_on_the_databases_of_the_settings(demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*HUB, "--config", str(demo.config), "serve", "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **PATIENT, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    arguments = ("query", "education_bureau", "{ me { key } }", "--purpose", "dropout_control")
    until = time.monotonic() + 60
    while (result := run(*arguments, "--url", f"http://127.0.0.1:{port}", config=demo.config)).exit_code:
        assert time.monotonic() < until, result.output
        assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


@pytest.mark.postgres
def test_a_second_demo_cannot_take_the_folder_of_the_first(demo: Demo) -> None:
    result = run("demo", "--port", "0", "--data-dir", str(demo.folder), "--once")
    assert result.exit_code == MISCONFIGURED
    assert "is in use by another demo" in result.stderr


@pytest.mark.postgres
def test_a_demo_ends_after_the_three_answers_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = start(folder, "--children", "100", "--once")
    shown, complaints = first.communicate(timeout=90)
    assert first.returncode == 0, complaints
    assert "100 invented children loaded" in complaints
    again = start(folder, "--once")
    shown_again, complaints = again.communicate(timeout=60)
    assert again.returncode == 0, complaints
    assert "loaded" not in complaints
    plain = [re.sub(r":\d{4,5}/|receipt: .*", "", text) for text in (shown, shown_again)]
    assert plain[0] == plain[1]
    other = run("demo", "--port", "0", "--data-dir", str(folder), "--children", "7", "--once")
    assert other.exit_code == MISCONFIGURED
    assert "holds 100 children" in other.stderr


@pytest.mark.postgres
def test_an_interrupted_load_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = start(folder, "--children", "20000", "--once")
    until = time.monotonic() + 60
    while not (folder / "loading").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.3)
    process.kill()
    process.communicate()
    again = start(folder, "--children", "100", "--once")
    _, complaints = again.communicate(timeout=90)
    assert again.returncode == 0, complaints
    assert "the last load was interrupted" in complaints
    assert "100 invented children loaded" in complaints


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("demo", "--port", str(port), "--data-dir", "d", "--once")
    assert result.exit_code == MISCONFIGURED
    assert f"port `{port}` of `127.0.0.1` is taken" in result.stderr
    assert not Path("d").exists()


def test_a_folder_of_an_older_layout_or_of_someone_else_is_named() -> None:
    for name, text, words in (
        ("server/layout", "0\n", "has layout `0`"),
        ("server/thesis.doc", "x", "is no data folder of the hub"),
        ("loaded.json", "{}", "is not as this version writes it"),
    ):
        path = Path(name.partition("/")[0].replace(".", "-")) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        folder = path.parent.parent if "/" in name else path.parent
        result = run("demo", "--port", "0", "--data-dir", str(folder), "--once")
        assert result.exit_code == MISCONFIGURED
        assert words in result.stderr
        path.unlink()
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    Path("file").write_text("x")
    result = run("demo", "--port", "0", "--data-dir", "file/data", "--once")
    assert result.exit_code == MISCONFIGURED
    assert "not a directory `file/data`" in result.stderr


def test_serve_says_which_setting_is_missing_or_wrong(tmp_path: Path) -> None:
    result = run("serve", "--port", "0")
    assert result.exit_code == MISCONFIGURED
    assert "`databases.log` (`HUB_DATABASES__LOG`) is missing" in result.stderr
    (tmp_path / "c.toml").write_text(
        "[databases]\nlog = 'postgresql://u:s3cret@127.0.0.1:1/hub'\n[deadlines]\nstart = 0.1\n"
    )
    result = run("serve", "--port", "0", config=tmp_path / "c.toml")
    assert result.exit_code == MISCONFIGURED
    assert "the log takes no entries" in result.stderr
    assert "s3cret" not in result.output
    result = run("serve", config=tmp_path / "none.toml")
    assert (result.exit_code, "is not there" in result.stderr) == (MISCONFIGURED, True)


def test_sources_check_names_each_database_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[databases]\nhub = 'postgresql://u:s3cret@127.0.0.1:1/hub'\n")
    result = run("sources", "check", config=tmp_path / "c.toml")
    assert result.exit_code == REFUSED
    assert "hub: database: unreachable" in result.stdout
    assert "education: no DSN (`databases.education`)" in result.stdout
    assert "s3cret" not in result.output


def test_query_without_a_hub_says_how_to_start_one() -> None:
    result = run("query", "auditor", "{ me { key } }", "--url", "http://127.0.0.1:1")
    assert result.exit_code == MISCONFIGURED
    assert "`hub demo` or `hub serve` starts one" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody",), "there is no unit `nobody`; units are `civil_affairs_bureau`"),
        (("town_government",), "must say `division`: a code of 9 digits (`--division 120114101`)"),
        (("town_government", "--division", "120114400"), "of a division in force"),
        (("education_bureau", "--division", "120114101"), "has no `division`"),
        (("mandatory_reporter",), "must say `institution`"),
        (("mandatory_reporter", "--institution", "1"), "not in the register"),
        (("education_bureau", "--purpose", "curiosity"), "there is no purpose `curiosity`; purposes are"),
        (("education_bureau", "--minutes", "600"), "from 1 to 15 minutes"),
        (("education_bureau", "--minutes", "0"), "from 1 to 15 minutes"),
    ],
)
def test_a_token_for_no_principal_is_told_what_there_is(arguments: tuple[str, ...], words: str) -> None:
    result = run("token", *arguments)
    assert (result.exit_code, words in result.stderr) == (MISCONFIGURED, True), result.output


def test_a_broken_policy_is_told_by_file_and_line(tmp_path: Path) -> None:
    import policies

    folder = tmp_path / "policies"
    shutil.copytree(Path(policies.__path__[0]), folder)
    (folder / "grants" / "auditor.csv").write_text("")
    (tmp_path / "c.toml").write_text(f"policies = '{folder}'\n")
    for arguments in (("check",), ("token", "auditor"), ("policy", "matrix")):
        result = run(*arguments, config=tmp_path / "c.toml")
        assert (result.exit_code, "auditor.csv" in result.stderr) == (MISCONFIGURED, True), result.output


def test_policy_why_names_the_rule_or_what_would_be_wanted() -> None:
    granted = run("policy", "why", "education_bureau", "Child.name", "--purpose", "dropout_control")
    assert (granted.exit_code, "grants/education_bureau.csv:" in granted.stdout) == (0, True), granted.output
    refused = run("policy", "why", "womens_federation", "Child.citizenId", "--purpose", "care_service")
    assert (refused.exit_code, "womens_federation,Child.citizenId,read" in refused.stdout) == (REFUSED, True)


def test_policy_diff_and_matrix_tell_a_change(tmp_path: Path) -> None:
    import policies

    folder = tmp_path / "policies"
    shutil.copytree(Path(policies.__path__[0]), folder)
    assert run("policy", "diff", str(folder)).exit_code == 0
    path = folder / "grants" / "culture_broadcasting_bureau.csv"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), "utf-8")
    result = run("policy", "diff", str(folder))
    assert result.exit_code == REFUSED
    assert "- culture_broadcasting_bureau," in result.stdout
    (tmp_path / "c.toml").write_text(f"policies = '{folder}'\n")
    assert run("policy", "matrix", config=tmp_path / "c.toml").exit_code == MISCONFIGURED
    assert run("policy", "matrix", "--write", config=tmp_path / "c.toml").exit_code == 0
    assert run("policy", "matrix", config=tmp_path / "c.toml").stdout == (folder / "matrix.csv").read_text("utf-8")


def test_schema_shows_the_whole_or_a_units_own_view() -> None:
    whole = run("schema")
    view = run("schema", "--unit", "womens_federation", "--purpose", "care_service")
    assert (whole.exit_code, view.exit_code) == (0, 0)
    assert "type MandatoryReport " in whole.stdout
    assert "type MandatoryReport " not in view.stdout
    assert "type AssistanceRecord " in view.stdout
    assert run("schema", "--unit", "womens_federation", "--purpose", "x").exit_code == MISCONFIGURED
    assert run("schema", "--unit", "nobody").exit_code == MISCONFIGURED


def test_a_purpose_must_be_said_where_a_unit_has_several() -> None:
    result = run("schema", "--unit", "education_bureau")
    assert result.exit_code == MISCONFIGURED
    assert "say `--purpose`; `education_bureau` has " in result.stderr


def test_wrong_variables_and_unknown_commands_are_usage_errors() -> None:
    result = run("query", "auditor", "{ me { key } }", "--variables", "[1]")
    assert (result.exit_code, "must be a JSON object" in result.stderr) == (MISCONFIGURED, True)
    assert run("dance").exit_code == MISCONFIGURED
    assert run("token").exit_code == MISCONFIGURED


def commands() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}

    def walk(command: object, path: list[str]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found[" ".join(path)] = path
            return
        for name, below in inner.items():
            walk(below, [*path, name])

    walk(get_command(app), [])
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_says_what_it_does_and_what_its_exit_codes_mean(name: str) -> None:
    result = run(*commands()[name], "--help")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "Exit codes: 0 " in text
    assert re.search(r"[一-鿿]", text), "officials read Chinese"
