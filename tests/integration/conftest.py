"""What the tests of the console share: one hub, in which units have asked for something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.support.console import Running, console


@pytest.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """A hub that answers over HTTP."""
    async with console(tmp_path_factory.mktemp("console"), institutions) as found:
        yield found
