"""Types that one may be told of -> the text of ``Subscription``: a field a type, and what is told of a change.

Which types these are is not for the schema to say, so they are given (``hub/events/channels.py``). Guarantee: pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.mutations import row_name

OVERDUE = "overdue"
"""The field by which one is told of a clock that ran out."""


def field_name(type_name: str) -> str:
    """Name of the field that tells of changes of the type."""
    return f"{row_name(type_name)}Changed"


def subscriptions(told: Sequence[str]) -> str:
    """The text, to stand behind that of the types; empty if there is nothing to be told of."""
    if not told:
        return ""
    fields = (
        f'  """{type_name}变更 changes of `{type_name}` that you may see, in order, from `after` on"""\n'
        f"  {field_name(type_name)}({_AFTER}): {type_name}Change!"
        for type_name in told
    )
    root = (
        '"""订阅 what you may be told of, as it happens"""\ntype Subscription {\n'
        + "\n".join((*fields, _OVERDUE))
        + "\n}"
    )
    return "\n\n".join((root, *(_change(type_name) for type_name in told), _ALARM)) + "\n"


_AFTER = '"""续接位置 `cursor` of the last event that you have; without it, from now on"""\n  after: String\n  '

_OVERDUE = f'''  """超期提醒 clocks that ran out, of rows that you see and have to act upon"""
  {OVERDUE}({_AFTER}): OverdueChange!'''

_PLACE = '''  """位置 place of the event; give it as `after` to go on from here"""
  cursor: String!
  """时间 when it happened"""
  at: DateTime!'''

_ALARM = f'''"""超期提醒 a clock that ran out"""
type OverdueChange {{
{_PLACE}
  """时钟 which clock"""
  clock: String!
  """名称 its name in Chinese"""
  clockZh: String!
  """条款 the clause of the notice on which it rests"""
  clause: String!
  """记录 the row that waits, as you may read it now; null of what was never begun"""
  node: Node
  """地区代码 whose survey was never begun; null of what is there"""
  division: DivisionCode
  """季度 of which quarter it was never begun"""
  quarter: Quarter
}}'''


def _change(type_name: str) -> str:
    return f'''"""变更 a change of a `{type_name}`"""
type {type_name}Change {{
{_PLACE}
  """变更的字段 coordinates that changed, of those that you may be told of and read"""
  changed: [String!]!
  """记录 the row as you may read it now"""
  {row_name(type_name)}: {type_name}
}}'''
