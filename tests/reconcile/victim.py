"""One comparison in a process of its own, to be killed: DSNs as JSON on standard input, each step a line on output."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys

from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from hub.reconcile.run import Order, reconcile
from hub.reconcile.store import Busy, Store
from tests.reconcile.ground import DIGEST, QUARTER
from tests.support.running import NOW, ROOT


async def main() -> int:
    dsns = json.loads(sys.stdin.readline())
    sources = {
        name: PostgresSource(name=name, mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"), dsn=dsn)
        for name, dsn in dsns.items()
    }
    order = Order(quarter=QUARTER, request=secrets.token_hex(16), operator="T0001", clock=lambda: NOW, digest=DIGEST)
    try:
        async with Store.opened(dsns["hub"]) as store:
            await reconcile(sources, store, order, lambda what, done, whole: print(what, done, whole, flush=True))
    except Busy:
        return 3
    return 0


sys.exit(asyncio.run(main()))
