"""``hub witness``: one command by which a unit stands behind the log of another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hub.audit.keys import COSIGNATURE, KeyFileError, SigningKey, VerifierKey, load_signing_key, make_signing_key
from hub.audit.witness.server import Witness, witness_app
from hub.audit.witness.state import State
from hub.commands.outcome import MISCONFIGURED, Failure, err, out, outcomes
from hub.commands.serving import listen, serve_app, url_of

KEY = "witness.pem"


def add(app: typer.Typer) -> None:
    """Adds ``witness``."""

    @app.command()
    def witness(
        log: Annotated[
            list[str], typer.Option(help="Verifier key of a log (`hub audit key`); of a rotated one, each.")
        ],
        name: Annotated[str, typer.Option(help="Name of this witness, as in `procuratorate.example/witness`.")],
        folder: Annotated[Path, typer.Option("--dir", help="Folder of its key and of what it has seen.")] = Path(
            "witness"
        ),
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8600,
    ) -> None:
        """Watch that a log only ever grows, and cosign its heads. 见证：监督日志只增不改，并对其签名。

        The key is made at the first start, in a folder that must not be lost: with it the witness would forget what it
        has seen. What is printed is what the log's operator puts into the hub's settings.

        Exit codes: 0 ended in good order; 2 a key, the folder or the port is wrong, or another witness uses the folder.
        """
        with outcomes():
            logs = [_log(text) for text in log]
            state = State(folder)
            with state.held(), listen(host, port) as found:
                key = _key(folder, name)
                _introduce(key, logs, url_of(found))
                app = witness_app(Witness(key=key, logs=_by_origin(logs), state=state))
                asyncio.run(serve_app(app, found))


def _log(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except KeyFileError as error:
        raise Failure(f"`--log`: {error}; `hub audit key` prints it", MISCONFIGURED) from None


def _key(folder: Path, name: str) -> SigningKey:
    if not (folder / KEY).exists():
        make_signing_key(folder / KEY)
    return load_signing_key(folder / KEY, name, COSIGNATURE)


def _by_origin(logs: Sequence[VerifierKey]) -> dict[str, list[VerifierKey]]:
    found: dict[str, list[VerifierKey]] = {}
    for log in logs:
        found.setdefault(log.name, []).append(log)
    return found


def _introduce(key: SigningKey, logs: Sequence[VerifierKey], url: str) -> None:
    err.print(f"hub: witnessing {', '.join(sorted({log.name for log in logs}))} at {url}", markup=False)
    err.print("hub: for the hub's settings:", markup=False)
    out.print("[[witnesses]]", markup=False)
    for word, value in (("name", key.verifier.name), ("url", url), ("key", str(key.verifier))):
        out.print(f"{word} = {json.dumps(value)}", markup=False)
