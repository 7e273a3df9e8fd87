"""The services on the virtual board: what is saved when, what the next start knows, what fails."""

import shutil
from contextlib import closing

import pytest

from sim import frame
from sim.controller import ControllerError
from sim.interpreter import FIRMWARE_DIR
from tests.board.bench_car import SLICES, STEP
from tests.board.socket_board import PULSES_PER_TICK, Board
from vcu.faults import PACK, SYSTEM, TABLE
from vcu.modes import FAULT

pytestmark = pytest.mark.usefixtures("interpreter")

BIT = {row[1]: 1 << i for i, row in enumerate(TABLE[SYSTEM])}
PACK_A_LOW = 1 << [row[1] for row in TABLE[PACK]].index("pack_a_sensor_low")


def test_a_drive_is_saved_at_key_off_and_known_after_the_supply_was_gone():
    with closing(Board()) as board:
        metres = board.drive()
        assert metres > 40
        written = board.out[frame.FLASH_OPS]
        out = board.stop()
        assert out[frame.FLASH_OPS] > written
        assert out[frame.FLASH_OPS_MOVING] == 0
        assert out[frame.HOLD] == 0
        out = board.restart(power_lost=True)
        assert out[frame.ODOMETER_M] == metres
        assert "last run: key turned off, everything saved" in board.say("status")


def test_rot_in_one_copy_of_a_record_loses_nothing_and_is_told_before_it_does():
    with closing(Board()) as board:
        metres = board.drive()
        board.stop()
        path = board.controller.flash / "records" / "a" / "odometer"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        assert "damaged_copies 0" in board.say("stats")
        assert board.restart(power_lost=True)[frame.ODOMETER_M] == metres
        board.run(100)  # its figures are taken once a second
        assert "damaged_copies 1" in board.say("stats")


def test_the_supply_is_held_until_the_drive_is_saved_and_then_let_go():
    with closing(Board()) as board:
        board.drive()
        board.run(250)
        board.inputs[frame.KEY_ON] = 0
        held = []
        operations = []
        for _ in range(300):
            out = board.run(1)
            held.append(out[frame.HOLD])
            operations.append(out[frame.FLASH_OPS])
        assert held[0] == 1 and held[-1] == 0
        released = held.index(0)
        assert operations[released] == operations[-1]
        assert released < 300


def test_a_car_that_a_fault_stops_as_it_rolls_is_saved_when_the_key_takes_the_supply():
    with closing(Board()) as board:
        board.drive()
        board.inputs[frame.PACK_A_MV] = 0
        out = board.run(200, PULSES_PER_TICK)
        metres = out[frame.ODOMETER_M]
        assert (out[frame.MODE], out[frame.CONTACTOR]) == (FAULT, 0)
        board.inputs[frame.KEY_ON] = 0
        for _ in range(300):
            if not board.out[frame.HOLD]:  # nothing else feeds the board any more
                break
            board.run(1, PULSES_PER_TICK)
        out = board.restart(power_lost=True)
        assert out[frame.STORED + PACK] & PACK_A_LOW
        assert out[frame.ODOMETER_M] >= metres
        assert "last run: key turned off, everything saved" in board.say("status")


def test_a_car_that_moves_is_never_written_to_and_a_reset_loses_one_second_at_most():
    with closing(Board()) as board:
        board.drive()
        before = board.out[frame.ODOMETER_M]
        board.run(100, PULSES_PER_TICK)
        operations = board.out[frame.FLASH_OPS]
        out = board.restart(power_lost=False)
        assert out[frame.ODOMETER_M] >= before
        assert out[frame.STORED + SYSTEM] & BIT["supply_lost"]
        assert operations == out[frame.FLASH_OPS] or out[frame.FLASH_OPS] == 0
        assert "last run: reset while running" in board.say("status")


def test_a_power_cut_while_driving_is_told():
    with closing(Board()) as board:
        board.drive()
        out = board.restart(power_lost=True)
        assert out[frame.STORED + SYSTEM] & BIT["supply_lost"]
        assert "last run: supply lost while running" in board.say("status")


@pytest.mark.parametrize("power_lost", [False, True])
def test_an_exception_in_the_tick_is_told_by_the_next_start(copied_firmware, power_lost):
    broken = f"{' ' * 16}if raw.gear_reverse_on:\n{' ' * 20}raise ValueError('on purpose')\n"
    with closing(Board(copied_firmware("main.py", STEP, broken + STEP))) as board:
        board.inputs[frame.KEY_ON] = 1
        board.run(250)
        board.inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError):
            board.run(2)
        assert not any(board.controller.outputs[: frame.PIN_COUNT])
        board.inputs[frame.GEAR_REVERSE_ON] = 0
        out = board.restart(power_lost)
        # In gear it was not parked: the reason is in RTC memory, and that needs the supply.
        expected = "supply lost while running" if power_lost else "ValueError: on purpose"
        assert expected in board.say("status")
        assert (
            out[frame.STORED + SYSTEM] & BIT["supply_lost" if power_lost else "reset_by_exception"]
        )


