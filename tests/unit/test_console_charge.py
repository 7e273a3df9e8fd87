"""What a person at the console is told of a charge, and which wishes for it are taken."""

import pytest

from service import charge_readings, desk
from service.boot_record import BootRecord
from service.charge_verbs import needed_min
from service.keeper import Keeper
from service.services import NullSerial, Services
from service.store import Store
from tests.unit import cars, runs
from tests.unit.terminals import Terminal
from vcu import modes
from vcu.charge import phases
from vcu.charge.command import RELAY, SETPOINT
from vcu.chemistry import AGM, FLOODED, LFP
from vcu.signals import SLOW_BMS_CONTACTS

BOTH_COUNTS = 1052
LEAD = {"chemistry": AGM, "cell_count": 24, "charger_kind": SETPOINT, "charge_max_da": 200}
SOCKET = {"charger_max_da": 150, "mains_max_da": 160}


class Garage(Terminal):
    """A terminal whose requests are served by the services, with records in a folder."""

    def __init__(self, folder, ddegc=250, cell_mv=2050, **values):
        super().__init__(cars.Driver(**(LEAD | SOCKET | values)))
        self.driver.battery_ddegc = ddegc
        self.driver.open_cv = self.driver.params.get("cell_count") * cell_mv // 10
        self.params = self.desk.params = self.driver.params
        self.loop = self.driver.loop
        self.keeper = Keeper(Store(str(folder)), BootRecord(runs.Memory()))
        self.keeper.load_boot(runs.PWRON)
        self.keeper.load_params(self.params, 0)
        self.keeper.restore(self.loop)
        self.services = Services(self.loop, self.desk, self.console, self.keeper, NullSerial())
        self.driver.tick(250)

    def main(self):
        self.services.step(10)

    @property
    def charge(self):
        return self.loop.charge

    def plug_in(self):
        self.driver.plug = 1
        self.driver.wait_for(lambda: self.loop.modes.mode == modes.CHARGE)
        self.driver.tick(100)
        return self

    def in_bulk(self):
        self.plug_in()
        self.driver.wait_for(lambda: self.charge.phase == phases.BULK, 100_000)
        self.driver.tick(20)
        return self


@pytest.fixture
def garage(tmp_path):
    return Garage(tmp_path)


def test_every_cause_has_a_reading_and_what_is_needed(garage):
    assert [slug for slug, _ in charge_readings.CAUSES] == list(phases.CAUSE_NAMES)
    for cause, (slug, template) in enumerate(charge_readings.CAUSES):
        garage.console._context.line(template)
        assert "%" not in garage.settle().replace(" %", ""), slug
        garage.charge.cause = cause
        assert f", {slug}: " in garage.ask("charge")[0]


def test_charge_of_an_unplugged_car_says_what_keeps_it(garage):
    lines = garage.ask("charge")
    assert lines[0] == (
        "charge OFF, unplugged: plug out, contactor open, mode OFF; needs in, open, CHARGE"
    )
    assert lines[-1] == "ok"


def test_charge_in_the_bulk_shows_set_and_measured_values_limits_counters_and_bms(garage):
    garage.in_bulk()
    lines = garage.ask("charge")
    assert lines[0] == "charge BULK, nothing: nothing hinders it"
    command = garage.charge.command
    assert lines[1].startswith("measured 49.")
    assert f"set {command.set_cv / 100:.2f} V" in lines[1]
    assert lines[1].endswith(f"allowed {command.limit_cv / 100:.2f} V 15.0 A")
    limit = garage.charge.session.limit_mah // 100
    assert lines[2] == (
        f"in 0.0 Ah of at most {limit / 10:.1f}, 0 min in this phase, 0 min in all, session 1"
    )
    assert lines[3] == "battery 25.0..25.0 degC, target full, latched none"
    assert lines[4] == "bms none: charge yes, discharge yes"
    assert lines[5:] == ["ok"]


def test_latched_faults_are_named(garage):
    garage.charge.trip(1 << 4)
    garage.charge.trip(1 << 5)
    assert garage.ask("charge")[3].endswith("latched thermal_runaway, cell_shorted")


def test_status_has_a_charge_line_only_while_plugged_in(garage):
    assert not any(line.startswith("charge ") for line in garage.ask("status"))
    garage.plug_in()
    line = next(line for line in garage.ask("status") if line.startswith("charge "))
    assert line.startswith("charge in 0.0 Ah, 49.") and line.endswith("target full")


