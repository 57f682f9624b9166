"""Random numbers -> names, phones, work places: plausible, invented, cheap. No name here is taken from a register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Draw = Callable[[], float]
"""Uniform in [0, 1): ``random.Random(seed).random``."""

Item = TypeVar("Item")

SURNAMES = (
    tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎")
    + tuple("王李张刘陈杨赵孙郭马王李张刘王李张刘")
    + ("欧阳", "司马", "上官", "诸葛")
)
"""Frequent ones stand several times; the last ones have two characters."""

MALE_GIVEN = tuple("伟强磊军勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林阳建国志文博轩子涵梓睿晨")
FEMALE_GIVEN = tuple("芳娜敏静丽艳娟霞秀燕玲桂英梅莉兰凤洁琳素云莲雪荣爱妹香月莺媛瑞凡佳嘉琼欣怡诗涵梓萱雨")
MIDDLE = tuple("子梓雨思晓小志建文玉春海金永国庆佳嘉宇天明家兴立新")

WORK_PLACES = (
    "北京市北京市",
    "天津市天津市",
    "上海市上海市",
    "河北省石家庄市",
    "河北省廊坊市",
    "河北省唐山市",
    "山东省济南市",
    "山东省青岛市",
    "江苏省苏州市",
    "江苏省南京市",
    "浙江省杭州市",
    "浙江省宁波市",
    "广东省深圳市",
    "广东省东莞市",
    "广东省广州市",
    "福建省厦门市",
    "辽宁省大连市",
    "内蒙古自治区呼和浩特市",
    "新疆维吾尔自治区乌鲁木齐市",
    "陕西省西安市",
)
"""Province and city, no finer."""

PHONE_HEADS = ("130", "133", "135", "136", "138", "139", "150", "151", "155", "158", "176", "180", "186", "188", "189")


def pick(draw: Draw, items: Sequence[Item]) -> Item:
    """One of ``items``."""
    return items[int(draw() * len(items))]


def surname(draw: Draw) -> str:
    """A surname, one in about seventeen of two characters."""
    return SURNAMES[int(draw() * len(SURNAMES))]


def given(draw: Draw, male: bool) -> str:
    """A given name of one or two characters."""
    last = pick(draw, MALE_GIVEN if male else FEMALE_GIVEN)
    return last if draw() < 0.25 else MIDDLE[int(draw() * len(MIDDLE))] + last


def full_name(draw: Draw, male: bool) -> str:
    """A surname and a given name."""
    return surname(draw) + given(draw, male)


def phone(draw: Draw) -> str:
    """A mobile number: eleven digits that begin with 13 to 18."""
    return f"{PHONE_HEADS[int(draw() * len(PHONE_HEADS))]}{int(draw() * 100_000_000):08d}"
