from __future__ import annotations

import pytest
from graphql import GraphQLSchema

from hub.lifecycle.signatures import served


@pytest.fixture(scope="session")
def whole() -> GraphQLSchema:
    return served()