def test_why_of_a_plugged_in_car_says_why_it_does_not_charge(tmp_path):
    garage = Garage(tmp_path, charger_kind=0).plug_in()
    lines = garage.ask("why")
    assert (
        "does not charge: OFF, no_charger: charger_kind 0, needs 1 for a relay or 2" in (lines[-2])
    )
    assert lines[-2] in garage.ask("status")


def test_why_of_a_cold_lithium_pack_shows_its_temperature_and_the_one_needed(tmp_path):
    garage = Garage(tmp_path, -30, 3300, chemistry=LFP, cell_count=16, bms_kind=1)
    garage.driver.slow_counts = {SLOW_BMS_CONTACTS: BOTH_COUNTS}
    garage.plug_in()
    garage.driver.wait_for(lambda: garage.charge.cause == phases.COLD, 100_000)
    assert garage.ask("why")[-2] == (
        "does not charge: CHECK, too_cold: battery -3.0 degC, needs 5.0"
    )


def test_why_of_a_charging_car_says_that_it_charges(garage):
    garage.in_bulk()
    assert garage.ask("why")[-2] == "charges: BULK, nothing: nothing hinders it"


@pytest.mark.parametrize(("word", "permille"), [("90", 900), ("99", 990), ("100", 0), ("full", 0)])
def test_a_target_is_kept_in_the_session_and_in_flash(garage, word, permille):
    garage.charge.session.target_permille = 500
    changes = garage.charge.session.changes
    assert garage.ask("charge target " + word)[-1] == "ok"
    assert garage.charge.session.target_permille == permille
    assert garage.charge.session.changes != changes
    assert garage.keeper.has_charge(garage.loop)


@pytest.mark.parametrize("word", ["89", "101", "-1", "x", "storage", "80.5"])
def test_a_target_that_makes_no_sense_is_refused_and_the_old_one_kept(garage, word):
    garage.charge.session.target_permille = 700
    assert "unchanged" in garage.ask("charge target " + word)[0]
    assert garage.charge.session.target_permille == 700


def test_a_low_target_of_lead_is_refused_with_its_reason(garage):
    assert garage.ask("charge target 80")[0] == (
        "err 31 out-of-range: 80 % is outside 90..100, less harms lead; target unchanged;"
        " give one inside"
    )


def test_lithium_is_stored_half_full_and_stops_as_low_as_20_percent(tmp_path):
    garage = Garage(tmp_path, chemistry=LFP, cell_count=16, bms_kind=1)
    for word, permille in (("storage", 500), ("20", 200), ("19", 200)):
        garage.ask("charge target " + word)
        assert garage.charge.session.target_permille == permille


def test_a_charge_that_ended_at_its_target_goes_on_when_the_target_is_raised(tmp_path):
    garage = Garage(tmp_path, cell_mv=2130)  # too high to begin a new charge
    garage.ask("charge target 90")
    garage.plug_in()
    garage.driver.wait_for(lambda: garage.charge.phase == phases.FULL, 100_000)
    assert garage.ask("why")[-2].startswith("does not charge: FULL, target_reached: charge ")
    garage.ask("charge target full")
    garage.driver.wait_for(lambda: garage.charge.phase == phases.BULK, 100_000)
    garage.driver.tick(100)
    assert garage.charge.enable


def test_a_full_pack_is_not_charged_again_by_a_change_of_its_target(garage):
    garage.plug_in()
    session = garage.charge.session
    session.is_full = 1
    session.target_permille = 800
    garage.charge.energy.fill()
    garage.charge.enter(phases.FULL)
    garage.ask("charge target full")
    assert session.is_full and garage.charge.phase == phases.FULL


def test_ready_delays_the_charge_by_what_is_left_of_the_time(garage):
    garage.in_bulk()
    needed = needed_min(garage.charge)
    answer = garage.ask("charge ready 900")
    assert answer[0] == (
        f"needs about {needed} min, begins in {900 - needed} min;"
        " a power cut puts it off by its length"
    )
    assert garage.charge.session.delay_s == (900 - needed) * 60
    garage.driver.tick(1000)
    assert garage.charge.cause == phases.SCHEDULED and not garage.charge.enable
    assert "begins in " in garage.ask("charge")[0]


def test_ready_too_soon_begins_at_once_and_says_so(garage):
    garage.in_bulk()
    assert "begins now, too late for that" in garage.ask("charge ready 60")[0]
    assert garage.charge.session.delay_s == 0
    assert garage.charge.phase == phases.BULK


