"""What every kind of test may ask for."""

import pytest

from sim.runtime import ControllerError, find_micropython


@pytest.fixture(scope="session")
def interpreter() -> str:
    """Return the 64-bit interpreter; where no build of it exists, skip and say so."""
    try:
        return find_micropython()
    except ControllerError as missing:
        pytest.skip(f"{missing}; the 32-bit build still runs the trace")
