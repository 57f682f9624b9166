from __future__ import annotations

import pytest
from graphql import GraphQLSchema

from schema.build import whole as build_whole


@pytest.fixture(scope="session")
def whole() -> GraphQLSchema:
    return build_whole()