def test_ready_0_begins_a_delayed_charge_now(garage):
    garage.in_bulk().ask("charge ready 900")
    assert garage.ask("charge ready 0") == ["begins now", "ok"]
    garage.driver.wait_for(lambda: garage.charge.phase == phases.BULK, 100_000)


@pytest.mark.parametrize("word", ["-1", "1441", "x", "8.5"])
def test_minutes_that_make_no_sense_are_refused(garage, word):
    garage.in_bulk()
    assert garage.ask("charge ready " + word)[0].startswith("err 31 out-of-range: minutes")
    assert garage.charge.session.delay_s == 0


def test_ready_of_an_unplugged_car_is_refused_with_the_reason(garage):
    answer = garage.ask("charge ready 600")
    assert answer[0].startswith("err 22 not-now: OFF, unplugged: plug out")
    assert "nothing changed; plug in, or mend that, and ask again" in answer[0]


def test_ready_of_a_charge_at_its_end_is_refused(garage):
    garage.in_bulk()
    garage.charge.enter(phases.ABSORB)
    assert "the charge is at its end" in garage.ask("charge ready 600")[0]


def test_equalizing_is_armed_once_for_flooded_lead_and_can_be_taken_back(tmp_path):
    garage = Garage(tmp_path, chemistry=FLOODED)
    assert garage.ask("charge equalize")[-1] == "ok"
    assert garage.charge.session.equalize_armed == 1
    assert "equalizing is armed, once, for the end of the next charge" in garage.ask("charge")
    assert garage.ask("charge equalize off")[0] == "not armed"
    assert garage.charge.session.equalize_armed == 0


def test_equalizing_that_runs_is_stopped_at_once_and_said_to_be(tmp_path):
    garage = Garage(tmp_path, chemistry=FLOODED).in_bulk()
    garage.charge.enter(phases.EQUALIZE)
    assert garage.ask("charge equalize off")[0] == "equalizing stops; its float follows"
    assert (garage.charge.phase, garage.charge.enable) == (phases.FLOAT, 0)


@pytest.mark.parametrize(
    ("values", "target", "reason"),
    [
        ({"chemistry": AGM}, 0, "agm is never equalized"),
        ({"chemistry": FLOODED, "charger_kind": RELAY}, 0, "a relay charger cannot be told"),
        ({"chemistry": FLOODED}, 800, "the charge ends at its target before"),
    ],
)
def test_equalizing_is_refused_with_its_reason(tmp_path, values, target, reason):
    garage = Garage(tmp_path, **values)
    garage.charge.session.target_permille = target
    assert reason in garage.ask("charge equalize")[0]
    assert garage.charge.session.equalize_armed == 0


@pytest.mark.parametrize("line", ["charge bogus", "charge target", "charge equalize on"])
def test_a_wish_that_does_not_exist_is_answered_with_the_usage(garage, line):
    answer = garage.ask(line)
    assert answer[0].startswith("err 12 bad-argument: no such wish; nothing changed; use: charge ")


@pytest.mark.parametrize("line", ["charge target 90", "charge ready 0", "charge equalize off"])
def test_no_wish_is_taken_from_a_car_that_is_not_parked(line):
    driver = cars.Driver(chemistry=FLOODED).engage()
    driver.roll_at(3000).tick(50)
    terminal = Terminal(driver)
    assert terminal.ask(line)[0].startswith("err 88 moving: not parked (")
    assert terminal.desk.wanted == desk.NOTHING and terminal.requests == []


@pytest.mark.parametrize("values", [{"charger_kind": 0}, {"charger_kind": RELAY}, {"ddegc": -300}])
def test_a_swapped_pack_is_confirmed_at_the_plug_where_it_cannot_be_charged_too(tmp_path, values):
    garage = Garage(tmp_path, **({"capacity_mah": 30000} | values))
    garage.charge.session.forget()
    garage.plug_in()
    garage.driver.wait_for(lambda: not garage.charge.session.is_unconfirmed, 100_000)
    garage.driver.tick(100)
    assert not garage.charge.enable
    garage.driver.plug = 0
    garage.driver.tick(300)
    assert "pack_unconfirmed" not in garage.driver.active


def test_a_swapped_pack_of_another_voltage_is_not_confirmed_without_a_charger_either(tmp_path):
    garage = Garage(tmp_path, cell_mv=2400, charger_kind=0)
    garage.charge.session.forget()
    garage.plug_in()
    garage.driver.wait_for(lambda: garage.charge.cause == phases.WRONG, 100_000)
    garage.driver.tick(2000)
    assert garage.charge.session.is_unconfirmed
