"""Signatures of steps -> the text of ``Mutation``: one field a step, its input, and what it answers.

A step is what a unit does in a life cycle; which there are is not for the schema to say, so it is given their
signatures (``hub/lifecycle/signatures.py``). Guarantee: pure; what a step needs is non-null in its input, and every
name is described in Chinese and English.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

INPUT = "input"
"""The one argument of every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an input: ``needed`` ones are non-null."""

    name: str
    gql_type: str
    zh: str
    en: str
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A step as a caller sees it: ``subject`` is the type of the row that it answers with, if that is ``shown``.

    ``items``: members of each of the rows that are given as the list ``rows`` (none: no such list). ``seen``: fields of
    which the caller may say what it saw there.
    """

    name: str
    zh: str
    en: str
    clause: str
    subject: str
    members: tuple[Member, ...]
    rows: str | None = None
    items: tuple[Member, ...] = ()
    seen: tuple[Member, ...] = ()
    shown: bool = True


def input_name(step: str) -> str:
    """Name of a step's input type."""
    return f"{_capital(step)}Input"


def payload_name(subject: str) -> str:
    """Name of what a step about such a row answers."""
    return f"{subject}Step"


def row_name(subject: str) -> str:
    """Name of the field of that answer that holds the row."""
    return subject[:1].lower() + subject[1:]


def mutations(signatures: Sequence[Signature]) -> str:
    """The text, to stand behind that of the types; empty if there are no steps."""
    if not signatures:
        return ""
    subjects = {signature.subject: signature.shown for signature in signatures}
    parts = [_root(signatures), _LAWFUL, *(_payload(subject, shown) for subject, shown in subjects.items())]
    for signature in signatures:
        parts.append(_input(input_name(signature.name), signature.zh, signature.en, _members(signature)))
        if signature.rows is not None:
            parts.append(_input(_item_name(signature), signature.zh, f"{signature.en}: one of them", signature.items))
        if signature.seen:
            parts.append(_input(_seen_name(signature), signature.zh, f"{signature.en}: what you saw", signature.seen))
    return "\n\n".join(parts) + "\n"


def _root(signatures: Iterable[Signature]) -> str:
    fields = (
        f"{_said(one.zh, f'{one.en}; {one.clause}')}\n"
        f"  {one.name}({INPUT}: {input_name(one.name)}!): {payload_name(one.subject)}"
        for one in signatures
    )
    return '"""办理 what can be done: an operation takes one step"""\ntype Mutation {\n' + "\n".join(fields) + "\n}"


_LAWFUL = '''"""可办理步骤 a step that is lawful"""
type LawfulStep {
  """步骤 its name"""
  name: String!
  """名称 in Chinese"""
  nameZh: String!
  """英文名称 in English"""
  nameEn: String!
  """条款 the clause of the notice on which it rests"""
  clause: String!
}'''


def _payload(subject: str, shown: bool) -> str:
    row = f'''
  """办理对象 the row as you may read it now; null if it is not, or no longer, yours to see"""
  {row_name(subject)}: {subject}'''
    return f'''"""办理结果 a step that was taken"""
type {payload_name(subject)} {{
  """步骤 name of the step"""
  step: String!
  """重复提交 whether it had been taken under this key before; then nothing was done again"""
  again: Boolean!
  """后续步骤 what you may do next with the row as the step left it; none where you may not know how it stands"""
  lawful: [LawfulStep!]!{row if shown else ""}
}}'''


def _members(signature: Signature) -> Iterator[Member]:
    yield from signature.members
    if signature.rows is not None:
        listed = f"[{_item_name(signature)}!]"
        yield Member(name=signature.rows, gql_type=listed, zh="事项", en="one or more of them", needed=True)
    if signature.seen:
        words = "what you saw in fields that you change, null: nothing; a conflict if something else stands there"
        yield Member(name="seen", gql_type=_seen_name(signature), zh="原内容", en=words, needed=False)


def _item_name(signature: Signature) -> str:
    return f"{_capital(signature.name)}Item"


def _seen_name(signature: Signature) -> str:
    return f"{_capital(signature.name)}Seen"


def _input(name: str, zh: str, en: str, members: Iterable[Member]) -> str:
    lines = (f"{_said(one.zh, one.en)}\n  {one.name}: {one.gql_type}{'!' if one.needed else ''}" for one in members)
    return f'"""{zh} {en}"""\ninput {name} {{\n' + "\n".join(lines) + "\n}"


def _said(zh: str, en: str) -> str:
    return f'  """{zh} {en}"""'


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
