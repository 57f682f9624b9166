"""``/console/entry/<index>``: one entry whole, its proof, the verification of it step by step, and its reviews."""

from __future__ import annotations

from dataclasses import dataclass

from hub.audit.cosign import cosigned
from hub.audit.inclusion import Inclusion, checked, prove
from hub.audit.merkle import ProofError, leaf_hash
from hub.audit.note import NoteError
from hub.audit.reviewing import MARKS, review
from hub.audit.search import QuestionError, Whole
from hub.pages.console import asked
from hub.pages.console.names import Names
from hub.pages.console.ports import AbsentError, Ask, Console, View
from hub.pages.words import word


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was verified: what, and whether it holds."""

    what: str
    good: bool


async def entry(console: Console, ask: Ask) -> View:
    """One entry."""
    whole = await _whole(console, ask)
    names = Names(policy=console.policy(), spoken=ask.spoken)
    verified = "verify" in ask.query
    context = {
        "entry": whole,
        "names": names,
        "rules": names.rules(whole.fields["rules"]),
        "marks": MARKS,
        "steps": await _steps(console, ask, whole) if verified else [],
        "saved": "saved" in ask.query,
    }
    facts = ("page=entry", f"entry={whole.index}", *(("verified=yes",) if verified else ()))
    return View(template="entry.html", context=context, facts=facts)


async def proof(console: Console, ask: Ask) -> View:
    """The proof as a file of C2SP tlog-proof."""
    whole = await _whole(console, ask)
    found = await prove(console.reader, whole.index)
    if found is None:
        raise QuestionError("entry", word("no_head_yet", "zh"), word("no_head_yet", "en"))
    file = (f"entry-{whole.index}.tlog-proof", "text/plain; charset=utf-8", found.text.encode())
    return View(download=file, facts=("page=proof", f"entry={whole.index}"))


async def judge(console: Console, ask: Ask) -> View:
    """A review becomes an entry of its own."""
    whole = await _whole(console, ask)
    asked.without_citizen_id("note", ask.form.get("note", ""))
    made = review(whole, ask.form.get("mark", ""), ask.form.get("note", ""), ask.auditor, console.clock())
    return View(entries=(made,), location=f"/console/entry/{whole.index}?saved=1")


async def _whole(console: Console, ask: Ask) -> Whole:
    index = ask.index("index")
    found = None if index is None else await console.search.whole(index)
    if found is None:
        raise AbsentError("no such entry")
    return found


async def _steps(console: Console, ask: Ask, whole: Whole) -> list[Step]:
    """What the hub verifies for the auditor; ``hub audit check`` does the same without the hub."""
    (found,) = await console.reader.present(whole.index, 1)
    steps = [Step(what=word("step_leaf", ask.spoken), good=leaf_hash(found[2]).hex() == whole.leaf)]
    proof = await prove(console.reader, whole.index)
    if proof is None:
        return [*steps, Step(what=word("no_head_yet", ask.spoken), good=False)]
    try:
        head = checked(proof, bytes.fromhex(whole.leaf), console.signed_by())
    except ProofError as error:
        return [*steps, Step(what=f"{word('step_inclusion', ask.spoken)}: {error}", good=False)]
    steps += [Step(what=word("step_head", ask.spoken, f"{head.size:,}"), good=True)]
    steps += [Step(what=word("step_inclusion", ask.spoken), good=True)]
    return [*steps, _witnessed(console, ask, proof)]


def _witnessed(console: Console, ask: Ask, proof: Inclusion) -> Step:
    if not console.witnesses:
        return Step(what=word("step_witness", ask.spoken, word("no_witness", ask.spoken)), good=True)
    text, _, lines = proof.checkpoint.partition("\n\n")
    try:
        found = cosigned(text + "\n", lines, console.witnesses)
    except NoteError as error:
        return Step(what=word("step_witness", ask.spoken, error), good=False)
    names = "、".join(sorted(key.name for key in found)) or word("never", ask.spoken)
    return Step(what=word("step_witness", ask.spoken, names), good=bool(found))
