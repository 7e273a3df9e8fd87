"""One output for a person: which, how long, and all that ends it in the same tick."""

import pytest

from tests.unit import cars
from vcu import modes, output_test
from vcu.output_test import BUZZER, CHARGER, CONTACTOR, FAN, LAMP
from vcu.signals import Raw, Signals

OUTPUTS = {LAMP: "lamp", BUZZER: "buzzer", FAN: "fan", CONTACTOR: "contactor", CHARGER: "charger"}
NO_PACK_CV = 100


class Bench(cars.Driver):
    """A parked car with its key off, and somebody who renews the wish while is_there."""

    def __init__(self, **values):
        super().__init__(**values)
        self.is_there = True
        self.reads_pack = True  # False: the wire of its divider is broken
        self.tick(260)

    @property
    def test(self):
        return self.loop.output_test

    def _fill(self, dt_ms):
        super()._fill(dt_ms)
        if not self.reads_pack:
            self.loop.raw.pack_v_counts = 0
        if self.is_there:
            self.test.renew()

    def on(self):
        """Return the names of what is driven, the supply and the heartbeat left out."""
        own = vars(self.out).items()
        return {name for name, value in own if value and name not in ("hold", "heartbeat")} - {
            "throttle_mv"
        }

    def ask(self, wanted, most_ms=2000):
        self.test.ask(wanted, most_ms)
        self.loop.service_wanted = True
        return self

    def begin(self, wanted, most_ms=2000):
        """Ask, and wait until its output is driven."""
        if wanted == CONTACTOR:
            self.open_cv = NO_PACK_CV
            self.tick(3)
        self.ask(wanted, most_ms)
        self.wait_for(lambda: self.on() == {OUTPUTS[wanted]}, 800)
        return self


@pytest.mark.parametrize("wanted", OUTPUTS)
def test_each_output_alone_is_driven_for_its_time_and_the_supply_is_held(wanted):
    car = Bench().begin(wanted, 700)
    assert car.out.hold and car.out.heartbeat and car.mode == modes.SERVICE
    assert 690 <= 10 + car.wait_for(lambda: not car.on()) <= 710
    assert car.test.ended == output_test.TIME
    car.tick(20)
    assert car.mode == modes.OFF and not car.out.hold and not car.loop.service_wanted


@pytest.mark.parametrize("wanted", OUTPUTS)
def test_no_test_is_longer_than_5_s_whatever_was_asked(wanted):
    car = Bench().begin(wanted, 60000)
    assert 4950 <= car.wait_for(lambda: not car.on(), 6000) <= 5010


def press(counts):
    def change(car):
        car.pedal_a_counts = 468 + counts

    return change


CONTROLS = {
    "key": lambda car: setattr(car, "key", 1),
    "plug": lambda car: setattr(car, "plug", 1),
    "brake": lambda car: setattr(car, "brake", 1),
    "forward": lambda car: setattr(car, "gear", cars.FORWARD),
    "reverse": lambda car: setattr(car, "gear", cars.REVERSE),
    "enable line": lambda car: setattr(car, "line", 1),
    "pedal a": press(41),
    "pedal a down": press(-41),
    "pedal b": lambda car: setattr(car, "pedal_b_counts", 234 + 41),
}


@pytest.mark.parametrize("wanted", OUTPUTS)
@pytest.mark.parametrize("control", CONTROLS)
def test_a_touched_control_ends_it_in_the_same_tick(control, wanted):
    car = Bench().begin(wanted)
    CONTROLS[control](car)
    car.tick()
    assert not car.on() and car.test.ended == output_test.CONTROL


def test_what_a_pedal_at_rest_reads_is_no_touch():
    car = Bench().begin(LAMP)
    for counts in (40, -40, 0):
        press(counts)(car)
        car.tick()
    assert car.on() == {"lamp"}


@pytest.mark.parametrize("wanted", OUTPUTS)
@pytest.mark.parametrize("counter", ["pulses_counts", "motor_pulses_counts"])
def test_one_pulse_ends_it_in_the_same_tick(counter, wanted):
    values = {"motor_pulses_per_turn": 48} if counter.startswith("motor") else {}
    car = Bench(**values).begin(wanted)
    if counter.startswith("motor"):
        car.wheel.motor_per_turn = 1000000
        car.wheel.way_um += 2000
    else:
        car.wheel.first_pulse += 1
    car.tick()
    assert not car.on() and car.test.ended == output_test.WHEEL


@pytest.mark.parametrize("wanted", OUTPUTS)
def test_an_asker_who_is_gone_for_300_ms_ends_it(wanted):
    car = Bench().begin(wanted)
    car.is_there = False
    assert 290 <= car.wait_for(lambda: not car.on()) <= 320
    assert car.test.ended == output_test.SILENCE and not car.loop.service_wanted


