"""The stages that lead to a gradient have tests of their own; here they are not interpreted once more for every answer."""

from collections.abc import Iterator

import pytest

import symgd


@pytest.fixture(scope="module", autouse=True)
def unchecked(checked: None) -> Iterator[None]:
    with symgd.checking(False):
        yield
