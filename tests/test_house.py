"""The house is in order: pages say what the code does, and the code keeps its own measures."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.core import TyperGroup

from hub.cli import app
from hub.lifecycle.signatures import served
from policies import load
from policies.matrix import text as matrix_text
from schema.build import sdl
from schema.catalogue import CATALOGUE
from tests.support.running import Asking

ROOT = Path(__file__).parent.parent
PACKAGES = ("hub", "schema", "policies", "connectors")
CODE = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
INVARIANTS = range(1, 8)
LONGEST_FUNCTION, LONGEST_FILE = 40, 400


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def sections(page: str, level: int) -> dict[str, str]:
    """Heading -> what stands under it, for headings of this level."""
    parts = re.split(rf"^{'#' * level} (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def targets() -> set[str]:
    """Targets of the Makefile."""
    return set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))


def tracked() -> list[Path]:
    """Every file that belongs to the project: tracked or about to be, or, without git, everything that is no cache."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        left = {".git", ".venv", "data", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
        return [path for path in ROOT.rglob("*") if path.is_file() and not left & set(path.relative_to(ROOT).parts)]
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


# Measures.


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines without its docstring) of each function of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            spoken = ast.get_docstring(node) is not None
            words = (first.end_lineno or first.lineno) - first.lineno + 1 if spoken else 0
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1 - words


def test_no_function_is_longer_than_the_ceiling() -> None:
    long = {
        f"{name_of(path)}::{name}": lines
        for path in CODE
        for name, lines in functions(path)
        if lines > LONGEST_FUNCTION
    }
    assert long == {}


def test_no_file_is_longer_than_the_ceiling() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in CODE}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_commands_and_the_server_start_without_what_only_a_comparison_or_a_freeze_needs() -> None:
    large = ("duckdb", "highspy", "numpy", "pyarrow", "pypinyin", "splink")
    loaded = f"import sys, hub.cli, hub.app; print([name for name in {large} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_say_what_things_are() -> None:
    vague = re.compile(r"(Manager|Helper|Utils|Base)$")
    found = [
        f"{name_of(path)}::{node.name}"
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and vague.search(node.name)
    ]
    assert found == []


def test_no_file_names_a_place_outside_the_project() -> None:
    # Written in two parts, so that this file is no finding of its own.
    outside = re.compile("|".join(("/wor" + "k/", r"\.\./" + "shared", "/ho" + "me/", "/ro" + "ot/")))
    found = []
    for path in tracked():
        try:
            read = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name_of(path)}: {match[0]}" for match in outside.finditer(read)]
    assert found == []


# What is generated is up to date.


def test_the_schema_and_the_matrix_that_are_checked_in_are_of_this_code() -> None:
    assert text_of("schema/schema.graphql") == sdl(served())
    assert text_of("policies/matrix.csv") == matrix_text(load(ROOT / "policies", CATALOGUE))


def test_every_release_is_pinned_once_and_says_nothing_of_where_it_came_from() -> None:
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line)] == []
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    assert len(pinned) == len(lines)
    project = tomllib.loads(text_of("pyproject.toml"))
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names - pinned == set()


# The pages.


def test_the_image_is_built_of_what_is_there_and_of_every_package() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", text_of("Dockerfile"), re.MULTILINE)
    copied = {name for line in copies for name in line.split()}
    let_in = set(re.findall(r"^!(.+)$", text_of(".dockerignore"), re.MULTILINE))
    project = tomllib.loads(text_of("pyproject.toml"))
    needed = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]}
    assert copied == let_in == {*needed, "pyproject.toml", "constraints.txt"}
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_two_readmes_have_one_structure() -> None:
    english, chinese = text_of("README.md"), text_of("README.zh-CN.md")

    def outline(page: str) -> tuple[list[str], list[str], int, list[str]]:
        without = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
        headings = re.findall(r"^(#+) ", without, re.MULTILINE)
        links = [link for link in re.findall(r"\]\(([^)]+)\)", without) if not link.startswith("README")]
        rows = len(re.findall(r"^\|", without, re.MULTILINE))
        return headings, re.findall(r"^```.*?^```$", page, re.MULTILINE | re.DOTALL), rows, links

    assert outline(english) == outline(chinese)


def test_both_readmes_say_that_everybody_is_invented() -> None:
    assert "is invented" in text_of("README.md")
    assert "均为虚构" in text_of("README.zh-CN.md")


@pytest.mark.parametrize("page", [name_of(path) for path in PAGES])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    found = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text_of(page)) if "://" not in link]
    assert [link for link in found if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", [name_of(path) for path in PAGES])
def test_files_that_a_page_names_are_there(page: str) -> None:
    named = re.findall(r"`((?:hub|schema|policies|connectors|tests|docs)/[\w./-]+\.\w+)", text_of(page))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [name_of(path) for path in PAGES])
def test_make_targets_that_a_page_names_are_there(page: str) -> None:
    lines = [*blocks(text_of(page), "sh"), *re.findall(r"`(make [^`]+)`", text_of(page))]
    named = {word for line in lines for found in re.findall(r"\bmake ([a-z ]+)", line) for word in found.split()}
    assert named - targets() == set()