@pytest.mark.parametrize("wanted", OUTPUTS)
def test_a_stall_of_the_program_ends_it(wanted):
    car = Bench().begin(wanted)
    car.is_there = False
    car.tick(1, 400)
    assert not car.on()


def test_an_asker_who_takes_it_back_ends_it_in_the_next_tick():
    car = Bench().begin(BUZZER)
    car.test.stop()
    car.tick()
    assert not car.on() and car.test.ended == output_test.ASKER


REFUSALS = {
    "key": lambda car: setattr(car, "key", 1),
    "plug": lambda car: setattr(car, "plug", 1),
    "moving": lambda car: car.roll_at(1000),
    "pedal": lambda car: setattr(car, "pedal", 500),
}


@pytest.mark.parametrize("wanted", OUTPUTS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_nothing_is_driven_when_it_is_asked_for_at_the_wrong_time(refusal, wanted):
    car = Bench()
    REFUSALS[refusal](car)
    car.open_cv = NO_PACK_CV if wanted == CONTACTOR else car.open_cv
    car.tick(20)
    car.ask(wanted)
    for _ in range(100):
        car.tick()
        assert not car.test.drives and car.mode != modes.SERVICE
    assert not car.test.is_asked and not car.loop.service_wanted


@pytest.mark.parametrize("flag", ["key_on", "plug_in"])
def test_key_and_plug_keep_it_off_whatever_the_mode_says(flag):
    raw = Raw()
    raw.plug_in = 0
    setattr(raw, flag, 1)
    test = output_test.OutputTest(raw, 4000, 4000)
    test.ask(LAMP, 1000)
    test.step(Signals(), modes.SERVICE, 10)
    assert not test.drives and test.ended == output_test.CONTROL


def test_it_ends_with_the_mode():
    car = Bench().begin(LAMP)
    for _ in range(5):
        car.loop.service_wanted = False
        car.tick()
    assert not car.on() and car.test.ended == output_test.NOT_SERVICE


def test_a_car_that_is_ready_to_drive_is_not_disturbed():
    car = Bench().start()
    car.ask(CONTACTOR)
    car.tick(50)
    assert car.mode == modes.READY and not car.loop.service_wanted


def test_the_next_key_on_drives_as_ever():
    car = Bench().begin(LAMP)
    car.engage()
    assert car.mode == modes.DRIVE


# The contactor


def test_the_contactor_is_not_closed_onto_a_live_pack():
    car = Bench().ask(CONTACTOR)
    for _ in range(100):
        car.tick()
        assert not car.on()
    assert car.test.ended == output_test.LIVE


@pytest.mark.parametrize("name", ["pack_v_counts", "bus_v_counts"])
@pytest.mark.parametrize(("counts", "dead"), [(-1, False), (0, True), (187, True), (188, False)])
def test_dead_is_below_6_v_and_a_failed_reading_is_no_proof(name, counts, dead):
    car = Bench()
    car.loop.raw.pack_v_counts = car.loop.raw.bus_v_counts = 0
    setattr(car.loop.raw, name, counts)
    assert car.test.is_dead() is dead


def test_a_broken_wire_of_the_pack_reading_does_not_weld_the_contactor():
    car = Bench()
    car.reads_pack = False
    car.tick(20)
    car.ask(CONTACTOR)
    seen = set()
    for _ in range(100):
        car.tick()
        seen |= car.on()
    assert seen == {"precharge"} and car.test.ended == output_test.LIVE
    assert car.bus_cv < 1200, "let go of as soon as it had risen"


def test_the_resistor_is_tried_400_ms_before_the_contactor_closes():
    car = Bench()
    car.open_cv = NO_PACK_CV
    car.tick(3)
    car.ask(CONTACTOR)
    car.wait_for(lambda: car.out.precharge, 200)
    ms = car.wait_for(lambda: car.out.contactor)
    assert 390 <= ms <= 420 and not car.out.precharge


def test_a_pack_that_is_plugged_in_during_the_test_opens_it_in_the_same_tick():
    car = Bench().begin(CONTACTOR)
    car.open_cv = 4800
    car.tick()
    assert not car.on() and car.test.ended == output_test.LIVE


# The charger's relay


def test_the_chargers_relay_closes_with_both_of_its_inputs_at_zero():
    out = Bench().begin(CHARGER).out
    assert (out.charger, out.charge_v_mv, out.charge_a_mv) == (1, 0, 0)


def test_current_into_the_pack_ends_the_test_of_the_chargers_relay():
    car = Bench().begin(CHARGER)
    car.extra_da = -50
    assert car.wait_for(lambda: not car.on(), 200) <= 60
    assert car.test.ended == output_test.CURRENT
