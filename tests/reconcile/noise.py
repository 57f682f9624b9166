"""A ground -> departments as people fill them in: numbers missing or mistyped, names misheard, days and months swapped.

What is disturbed is drawn from a seed; the truth about who is who stays that of the generator.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

from pypinyin import lazy_pinyin

from tests.reconcile.ground import Ground

TABLES = {
    "education": ("jy_xsxj", "grbsm", "sfzjh", "hkszdm", "select grbsm, sfzjh, xm, csrq, hkszdm from jy_xsxj"),
    "public_security": (
        "hj_czrk",
        "rybh",
        "gmsfhm",
        "hjd_xzqhdm",
        "select rybh, gmsfhm, xm, csrq, hjd_xzqhdm from hj_czrk",
    ),
}
TYPED_OVER = dict(
    zip(
        "伟强磊军勇杰涛明超刚平辉鹏华飞芳娜敏静丽艳娟霞秀燕玲桂英梅",
        "伪疆雷君踊木滔朋召钢苹挥棚桦习苏哪繁净丙彩绢遐透莲铃佳央海",
        strict=True,
    )
)


async def disturb(ground: Ground, *, share: float, seed: int) -> set[tuple[str, str]]:
    """Disturbs ``share`` of the persons of two departments; who they are, as (source, person)."""
    draw = random.Random(seed)
    disturbed: set[tuple[str, str]] = set()
    for source, (table, key, number, village, select) in TABLES.items():
        people = {row[0]: tuple(row) for row in await ground.rows(source, select)}
        villages = _by_town(sorted({person[4] for person in people.values()}))
        records = []
        for person, (_, held, name, birth, home) in sorted(people.items()):
            if draw.random() >= share or not held:
                continue
            disturbed.add((source, person))
            records.append(
                (person, _number(held, draw), _name(name, draw), _birth(birth, draw), _village(home, villages, draw))
            )
        await ground.each(
            source, f"update {table} set {number} = $2, xm = $3, csrq = $4, {village} = $5 where {key} = $1", records
        )
    return disturbed


def _number(held: str, draw: random.Random) -> str | None:
    chance = draw.random()
    if chance < 0.6:
        return None
    if chance < 0.75:
        return held[:6] + held[8:17]  # fifteen digits, as before 1999
    place = draw.randrange(10, 17)
    return held[:place] + str((int(held[place]) + draw.randrange(1, 10)) % 10) + held[place + 1 :]


def _name(name: str, draw: random.Random) -> str:
    chance, place = draw.random(), draw.randrange(1, len(name))
    if chance < 0.12:
        return name[:place] + homophone(name[place]) + name[place + 1 :]
    if chance < 0.18:
        return name[:place] + TYPED_OVER.get(name[place], name[place]) + name[place + 1 :]
    return name


def _birth(birth: str, draw: random.Random) -> str:
    chance, month, day = draw.random(), birth[4:6], birth[6:8]
    if chance < 0.06 and int(day) <= 12:
        return birth[:4] + day + month
    if chance < 0.09:
        return birth[:6] + f"{(int(day) % 28) + 1:02d}"
    return birth


def _village(home: str, villages: Mapping[str, Sequence[str]], draw: random.Random) -> str:
    return home if draw.random() >= 0.06 else draw.choice(villages[home[:9]])


def _by_town(villages: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for village in villages:
        found.setdefault(village[:9], []).append(village)
    return found


@cache
def homophone(character: str) -> str:
    """Another character of the same sound, or the same one if it has no other."""
    sound = lazy_pinyin(character)
    return next((other for other in _characters() if other != character and lazy_pinyin(other) == sound), character)


@cache
def _characters() -> tuple[str, ...]:
    """The 3,755 common characters, by sound (the first level of GB 2312 is ordered so)."""
    return tuple(
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xD8)
        for cell in range(0xA1, 0xFF)
        if not (row == 0xD7 and cell > 0xF9)
    )


def judged(wanted: set[tuple[str, str, str]], found: set[tuple[str, str, str]]) -> tuple[float, float]:
    """(precision, recall)."""
    right = len(wanted & found)
    return right / max(1, len(found)), right / max(1, len(wanted))
