"""The guided swap on the virtual board: it restarts by itself with the new pack, unconfirmed."""

from contextlib import closing

import pytest

from sim.controller import ControllerError
from tests.board.socket_board import Board

pytestmark = pytest.mark.usefixtures("interpreter")


@pytest.mark.parametrize("power_lost", [False, True])
def test_a_confirmed_swap_ends_in_a_restart_with_the_new_pack_and_no_drive(power_lost):
    with closing(Board()) as board:
        board.run(300)
        assert "cell_count 24 -> 16" in board.say("pack lfp 16 100 bms contacts", 200)
        with pytest.raises(ControllerError, match="asked for a reset"):
            board.say("pack confirm")
        board.restart(power_lost)
        said = board.say("pack", 100)
        assert "lfp, 16 cells, 100.0 Ah, bms contacts" in said
        assert "not confirmed: no drive, no charge" in said
        assert "pack_unconfirmed STOP" in board.say("why", 100)
