"""The heap at the start: a car with too little of it says so and drives no output."""

from contextlib import closing

import pytest

from sim import frame
from sim.controller import ControllerError
from sim.interpreter import MicropythonController

NEEDED = "_HEAP_START_BYTES = const({})"


def test_a_board_with_too_little_heap_says_so_and_does_not_start(copied_firmware):
    folder = copied_firmware("main.py", NEEDED.format(90000), NEEDED.format(1 << 29))
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match=r"(?s)cannot start.*heap has \d+ bytes left"):
            controller.exchange([0] * frame.INPUT_SIZE)
        assert not any(controller.outputs[: frame.PIN_COUNT])
