"""Files and persons that no number brings together -> candidates with a probability and its evidence: owns Splink.

Guarantee: the same rows give the same candidates (nothing is drawn at random). A pair whose two numbers are both right
and differ is no candidate: they are two people. Evidence names how far each feature agrees, never a value.

The model is that of Fellegi and Sunter. Its chances are set here and not learnt from the quarter: in a good quarter too
few records are left to learn from, and what a candidate weighs must not change with who else was surveyed. Only how
common a name is comes from the rows themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pypinyin import Style, lazy_pinyin
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from hub.reconcile.workbench import Workbench

SOURCES: Final = ("education", "public_security")
LEAST: Final = 0.05
"""Probability from which on a person looks at a pair. Low on purpose: a pair that is left out is one of which nobody
hears, while its child is said to be missing; and of the pairs that are best for both sides few are wrong even so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One degree of agreement: ``m``: its chance if it is one child; ``u``: if it is two."""

    name: str
    when: str
    m: float
    u: float
    frequency: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """What is compared, from full agreement down to none."""

    name: str
    missing: str
    levels: tuple[Level, ...]


_SWAPPED: Final = "substr(birth_l, 1, 5) || substr(birth_l, 9, 2) || '-' || substr(birth_l, 6, 2)"
_SAME_PARTS: Final = " + ".join(
    f"(substr(birth_l, {start}, {length}) = substr(birth_r, {start}, {length}))::int"
    for start, length in ((1, 4), (6, 2), (9, 2))
)

FEATURES: Final = (
    Feature(
        name="name",
        missing="name_l is null or name_r is null",
        levels=(
            Level(name="same", when="name_l = name_r", m=0.87, u=0.0005, frequency=True),
            Level(name="homophone", when="sound_l = sound_r", m=0.05, u=0.0015),
            Level(
                name="one_character",
                when="length(name_l) = length(name_r) and length(name_l) > 1 and levenshtein(name_l, name_r) = 1",
                m=0.06,
                u=0.012,
            ),
            Level(name="different", when="ELSE", m=0.02, u=0.986),
        ),
    ),
    Feature(
        name="birth_date",
        missing="birth_l is null or birth_r is null",
        levels=(
            Level(name="same", when="birth_l = birth_r", m=0.93, u=0.0002),
            Level(name="day_and_month_swapped", when=f"{_SWAPPED} = birth_r", m=0.03, u=0.0001),
            Level(name="one_digit", when="hamming(birth_l, birth_r) = 1", m=0.02, u=0.004),
            Level(name="one_part", when=f"({_SAME_PARTS}) = 2", m=0.012, u=0.008),
            Level(name="different", when="ELSE", m=0.008, u=0.9877),
        ),
    ),
    Feature(
        name="sex",
        missing="sex_l not in ('MALE', 'FEMALE') or sex_r not in ('MALE', 'FEMALE')",
        levels=(
            Level(name="same", when="sex_l = sex_r", m=0.99, u=0.5),
            Level(name="different", when="ELSE", m=0.01, u=0.5),
        ),
    ),
    Feature(
        name="place",
        missing="village_l is null or village_r is null",
        levels=(
            Level(name="same_village", when="village_l = village_r or home_l = home_r", m=0.85, u=0.002),
            Level(name="same_town", when="town_l = town_r or left(village_l, 9) = left(village_r, 9)", m=0.1, u=0.033),
            Level(name="different", when="ELSE", m=0.05, u=0.965),
        ),
    ),
    Feature(
        name="parents",
        missing="(father_l is null or father_r is null) and (mother_l is null or mother_r is null)",
        levels=(
            Level(name="both", when="father_l = father_r and mother_l = mother_r", m=0.8, u=0.000005),
            Level(name="one", when="father_l = father_r or mother_l = mother_r", m=0.13, u=0.001),
            Level(name="different", when="ELSE", m=0.07, u=0.998995),
        ),
    ),
    Feature(
        name="citizen_id",
        missing="number_l is null or number_r is null",
        levels=(
            Level(name="same", when="number_l = number_r", m=0.5, u=0.000001),
            Level(name="nearly_same", when="damerau_levenshtein(number_l, number_r) = 1", m=0.44, u=0.00001),
            Level(name="different", when="ELSE", m=0.06, u=0.999989),
        ),
    ),
)
"""Chances for a rural district of a million people with some hundred villages."""

BLOCKS: Final = (
    block_on("birth"),
    block_on("name", "town"),
    block_on("sound", "substr(birth, 1, 4)"),
    block_on("substr(number, 1, 17)"),
    block_on("name", "substr(birth, 1, 4)"),
    block_on("village", "substr(birth, 1, 4)"),
)
"""Pairs that are looked at: those that agree on one of these."""

_APART: Final = """
match_probability >= getvariable('least')
    and not coalesce(number_l <> number_r and proven_l and proven_r, false)
    and not exists (
        select 1 from link
        where link.status = 'REFUSED' and link.source = getvariable('source')
            and link.register = unique_id_l and link.person = unique_id_r
    )