@pytest.mark.parametrize("power_lost", [False, True])
def test_a_failure_at_import_is_kept_and_leaves_the_outputs_safe(copied_firmware, power_lost):
    good = FIRMWARE_DIR / "vcu" / "loop.py"
    folder = copied_firmware("vcu/loop.py", "from micropython import const", "import nothing_here")
    with closing(Board(folder)) as board:
        with pytest.raises(ControllerError):
            board.run(1)
        assert not any(board.controller.outputs[: frame.PIN_COUNT])
        shutil.copy(good, folder / "vcu" / "loop.py")
        board.restart(power_lost)
        assert "nothing_here" in board.say("status")


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("service/terminal.py", "        self.reply.drain(_DRAIN_BYTES)\n"),
        ("service/keeper.py", "        self._second_ms += passed_ms\n"),
    ],
)
def test_a_service_that_raises_is_switched_off_and_the_car_goes_on(copied_firmware, name, old):
    folder = copied_firmware(name, old, old + "        [][1]\n")
    with closing(Board(folder)) as board:
        board.inputs[frame.KEY_ON] = 1
        out = board.run(200)
        assert out[frame.TICKS] == 200
        assert out[frame.CONTACTOR] == 1
        assert out[frame.FAULTS + SYSTEM] & BIT["service_failed"]


def test_verbs_whose_file_is_damaged_are_refused_and_all_others_answer(copied_firmware):
    folder = copied_firmware("service/param_verbs.py", "from service.context", "from nothing_here")
    with closing(Board(folder)) as board:
        board.run(250)
        for line in ("set pedal_curve_permille 300", "save", "dump", "set speed_cap_kmh 40"):
            assert "err 10 failed: " in board.say(line)
        assert "speed_cap_kmh 45 km/h" in board.say("get speed_cap_kmh")
        assert "ok" in board.say("test lamp 1")
        assert not board.out[frame.FAULTS + SYSTEM] & BIT["service_failed"]


def test_ctrl_c_stops_a_parked_car_and_not_one_in_gear():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = 1
        board.inputs[frame.GEAR_FORWARD_ON] = 1
        board.run(300)
        board.console.send(b"\x03")
        assert board.run(100)[frame.TICKS] == 400
        board.inputs[frame.GEAR_FORWARD_ON] = 0
        board.run(10)
        board.console.send(b"\x03")
        with pytest.raises(ControllerError, match="Ctrl-C"):
            board.run(10)
        assert not any(board.controller.outputs[: frame.PIN_COUNT])
        board.restart(power_lost=False)
        assert "last run: stopped by Ctrl-C" in board.say("status")


def test_parameters_that_a_person_saved_are_in_use_after_a_reboot():
    with closing(Board()) as board:
        board.run(300)
        assert "ok" in board.say("set speed_cap_kmh 40", 50)
        assert "ok" in board.say("save", 200)
        board.console.send(b"reboot\r")
        with pytest.raises(ControllerError, match="reset"):
            board.run(400)
        board.restart(power_lost=False)
        assert "speed_cap_kmh 40" in board.say("get speed_cap_kmh", 60).replace("= ", "")
        assert "last run: reboot asked for" in board.say("status")


def test_wall_time_goes_on_after_a_reset_and_is_unknown_after_a_power_cut():
    with closing(Board()) as board:
        assert "time unknown" in board.say("time", 60)
        assert "time 1795405000" in board.say("time 1795405000", 60)
        board.run(500)
        board.restart(power_lost=False)
        told = int(board.say("time", 60).split("time ")[-1].split()[0])
        assert 1795405004 <= told <= 1795405007
        board.restart(power_lost=True)
        assert "time unknown" in board.say("time", 60)


def test_garbage_is_collected_while_parked_and_not_while_the_wheels_turn(copied_firmware):
    copied_firmware("main.py", SLICES, "            bytearray(4000)\n" + SLICES)
    cleaned = "            self._clean_bytes = gc.mem_free()\n"
    folder = copied_firmware("main.py", cleaned, cleaned + '            print("collected")\n')
    with closing(Board(folder)) as board:
        board.run(200)
        assert board.say("id").count("collected") > 0
        board.drive()
        board.say("id", 20)
        board.drive(500)
        assert board.say("id", 20).count("collected") == 0
