"""A charge on the virtual board: cut, reset, unplugged or stopped, it is safe and it goes on.

Cut at 3 moments of a write, at 10 with LSEV_PROVE=1.
"""

import pytest

from sim import frame
from sim.controller import ControllerError
from tests.board.bench_car import STEP
from tests.board.night import Night
from tests.proving import PROVE
from vcu.charge.backstops import DISOBEYS
from vcu.charge.phases import FAULT, FULL
from vcu.faults import SYSTEM, TABLE
from vcu.modes import CHARGE

pytestmark = pytest.mark.usefixtures("interpreter")

BIT = {row[1]: 1 << i for i, row in enumerate(TABLE[SYSTEM])}
# The gear is none that is ever engaged here, so the test can say when.
CRASH = f"{' ' * 16}if raw.gear_reverse_on:\n{' ' * 20}raise ValueError('on purpose')\n"
# After a write has begun; it takes about seven ticks, three operations of flash among them.
DELAYS_TICKS = range(10) if PROVE else (1, 4, 6)


@pytest.mark.parametrize("power_lost", [True, False])
@pytest.mark.parametrize("seconds", [3.0, 75.0])
def test_a_charge_that_lost_its_controller_goes_on_where_it_was(power_lost, seconds):
    with Night() as night:
        night.charge(seconds)
        number, limit = night.kept().number, night.kept().limit_mah
        in_mah, soc = night.out[frame.CHARGE_IN_MAH], night.out[frame.SOC_PERMILLE]
        night.restart(power_lost)
        night.safe_boot()
        assert in_mah <= night.out[frame.CHARGE_IN_MAH] <= in_mah + 260
        assert soc - 4 <= night.out[frame.SOC_PERMILLE] <= soc
        night.charge(0.0)
        night.world.run(60.0)
        assert (night.kept().number, night.kept().limit_mah) == (number, limit)
        assert night.out[frame.FLASH_OPS_MOVING] == 0


def test_cuts_in_the_middle_of_every_write_lose_no_session():
    with Night() as night:
        for delay_ticks in DELAYS_TICKS:
            night.charge(0.0)
            before = night.out[frame.FLASH_OPS]
            night.until(lambda before=before: night.out[frame.FLASH_OPS] > before, 70.0)
            for _ in range(delay_ticks):
                night.world.step()
            in_mah = night.out[frame.CHARGE_IN_MAH]
            night.restart(power_lost=True)
            night.safe_boot()
            assert in_mah <= night.out[frame.CHARGE_IN_MAH] <= in_mah + 260
            assert not night.out[frame.STORED + SYSTEM] & BIT["records_lost"]


def test_a_pack_that_is_full_stays_so_though_the_mains_flicker():
    with Night(target_permille=502) as night:
        night.until(lambda: night.phase == FULL, 120.0)
        night.world.run(1.0)
        for power_lost in (True, False, True):
            night.restart(power_lost)
            night.safe_boot()
            night.world.run(2.0)
            assert night.phase == FULL and not night.out[frame.CHARGER]
            assert night.world.charger.current_a == 0.0


def test_a_latched_fault_outlives_a_cut_a_quarter_of_a_second_later():
    with Night() as night:
        night.charge()
        night.world.charger.deaf = True
        night.until(lambda: night.phase == FAULT)
        night.world.run(0.25)
        night.restart(power_lost=True)
        night.world.charger.deaf = False
        night.until(lambda: night.phase == FAULT, 5.0)
        night.world.run(30.0)
        assert night.phase == FAULT and not night.out[frame.CHARGER]
        assert night.kept().faults == DISOBEYS


def test_the_supply_is_held_until_the_session_is_written_after_the_plug_was_pulled():
    with Night() as night:
        night.charge()
        night.owner.plug = False
        night.world.step()
        night.world.step()
        assert night.out[frame.CHARGER] == 0
        held_s = night.until(lambda: not night.out[frame.HOLD], 4.0)
        assert 0.2 < held_s <= 3.1
        in_mah, operations = night.out[frame.CHARGE_IN_MAH], night.out[frame.FLASH_OPS]
        night.world.run(20.0)
        assert night.kept().in_mah == in_mah
        # The boot record's; and, 10 s later, that the pause which a pulled plug begins is over.
        assert night.out[frame.FLASH_OPS] - operations <= 4
        assert night.out[frame.FLASH_OPS_MOVING] == 0


def test_a_car_left_in_gear_with_its_key_on_is_charged_and_saved_too():
    with Night() as night:
        night.owner.key = True
        night.owner.gear = 1
        night.charge(60.0)
        assert night.out[frame.MODE] == CHARGE
        assert night.kept().in_mah > 0
        assert night.out[frame.FLASH_OPS_MOVING] == 0


def test_ctrl_c_opens_the_relay_before_the_prompt_and_the_charge_goes_on_after_it():
    with Night() as night:
        night.charge()
        in_mah = night.out[frame.CHARGE_IN_MAH]
        night.console.send(b"\x03")
        with pytest.raises(ControllerError, match="Ctrl-C"):
            night.world.run(1.0)
        assert night.is_safe()
        assert 0 <= night.kept().in_mah - in_mah <= 5  # and nothing counts as lost
        night.restart(power_lost=False)
        night.charge(0.0)
        assert night.out[frame.CHARGE_IN_MAH] >= in_mah


def test_a_reboot_that_a_person_asks_for_opens_the_relay_first():
    with Night() as night:
        night.charge()
        night.console.send(b"reboot\r")
        with pytest.raises(ControllerError, match="reset"):
            night.world.run(10.0)
        assert night.is_safe()
        night.restart(power_lost=False)
        night.safe_boot()
        assert "reboot asked for" in night.say("status")


def test_an_exception_in_the_tick_opens_the_relay_and_the_charge_is_kept(copied_firmware):
    with Night(copied_firmware("main.py", STEP, CRASH + STEP)) as night:
        night.charge()
        in_mah = night.out[frame.CHARGE_IN_MAH]
        night.owner.gear = -1
        with pytest.raises(ControllerError):
            night.world.run(1.0)
        assert night.is_safe()
        night.owner.gear = 0
        night.restart(power_lost=True)
        night.world.run(2.0)
        assert night.out[frame.CHARGE_IN_MAH] >= in_mah
        assert "ValueError: on purpose" in night.say("status")


def test_a_record_that_rotted_away_is_told_and_the_charge_is_careful():
    with Night() as night:
        night.charge()
        for folder in "ab":
            path = night.controller.flash / "records" / folder / "charge"
            data = bytearray(path.read_bytes())
            data[40] ^= 1
            path.write_bytes(data)
        night.restart(power_lost=True)
        night.world.run(5.0)
        assert night.out[frame.STORED + SYSTEM] & BIT["records_lost"]
        assert night.kept().absorb_s * 2 == night.kept().absorb_limit_s > 0
