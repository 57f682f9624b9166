"""Write -> rows of a PostgreSQL database changed: one transaction a write, which takes the intent's name first.

Guarantee: what is ``Written`` is committed and on disk, with the intent's name; whatever else comes of a call has
changed nothing, unless the commit itself was lost, and ``settle`` tells that. If we crash at any moment here the server
rolls back what was not committed.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from connectors.mapping import Mapping
from connectors.postgres import UNFIT, Connections, PoolSettings
from connectors.source import Bindings, SourceError
from connectors.sql_predicates import Statement
from connectors.sql_write import TAKE, TAKEN, TOUCHED, change_statement
from connectors.write import (
    Change,
    GivenUp,
    Insert,
    NotThere,
    Result,
    Reused,
    Stale,
    Sweep,
    Unfit,
    UnfitError,
    Update,
    Write,
    Written,
)

SESSION: Dict[str, str] = {
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
}


class _UndoneError(Exception):
    """Nothing is to be kept of this transaction; ``result`` says why."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


@dataclass(slots=True, kw_only=True)
class PostgresTarget:
    """One department's database, written through its mapping by the write role; keeps ``connectors.write.Target``."""

    name: str
    mapping: Mapping = field(repr=False)
    dsn: str = field(repr=False)
    settings: PoolSettings = field(default_factory=PoolSettings)
    _connections: Connections = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Whoever waits for a row or a name waits no longer than a statement may take.
        lock = {"lock_timeout": str(int(self.settings.statement_timeout * 1000))}
        self._connections = Connections(
            name=self.name, dsn=self.dsn, settings=self.settings, session={**SESSION, **lock}, unfinished=True
        )

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        """What came of it; see the contract."""
        prepared = self._prepared(write, bindings)
        if isinstance(prepared, Unfit):
            return prepared
        async with self._connections.connection(monotonic() + deadline) as connection:
            await connection.execute("BEGIN")
            try:
                earlier = await self._take(connection, write, bindings, intent, digest)
                if earlier is None:
                    for number, (change, text, arguments) in enumerate(prepared):
                        rows = await self._made(connection, number, change, text, arguments)
                        _judge(change, number, rows)
                        await _untouched(connection, change, number, bindings, intent)
            except _UndoneError as undone:
                await connection.execute("ROLLBACK")
                return undone.result
            await connection.execute("COMMIT")
            return earlier or Written(keys=_keys(write, bindings))

    async def found(self, intent: str, *, deadline: float) -> Written | GivenUp | None:
        """What stands under the intent; see the contract."""
        async with self._connections.connection(monotonic() + deadline) as connection:
            rows = await connection.fetch(TAKEN, intent)
        return next(
            (GivenUp() if given_up else Written(keys=tuple(keys), again=True) for _, keys, given_up in rows), None
        )

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        """How many writes have named the row so far."""
        async with self._connections.connection(monotonic() + deadline) as connection:
            ((found,),) = await connection.fetch(TOUCHED, relation, key, "")
        return int(found)

    async def settle(self, intent: str, *, deadline: float) -> tuple[str, ...] | None:
        """Keys of what was written under the intent, or None; see the contract."""
        async with self._connections.connection(monotonic() + deadline) as connection:
            # If we crash after this the name is taken: what we would have said is what the next settlement says.
            await connection.fetch(TAKE, intent, "", [], [], True)
            ((_, keys, given_up),) = await connection.fetch(TAKEN, intent)
            return None if given_up else tuple(keys)

    async def close(self) -> None:
        """Gives back every connection; transactions that still run are rolled back by the server."""
        await self._connections.close()

    async def _take(
        self, connection: Any, write: Write, bindings: Bindings, intent: str, digest: str
    ) -> Written | None:
        """Takes the intent's name, or says what was written under it before."""
        relations = [change.relation for change in write.keyed]
        if await connection.fetch(TAKE, intent, digest, relations, list(_keys(write, bindings)), False):
            return None
        # Read committed: this statement sees the transaction for whose end the last one waited.
        ((earlier, keys, given_up),) = await connection.fetch(TAKEN, intent)
        if given_up:
            raise _UndoneError(GivenUp())
        if earlier != digest:
            raise _UndoneError(Reused())
        return Written(keys=tuple(keys), again=True)

    async def _made(
        self, connection: Any, number: int, change: Change, text: str, arguments: Sequence[Any]
    ) -> Sequence[Sequence[Any]]:
        """Rows of the statement; a value that the department does not take undoes the whole."""
        try:
            rows: Sequence[Sequence[Any]] = await connection.fetch(text, *arguments)
        except UNFIT as error:
            columns = self.mapping.relation(change.relation).columns.values()
            named = (one.name for one in columns if one.place.join is None and one.place.column == error.column_name)
            raise _UndoneError(Unfit(change=number, column=next(named, None))) from None
        return rows

    def _prepared(self, write: Write, bindings: Bindings) -> list[tuple[Change, str, Sequence[Any]]] | Unfit:
        """Each change with its SQL and arguments; what the mapping does not allow is ``rejected`` here."""
        found: list[tuple[Change, str, Sequence[Any]]] = []
        for number, change in enumerate(write.changes):
            try:
                statement: Statement = change_statement(change, self.mapping)
                found.append((change, statement.text, statement.arguments(bindings)))
            except UnfitError as error:
                return Unfit(change=number, column=error.column)
            except (KeyError, ValueError) as error:
                raise SourceError(self.name, "rejected") from error
        return found


def _judge(change: Change, number: int, rows: Sequence[Sequence[Any]]) -> None:
    """Returns if the change was made."""
    if isinstance(change, Sweep):
        return
    if isinstance(change, Insert):
        ((about, made),) = rows
        if not about:
            raise _UndoneError(NotThere(change=number))
        if not made:
            raise _UndoneError(Stale(change=number))
        return
    if not rows:
        raise _UndoneError(NotThere(change=number))
    (fresh, *current) = rows[0]
    if not fresh:
        raise _UndoneError(Stale(change=number, current=dict(zip(change.shows, current, strict=True))))


async def _untouched(connection: Any, change: Change, number: int, bindings: Bindings, intent: str) -> None:
    """Returns if no other write has named the row since it was looked at.

    Asked once the row is held: whoever had it before has committed and is counted, whoever comes later waits for us.
    """
    if not isinstance(change, Update) or change.touched is None:
        return
    ((found,),) = await connection.fetch(TOUCHED, change.relation, bindings[change.key.name], intent)
    if found != bindings[change.touched.name]:
        raise _UndoneError(Stale(change=number))


def _keys(write: Write, bindings: Bindings) -> tuple[str, ...]:
    return tuple(bindings[change.key.name] for change in write.keyed)
