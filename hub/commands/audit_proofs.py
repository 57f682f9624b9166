"""``hub audit prove``, ``check``, ``inspect``: proofs made from the database, checked without it, all of it anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.audit.contract import Verification
from hub.audit.inclusion import Inclusion, checked, prove
from hub.audit.keys import VerifierKey
from hub.audit.live import Live
from hub.audit.merkle import ProofError
from hub.audit.note import NoteError
from hub.audit.receipt import Receipt, verify_receipt
from hub.commands.demo import progress_bars
from hub.commands.log_access import keyring, reading
from hub.commands.outcome import MISCONFIGURED, Failure, out, outcomes, settings_of
from hub.settings import Settings


def add(group: typer.Typer) -> None:
    """Adds the commands to ``hub audit``."""
    group.command(name="prove")(prove_entry)
    group.command()(check)
    group.command()(inspect)


def prove_entry(
    context: typer.Context,
    entry: Annotated[str, typer.Argument(help="Name of an entry (`request/kind/part`), or a file with its receipt.")],
) -> None:
    """Print the proof that an entry is in the log (C2SP tlog-proof). 打印记录的存在证明。

    Exit codes: 0 printed; 1 there is no such entry, or it has no place yet; 2 the log's database does not answer.
    """
    with outcomes():
        found = asyncio.run(_proved(settings_of(context), _name(entry)))
        typer.echo(found.text, nl=False)


def check(
    receipt: Annotated[Path, typer.Argument(help="File with the receipt, as `extensions.receipt` holds it.")],
    proof: Annotated[Path, typer.Option(help="File with the proof, from `/log/proof/<entry>` or `hub audit prove`.")],
    key: Annotated[Path, typer.Option(help="File with the log's verifier keys, one a line (`hub audit key`).")],
) -> None:
    """Check a receipt and its proof without the hub: from these files alone. 脱机核验回执与证明。

    Exit codes: 0 both hold; 1 one does not; 2 a file cannot be read.
    """
    with outcomes():
        keys = [VerifierKey.parse(line) for line in _text(key).split()]
        found = _receipt(receipt)
        try:
            _check_receipt(found, keys)
            inclusion = Inclusion.parse(_text(proof))
            head = checked(inclusion, bytes.fromhex(found.leaf), keys)
        except (NoteError, ProofError) as error:
            raise Failure(str(error)) from None
        out.print(
            f"entry `{found.entry}` is number {inclusion.index} in the log `{head.origin}` of size {head.size}",
            markup=False,
        )


def inspect(context: typer.Context) -> None:
    """Compute every entry, tile and head in the database anew, and keep what was found. 全量核验数据库中的日志。

    Exit codes: 0 all is well; 1 something is wrong, with the first index; 2 the log's database does not answer.
    """
    with outcomes():
        found = asyncio.run(_inspected(settings_of(context)))
        if not found.good:
            raise Failure(f"entry {found.bad}: {found.reason}")
        out.print(f"{found.size:,} entries are as they were signed ({found.seconds:.1f} s)", markup=False)


async def _proved(settings: Settings, name: Sequence[str]) -> Inclusion:
    async with reading(settings) as reader:
        kept = await reader.named(name[0], name[1], int(name[2]))
        if kept is None:
            raise Failure("the log has no such entry")
        found = None if kept.index is None else await prove(reader, kept.index)
        if found is None:
            raise Failure("the entry is durable and has no place in the tree yet: ask again in a second")
        return found


async def _inspected(settings: Settings) -> Verification:
    with progress_bars() as report:
        async with reading(settings) as reader:
            keys = keyring(settings).verifiers
            live = Live(reader=reader, keys=keys, progress=lambda done, whole: report("entries", done, whole))
            found = await live.run()
            await reader.keep(found)
            return found


def _name(entry: str) -> list[str]:
    path = Path(entry)
    name = _receipt(path).entry if path.is_file() else entry
    parts = name.split("/")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise Failure("an entry is named `request/kind/part`, as its receipt says", MISCONFIGURED)
    return parts


def _receipt(path: Path) -> Receipt:
    try:
        document: Any = json.loads(_text(path))
        while isinstance(document, dict) and "entry" not in document and document:
            document = document.get("extensions", document.get("receipt"))
        return Receipt.from_json(document)
    except (ValueError, TypeError, AttributeError, NoteError):
        raise Failure(
            f"`{path}` holds no receipt: `extensions.receipt` of an answer is wanted", MISCONFIGURED
        ) from None


def _check_receipt(receipt: Receipt, keys: Sequence[VerifierKey]) -> None:
    key = next((key for key in keys if (key.name, key.id.hex()) == (receipt.origin, receipt.key)), None)
    if key is None:
        raise NoteError("the receipt is signed by a key that is not among those given")
    verify_receipt(receipt, key)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Failure(f"`{path}` is no text", MISCONFIGURED) from None