def commands(group: TyperGroup, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str], str]]:
    """(name, options, help) of every command that is no group."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*above, name))
        else:
            options = {option for parameter in command.params for option in parameter.opts}
            yield (*above, name), options | {"--help"}, command.help or ""


def hub_commands() -> list[tuple[tuple[str, ...], set[str], str]]:
    """Every command of the command line."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return list(commands(group))


def spoken_commands(page: str) -> Iterator[list[str]]:
    """Words after ``hub`` in shell blocks and inline code."""
    for block in blocks(page, "sh"):
        for found in re.findall(r"(?:^|/)hub ((?:[^'\n]|'[^']*')*)", block, re.MULTILINE):
            yield shlex.split(found)
    for found in re.findall(r"`hub ([a-z][^`]*)`", page):
        yield found.split()


@pytest.mark.parametrize("page", [name_of(path) for path in PAGES if path.name != "CHANGELOG.md"])
def test_commands_and_options_that_a_page_names_are_there(page: str) -> None:
    known = {name: options for name, options, _ in hub_commands()}
    groups = {name[0] for name in known if len(name) > 1}
    for words in spoken_commands(text_of(page)):
        name = tuple(words[: 2 if words[0] in groups else 1])
        assert name in known, words
        options = {word for word in words if word.startswith("--")}
        assert options - known[name] - {"--config"} == set(), words


def test_every_command_says_its_exit_codes() -> None:
    assert [name for name, _, words in hub_commands() if "Exit codes" not in words] == []


# The invariants.


def invariants() -> dict[int, str]:
    """Number -> what ARCHITECTURE.md says under it."""
    stated = sections(text_of("ARCHITECTURE.md"), 2)["Invariants"]
    found = sections(stated, 3)
    return {int(heading.partition(".")[0]): words for heading, words in found.items()}


def test_the_invariants_stand_at_the_top_of_the_architecture() -> None:
    assert next(iter(sections(text_of("ARCHITECTURE.md"), 2))) == "Invariants"
    assert sorted(invariants()) == list(INVARIANTS)


@pytest.mark.parametrize("number", INVARIANTS)
def test_an_invariant_is_marked_in_the_code_that_enforces_it(number: int) -> None:
    (line,) = re.findall(r"^- Enforced: (.+)$", invariants()[number], re.MULTILINE)
    marked = {name_of(path) for path in CODE if f"INVARIANT {number}" in path.read_text("utf-8")}
    assert marked
    assert set(re.findall(r"`([^`]+)`", line)) == marked


@pytest.mark.parametrize("number", INVARIANTS)
def test_an_invariant_has_tests_and_they_exist(number: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", invariants()[number])
    assert named
    for path, name in named:
        tree = ast.parse(text_of(path))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in found, f"{path}::{name}"


# The README's question, asked.


def readme_question() -> tuple[str, str, str]:
    """(unit, purpose, document) of the README's example."""
    (words,) = [words for words in spoken_commands(text_of("README.md")) if words[0] == "query"]
    return words[1], words[words.index("--purpose") + 1], words[-1]


def shape(value: object) -> object:
    """What a value is made of, without the words in it."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return (
        None if value is None else re.sub(r"\d", "9", value) if isinstance(value, str) and "*" in value else type(value)
    )


@pytest.mark.postgres
async def test_the_readmes_question_gets_an_answer_of_the_shape_that_it_shows(ask: Asking) -> None:
    unit, purpose, document = readme_question()
    (written,) = blocks(text_of("README.md"), "json")
    shown = yaml.safe_load(written)
    answer = (await ask(unit, purpose, document)).json
    assert shape(answer["data"]) == shape(shown["data"])
    assert shape(answer["errors"]) == shape(shown["errors"])
    assert [error["extensions"]["coordinate"] for error in answer["errors"]] == ["Child.residenceAddress"]
    assert set(answer["extensions"]["receipt"]) == set(shown["extensions"]["receipt"])


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("unit", "purpose"),
    [("town_government:120114101", "guardianship_protection"), ("womens_federation", "care_service")],
)
async def test_the_readmes_table_says_what_the_others_are_refused(unit: str, purpose: str, ask: Asking) -> None:
    answer = (await ask(unit, purpose, readme_question()[2], denied="null")).json
    refused = {
        error["extensions"]["coordinate"].partition(".")[2]
        for error in answer["errors"]
        if error["extensions"].get("reason") != "row_scope"
    }
    (row,) = [line for line in text_of("README.md").splitlines() if line.startswith(f"| {unit.partition(':')[0]}, ")]
    cells = [cell.strip() for cell in row.strip("|").split("|")][2:]
    columns = ("name", "citizenId", "residenceAddress", "enrolments", "boardingMode")
    written = {column for column, cell in zip(columns, cells, strict=True) if cell == "refused"}
    # Where no field of enrolments is open, the link is refused and what lies under it is not asked.
    assert written - ({"boardingMode"} if "enrolments" in written else set()) == refused
