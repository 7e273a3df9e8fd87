"""Nights: whole charges of a pack at a socket, and what became of it, for tests to judge."""

from dataclasses import dataclass

from sim.charging import ChargeRun
from sim.controller import board_scaling, load_board
from sim.plant.battery import make_battery
from sim.plant.bms import make_bms
from sim.plant.charger import RelayCharger, SetpointCharger
from sim.vehicle import load_vehicle
from vcu import chemistry
from vcu.charge import phases
from vcu.charge.phases import FAULT, FLOAT, FULL

SCALING = board_scaling(load_board("esp32_s3"))
VEHICLE = load_vehicle("four_wheel_60v_agm")
CAPACITY_AH = 100.0
LITHIUM = ("lfp", "nmc")
HARD_V = {"flooded": 2.70, "agm": 2.55, "gel": 2.48, "lfp": 3.65, "nmc": 4.25}
# The charger of each kind of pack, and the voltages of a plain one (its own curve, per cell).
RATED_C = {"flooded": 0.12, "agm": 0.2, "gel": 0.15, "lfp": 0.3, "nmc": 0.3}
PLAIN_V = {"flooded": (2.45, 2.25), "agm": (2.42, 2.27), "gel": (2.35, 2.27)}
PLAIN_TAIL_C = 0.01
CHARGER_V = 110.0
_LOOK_S = 30


def make_run(
    kind, cells, soc, *, rate_c=None, ambient_c=25.0, battery=None, battery_c=None, bms_kind=None,
    relay=False, plain_v=None, compensation_v=0.0, chemistry_set=None, cells_set=None, seed=1,
    soc_known=None, gain=1.0,
):  # fmt: skip
    """Return a car at a socket; what the controller takes its pack for may be something else."""
    rate_c = RATED_C[kind] if rate_c is None else rate_c
    amps = rate_c * CAPACITY_AH
    told = chemistry_set or kind
    if bms_kind is None:
        bms_kind = 1 if told in LITHIUM else 0
    vehicle = VEHICLE.with_values(
        {
            "chemistry": chemistry.NAMES.index(told),
            "cell_count": cells_set or cells,
            "capacity_mah": round(CAPACITY_AH * 1000),
            "charger_kind": 1 if relay else 2,
            "charger_max_da": round(amps * 10),
            "charge_max_da": round(amps * 10),
            "charger_full_cv": round(CHARGER_V * 100),
            "mains_max_da": 160,
            "bms_kind": bms_kind,
        }
    )
    if battery is None:
        battery_c = ambient_c if battery_c is None else battery_c
        battery = make_battery(kind, cells, CAPACITY_AH, soc, battery_c)
    charger = SetpointCharger(amps, CHARGER_V, gain=gain)
    if relay:
        absorb_v, float_v = plain_v or PLAIN_V[kind]
        charger = RelayCharger(amps, absorb_v * cells, float_v * cells, PLAIN_TAIL_C * CAPACITY_AH)
    run = ChargeRun(
        vehicle, SCALING, battery, charger, ambient_c=ambient_c, seed=seed,
        soc_known=battery.soc if soc_known is None else soc_known,
    )  # fmt: skip
    bms = make_bms(bms_kind, kind, cells)
    if bms is not None:
        run.fit(bms)
    return run


@dataclass
class Night:
    """One charge: at its end (FLOAT, FULL or FAULT), and when it was left."""

    missing: float  # of C, when it began
    hours: float = 0.0
    soc: float = 0.0
    factor: float = 0.0  # charge put in over what was missing
    over: float = 0.0  # charge put in besides, of C
    whole_factor: float = 0.0  # with the float
    whole_over: float = 0.0
    whole_hours: float = 0.0
    hottest_c: float = -99.0
    highest_v: float = 0.0  # cell
    phase: str = ""
    cause: str = ""
    faults: int = 0
    counted: float = 0.0  # charge that the controller saw go in, over what went in
    seen: tuple = ()  # phases in their order


def charge(run, most_h=26.0, *, until=(FULL, FAULT), live_cells=None):
    """Charge until one of these phases, most_h at the longest; return the Night."""
    battery = run.battery
    cells = live_cells or run.vehicle.values["cell_count"]
    begin_ah, begin_s = run.charged_ah, run.time_s
    night = Night(1.0 - battery.soc)
    last = -1
    seen = []
    is_over = False
    for second in range(round(most_h * 3600)):
        run.step()
        if second % _LOOK_S == 0:
            mean_v = battery.voltage_v / cells
            night.highest_v = max(night.highest_v, getattr(battery, "cell_max_v", mean_v))
            night.hottest_c = max(night.hottest_c, battery.temperature_c)
        phase = run.charge.phase
        if phase == last:
            continue
        last = phase
        seen.append(phases.NAMES[phase])
        if phase in (FLOAT, FULL, FAULT) and not is_over:
            is_over = True
            night.hours = (run.time_s - begin_s) / 3600
            night.soc = battery.soc
            night.factor, night.over = _returned(run, begin_ah, night.missing)
            night.counted = run.charge.session.in_mah / 1000 / max(run.charged_ah - begin_ah, 0.1)
        if phase in until:
            break
    night.whole_factor, night.whole_over = _returned(run, begin_ah, night.missing)
    night.whole_hours = (run.time_s - begin_s) / 3600
    night.phase = phases.NAMES[run.charge.phase]
    night.cause = phases.CAUSE_NAMES[run.charge.cause]
    night.faults = run.charge.session.faults
    night.seen = tuple(seen)
    return night


def _returned(run, begin_ah, missing):
    """Return the charge put in over what was missing, and what is besides as a share of C."""
    returned = (run.charged_ah - begin_ah) / CAPACITY_AH
    return returned / max(missing, 0.001), returned - missing


def drive(run, to_soc, amps=50.0):
    """Unplug, drive down to a state of charge (0..1), and stand at the socket."""
    run.plug = False
    run.drawn_a = amps
    while run.battery.soc > to_soc:
        run.step()
    run.drawn_a = 0.0
    run.step()


def plug_in(run):
    """Plug in; the controller has started anew, as it does with the plug."""
    run.cut_power()
    run.plug = True