"""
_BEST: Final = f"""
insert into candidate
select getvariable('source'), unique_id_l, unique_id_r, match_probability, [{{gammas}}]
from scored
where comparable_l and {_APART}
qualify match_weight >= max(match_weight) over (partition by unique_id_l) - 0.001
    and match_weight >= max(match_weight) over (partition by unique_id_r) - 0.001
"""
_RESEMBLING: Final = f"""
insert into resembling
select distinct getvariable('source'), unique_id_r from scored where not comparable_l and {_APART}
"""


def link(workbench: Workbench) -> None:
    """Fills ``candidate``, and ``resembling`` (persons who resemble a file that is not compared), for both sources."""
    workbench.connection.execute(
        "create table candidate (source text, register text, person text, probability double, levels integer[]); "
        "create table resembling (source text, person text)"
    )
    _add_sounds(workbench)
    workbench.connection.execute(f"set variable least = {LEAST}")
    for source in SOURCES:
        workbench.connection.execute(f"set variable source = '{source}'")
        workbench.script("unmatched.sql")
        _link_source(workbench)


def evidence(levels: list[int]) -> list[str]:
    """How far each feature agrees, in words of the code: ``name:homophone``; features that are missing are left out."""
    found = []
    for feature, gamma in zip(FEATURES, levels, strict=True):
        if gamma >= 0:
            found.append(f"{feature.name}:{feature.levels[len(feature.levels) - 1 - gamma].name}")
    return found


def sound(name: str) -> str:
    """How a name sounds, without tones."""
    return " ".join(lazy_pinyin(name, style=Style.NORMAL))


def _add_sounds(workbench: Workbench) -> None:
    names = workbench.rows(
        "select distinct plain from (select plain from person union all select plain from file) "
        "where plain is not null and plain not in (select name from sound)"
    )
    workbench.insert("sound", [(name, sound(name)) for (name,) in names])


def _link_source(workbench: Workbench) -> None:
    ((files, persons),) = workbench.rows(
        "select (select count(*) from unmatched_file), (select count(*) from unmatched_person)"
    )
    if not files or not persons:
        return
    database: Any = DuckDBAPI(connection=workbench.connection)
    left = database.register("unmatched_file", dataset_display_name="a_file")
    right = database.register("unmatched_person", dataset_display_name="b_person")
    linker = Linker([left, right], model(persons), log_level=None)
    pairs = linker.inference.predict(threshold_match_probability=LEAST / 2)
    gammas = ", ".join(f"gamma_{feature.name}" for feature in FEATURES)
    workbench.connection.execute(f"create or replace temp view scored as select * from {pairs.physical_name}")
    workbench.connection.execute(_BEST.format(gammas=gammas))
    workbench.connection.execute(_RESEMBLING)
    workbench.connection.execute("drop view scored")
    database.delete_tables_created_by_splink_from_db()


def model(persons: int) -> SettingsCreator:
    """The model for so many persons: about a third of the files that are left have theirs among them."""
    return SettingsCreator(
        link_type="link_only",
        comparisons=[_comparison(feature) for feature in FEATURES],
        blocking_rules_to_generate_predictions=list(BLOCKS),
        probability_two_random_records_match=min(0.3 / persons, 0.3 / 2),
        additional_columns_to_retain=["proven", "comparable"],
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=False,
    )


def _comparison(feature: Feature) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": feature.missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for level in feature.levels:
        one: dict[str, Any] = {
            "sql_condition": level.when,
            "label_for_charts": level.name,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        if level.frequency:
            one |= {"tf_adjustment_column": feature.name, "tf_adjustment_weight": 1.0}
        levels.append(one)
    return {"output_column_name": feature.name, "comparison_levels": levels}
