"""``hub audit export`` and ``verify``: the log as a folder, and the auditor's check of it without the hub."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hub.audit.export import Exported, ExportError, export
from hub.audit.verify import Verdict, verify
from hub.audit.verify_notes import Key, NoteError, read_keys
from hub.commands.demo import progress_bars
from hub.commands.log_access import reading
from hub.commands.outcome import MISCONFIGURED, Failure, err, out, outcomes, settings_of
from hub.settings import Settings


def add(group: typer.Typer) -> None:
    """Adds the commands to ``hub audit``."""
    group.command(name="export")(export_log)
    group.command(name="verify")(verify_folder)


def export_log(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to write to; an earlier export there is brought up to date.")],
) -> None:
    """Write the log as static files that anybody can serve and verify. 导出日志为可独立核验的文件。

    Exit codes: 0 written; 1 the folder holds something else, or a log that this one does not extend; 2 the log's
    database does not answer, or the folder cannot be written.
    """
    with outcomes():
        try:
            done = asyncio.run(_exported(settings_of(context), folder))
        except ExportError as error:
            raise Failure(str(error)) from None
        gone = f", {done.retired} bundles are in an archive" if done.retired else ""
        out.print(f"{done.size:,} entries, {done.written:,} files written{gone}", markup=False)


def verify_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with an exported log.")],
    key: Annotated[list[Path], typer.Option(help="File with verifier keys of the log, one a line (`hub audit key`).")],
    witness: Annotated[list[Path] | None, typer.Option(help="File with keys of witnesses, one a line.")] = None,
    head: Annotated[list[Path] | None, typer.Option(help="File with a head that you kept or a witness gave.")] = None,
) -> None:
    """Verify an exported log from its files and public keys alone. 脱离平台独立核验导出的日志。

    Every entry, hash, root, signature and file is looked at. Give the heads that you kept: they show whether the log
    was rewritten since.

    Exit codes: 0 all is as it was signed; 1 something is not, with the first entry at which; 2 a file that is named
    cannot be read.
    """
    with outcomes():
        if not folder.is_dir():
            raise Failure(f"`{folder}` is no folder: one that `hub audit export` wrote is wanted", MISCONFIGURED)
        keys, witnesses = _keys(key), _keys(witness or [])
        heads = [path.read_text("utf-8", "replace") for path in head or []]
        with progress_bars() as report:
            found = verify(
                folder,
                keys,
                witnesses=witnesses,
                heads=heads,
                progress=lambda done, whole: report("entries", done, whole),
            )
        _tell(found)


def _tell(found: Verdict) -> None:
    for remark in found.remarks:
        err.print(f"hub: {remark}", markup=False)
    if not found.good:
        where = "" if found.bad is None else f"第 {found.bad} 条 (entry {found.bad}): "
        raise Failure(f"核验不通过 · the log does not verify: {where}{found.reason}")
    out.print(f"核验通过 · {found.size:,} entries are as they were signed", markup=False)


def _keys(paths: list[Path]) -> list[Key]:
    return [key for path in paths for key in _keys_of(path)]


def _keys_of(path: Path) -> list[Key]:
    try:
        found = read_keys(path.read_text("utf-8", "replace").split())
    except NoteError as error:
        raise Failure(f"`{path}`: {error}", MISCONFIGURED) from None
    if not found:
        raise Failure(f"`{path}` holds no verifier key: `hub audit key` prints those of a log", MISCONFIGURED)
    return found


async def _exported(settings: Settings, folder: Path) -> Exported:
    with progress_bars() as report:
        async with reading(settings) as reader:
            return await export(reader, folder, lambda done, whole: report("entries", done, whole))
