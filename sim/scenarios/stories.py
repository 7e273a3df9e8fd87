"""Stories: what happens in a charge scenario: at the socket, to its parts, by its driver."""

import random
from collections.abc import Iterator

from sim.charge_scenario import LEAD, chemistry_of
from sim.charging import ChargeRun
from sim.driver import Driver, PedalDriver
from sim.plant.battery import Battery, make_battery
from sim.plant.charger import SetpointCharger
from sim.plant.lead_acid import LeadAcid
from sim.plant.outages import random_outages
from sim.vehicle import Vehicle

_HOUR_S = 3600.0


def sun_rises(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """Four hours of frost, then the air warms by 4 degC an hour to 14 degC."""
    yield 4 * _HOUR_S
    while run.ambient_c < 14.0:
        run.ambient_c += 1.0
        yield _HOUR_S / 4


def ten_cuts(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """The mains fail ten times; every second time the controller is dark with them."""
    for outage in random_outages(rnd, 10, 11 * _HOUR_S):
        yield outage.from_s - run.time_s
        run.charger.socket.mains = False
        run.has_power = not outage.takes_controller
        yield outage.seconds
        run.charger.socket.mains = True
        if outage.takes_controller:
            run.cut_power()
            run.has_power = True


def short_after_a_drive(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """A healthy charge, a drive at 0.4 C, then a cell is shorted and the next charge begins."""
    yield 16 * _HOUR_S
    run.plug = False
    yield 60.0
    run.drawn_a = run.vehicle.values["capacity_mah"] * 0.0004
    yield _HOUR_S / 2
    run.drawn_a = 0.0
    healthy = run.battery
    run.battery = LeadAcid(
        chemistry_of(run.vehicle),
        run.vehicle.values["cell_count"],
        run.vehicle.values["capacity_mah"] / 1000.0,
        healthy.soc,
        healthy.temperature_c,
        dead_cells=1,
    )
    yield 600.0
    run.plug = True


def sensor_comes_off(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """After an hour the battery's temperature sensor is open."""
    yield _HOUR_S
    run.temperature_lost = True


def charger_goes_deaf(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """After half an hour the charger ignores its set-points."""
    yield _HOUR_S / 2
    assert isinstance(run.charger, SetpointCharger)
    run.charger.deaf = True


def aged_pack(vehicle: Vehicle, soc: float, temperature_c: float) -> Battery:
    """Three years old: 70 % of its capacity, sulphated, gassing three times as much."""
    return LeadAcid(
        chemistry_of(vehicle),
        vehicle.values["cell_count"],
        vehicle.values["capacity_mah"] * 0.0007,
        soc,
        temperature_c,
        charge_factor=2.0,
        gas_factor=3.0,
        resistance_factor=2.0,
    )


def other_pack(vehicle: Vehicle, soc: float, temperature_c: float) -> Battery:
    """What somebody put in without telling the controller.

    Into a lead car LFP of the next voltage; into a lithium car lead of about the
    same voltage, which no voltmeter could tell, and which has no BMS to permit it.
    """
    cells = vehicle.values["cell_count"]
    capacity_ah = vehicle.values["capacity_mah"] / 1000.0
    if chemistry_of(vehicle) in LEAD:
        return make_battery("lfp", round(cells * 0.8), capacity_ah, soc, temperature_c)
    return make_battery("agm", round(cells * 1.5), capacity_ah, soc, temperature_c)


class _PlugsIn(PedalDriver):
    """Drives; somebody plugs in at 12 s; the driver brakes at 16 s and gets out at 25 s."""

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Follow the start-up and the pedal, then stop whatever they say."""
        super().step(t_s, speed_mps, dt_s)
        self.plug = t_s >= 12.0
        if t_s >= 16.0:
            self.pedal = 0.0
            self.brake = 1.0
        if t_s >= 25.0:
            self.gear = 0
            self.key = False


def plugs_in(vehicle: Vehicle) -> Driver:
    """Return the driver in whose car somebody plugs in at speed."""
    return _PlugsIn(lambda t: min(0.6, t / 2.0))
