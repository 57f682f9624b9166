from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors import mapping as module
from connectors.mapping import MappingError, Place, load, parse
from tests.connectors import scratch

FOLDER = Path(module.__file__).parent
DEPARTMENTS = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")


def example() -> str:
    """The mapping that the module's own documentation shows."""
    assert module.__doc__ is not None
    lines = module.__doc__.split("::\n", 1)[1].splitlines()
    return "\n".join(line[4:] for line in lines if not line.strip() or line.startswith("    "))


def refusal(*path: str, **settings: Any) -> str:
    """What is said of the scratch mapping if one table of it is changed; a setting None is taken away."""
    data = tomllib.loads(scratch.TOML)
    table: Any = data
    for name in path:
        table = table.setdefault(name, {})
    for name, value in settings.items():
        table.pop(name, None)
        if value is not None:
            table[name] = value
    with pytest.raises(MappingError) as caught:
        parse(data, "scratch.toml")
    return str(caught.value)


def test_the_documented_example_loads_as_documented() -> None:
    mapping = parse(tomllib.loads(example()), "example.toml")
    child = mapping.relation("Child")
    assert mapping.source == "civil_affairs"
    assert child.table == "etda"
    assert child.column("sex").codes is mapping.codes["xb"]
    assert child.column("_citizen").unique == (("dazt", "1"),)
    assert child.column("birthDate").stored == "yyyymmdd"
    assert child.column("updatedAt").stored == "timestamptz"
    assert child.column("residenceAddress").village == Place(join=None, column="xjzd_xzqh")
    assert child.column("schoolName").place == Place(join="cun", column="mc")
    assert child.column("incomeSources").is_list
    assert not child.column("name").is_list


@pytest.mark.parametrize("name", DEPARTMENTS)
def test_every_mapping_of_the_project_loads_and_is_named_by_its_file(name: str) -> None:
    mapping = load(FOLDER / f"{name}.toml")
    assert mapping.source == name
    assert all("_key" in relation.columns for relation in mapping.relations.values())


def test_a_value_with_several_codes_keeps_them_all() -> None:
    codes = scratch.mapping().codes["gx"]
    assert codes.stored["UNCLE"] == ("81", "83")
    assert not codes.one_to_one
    assert scratch.mapping().codes["xb"].one_to_one


PERSON = ("relations", "Person")


@pytest.mark.parametrize(
    ("path", "settings", "problem"),
    [
        ((), {"sauce": "x"}, "has an unknown key `sauce`: allowed are `source`, `divisions`, `codes`, `relations`"),
        ((), {"source": None}, "needs `source`, a text that is not empty"),
        ((), {"source": "x; drop"}, "`source` = `x; drop` is no name"),
        ((), {"relations": None}, "has no relations"),
        ((), {"divisions": None}, "needs [divisions], since `Person.address` name a village column"),
        ((*PERSON,), {"table": 'zhu"'}, '[relations.Person] `table` = `zhu"` is no table name'),
        ((*PERSON,), {"table": "a.b.c"}, "is no table name: `table` or `schema.table` is needed"),
        ((*PERSON, "keys"), {"_key": None}, "[relations.Person] needs a key `_key`"),
        ((*PERSON, "keys"), {"name": {"column": "x"}}, "[relations.Person.keys.name] keys start with an underscore"),
        ((*PERSON, "fields"), {"_x": {"column": "x"}}, "[relations.Person.fields._x] keys start with an underscore"),
        ((*PERSON, "fields", "sex"), {"codes": "xbb"}, "`codes` = `xbb` is no code table: known are `xb`, `gx`"),
        ((*PERSON, "fields", "sex"), {"column": "xb; --"}, "`column` = `xb; --` is no column"),
        ((*PERSON, "fields", "sex"), {"column": None}, "[relations.Person.fields.sex] needs `column`"),
        ((*PERSON, "fields", "sex"), {"column": "yy.mc"}, "names an unknown join `yy`: known are `xx`, `qy`"),
        ((*PERSON, "fields", "sex"), {"kind": "boolean"}, "`kind` = `boolean` is unknown: known are `text`, `int`"),
        (
            (*PERSON, "fields", "bornOn"),
            {"stored": "local"},
            "does not go with kind `date`: known are `date`, `yyyymmdd`",
        ),
        ((*PERSON, "fields", "name"), {"true": "1"}, '`true` goes with kind = "bool" only'),
        ((*PERSON, "fields", "grade"), {"codes": "xb"}, '`codes` and `separator` go with kind = "text" only'),
        ((*PERSON, "fields", "tags"), {"separator": ","}, "exclude each other"),
        ((*PERSON, "fields", "name"), {"unique": {"zt": "1"}}, "`unique` goes with a key other than `_key`"),
        ((*PERSON, "keys", "_citizen"), {"unique": {"zt;": "1"}}, "`zt;` is no column name"),
        ((*PERSON, "joins", "xx"), {"on": {}}, "is empty: at least one pair is needed"),
        ((*PERSON, "joins", "xx"), {"on": None}, "needs `on`"),
        ((*PERSON, "joins", "xx"), {"on": {"bm": "qy.dz"}}, "names an unknown join `qy`: known are none"),
        (("codes", "xb"), {"1": 5}, "[codes.xb] needs `1`, a text that is not empty"),
        (("codes",), {"leer": {}}, "[codes.leer] is an empty code table"),
        (("divisions",), {"code": "d m"}, "[divisions] `code` = `d m` is no name"),
        (("relations",), {"Pers on": {"table": "x"}}, "is no relation name"),
        (("relations",), {"Person": "zhu"}, "[relations] `Person` is no table: a table is needed"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_would_be_right(
    path: tuple[str, ...], settings: dict[str, Any], problem: str
) -> None:
    said = refusal(*path, **settings)
    assert said.startswith("scratch.toml: ")
    assert problem in said
    assert not said.endswith(".")


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"absent\.toml: cannot be read"):
        load(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("source = \n")
    with pytest.raises(MappingError, match=r"broken\.toml: is not toml: .*line 1"):
        load(broken)


def test_an_unknown_relation_or_column_is_named() -> None:
    with pytest.raises(KeyError, match="source `scratch` has no relation `Nobody`"):
        scratch.mapping().relation("Nobody")
    with pytest.raises(KeyError, match="relation `Person` has no column `shoeSize`"):
        scratch.mapping().relation("Person").column("shoeSize")
