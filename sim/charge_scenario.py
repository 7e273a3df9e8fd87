"""Charge scenarios: a night at the socket as data, run at a second a step."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sim.charge_metrics import ROW_S, ChargeMetrics, fault_rows
from sim.charging import STEP_S, Charger, ChargeRun
from sim.controller import board_scaling, load_board
from sim.fittings import fitted_charger
from sim.metrics import Expectation, Watch
from sim.plant.battery import Battery, make_battery
from sim.plant.bms import CELL_LIMITS, CellBms, ContactBms, make_bms
from sim.plant.charger import RelayCharger, SetpointCharger
from sim.trace import Row
from sim.vehicle import Vehicle, load_vehicle, vehicle_names
from vcu import chemistry
from vcu.charge import phases
from vcu.charge.command import KIND_NAMES

_BOARD = "esp32_s3"
LEAD = tuple(name for name in chemistry.NAMES if name not in CELL_LIMITS)

# What happens at the socket: it changes the run and yields how many seconds then pass. When it
# has ended, the rest of the scenario passes.
Story = Callable[[ChargeRun, random.Random], Iterator[float]]
Progress = Callable[[float, str], None]


class UnfitError(ValueError):
    """A scenario that makes no sense with this vehicle or runtime; the text says with which."""


def chemistry_of(vehicle: Vehicle) -> str:
    """Return the name of the chemistry that the vehicle is set for."""
    return chemistry.NAMES[vehicle.values["chemistry"]]


def own_pack(vehicle: Vehicle, soc: float, temperature_c: float) -> Battery:
    """Return the pack that the vehicle is set for, healthy."""
    values = vehicle.values
    return make_battery(
        chemistry_of(vehicle),
        values["cell_count"],
        values["capacity_mah"] / 1000.0,
        soc,
        temperature_c,
    )


def quiet_night(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
    """Nothing happens."""
    yield from ()


@dataclass(frozen=True)
class ChargeScenario:
    """One stay at the socket: which pack, what happens, and the figures it must show.

    more is what some must show on top, by the words of the pack (lead, lithium)
    and the charger (relay, setpoint), or both. piece_s is how much of the
    beginning shows something in the whole 10 ms loop, with piece_faults
    (NAME@SECONDS) in the place of the story; 0 where that would take hours.
    """

    name: str
    summary: str
    seconds: float
    expectations: tuple[Expectation, ...]
    more: Mapping[str, tuple[Expectation, ...]] = field(
        default_factory=dict[str, tuple[Expectation, ...]]
    )
    story: Story = quiet_night
    vehicle: str = "four_wheel_60v_agm"
    soc: float = 0.2
    ambient_c: float = 25.0
    settings: tuple[tuple[str, int], ...] = ()
    watches: tuple[Watch, ...] = ()
    make_pack: Callable[[Vehicle, float, float], Battery] = own_pack
    has_bms: bool = True  # where the vehicle is set for one
    kinds: tuple[str, ...] = chemistry.NAMES  # that it makes sense for
    only_setpoint: bool = False
    piece_s: float = 300.0
    piece_faults: tuple[str, ...] = ()
    piece_expectations: tuple[Expectation, ...] = ()

    def load_vehicle(self, name: str | None = None) -> Vehicle:
        """Return the scenario's vehicle, or the named one, with the scenario's settings."""
        vehicle = load_vehicle(self.vehicle if name is None else name)
        return vehicle.with_values(dict(self.settings))

    def check(self, vehicle: Vehicle) -> None:
        """Raise UnfitError where the scenario makes no sense with the vehicle."""
        charger = KIND_NAMES[vehicle.values["charger_kind"]]
        if charger == "none":
            raise UnfitError(
                f"{vehicle.name} has no charger that the controller switches, so there is nothing"
                " to see; fit one with --set charger_kind=1 (relay) or 2 (set-points)"
            )
        if chemistry_of(vehicle) not in self.kinds:
            raise UnfitError(
                f"{self.name} is about a pack that is {' or '.join(self.kinds)}, {vehicle.name}"
                f" has {chemistry_of(vehicle)}; take {_names_with(*self.kinds)}"
            )
        if self.only_setpoint and charger != "setpoint":
            raise UnfitError(
                f"{self.name} is about a charger with set-points, that of {vehicle.name} has a"
                " relay; fit another with --set charger_kind=2"
            )

    def expected(self, vehicle: Vehicle) -> tuple[Expectation, ...]:
        """Return what this vehicle must show."""
        pack = "lead" if chemistry_of(vehicle) in LEAD else "lithium"
        charger = KIND_NAMES[vehicle.values["charger_kind"]]
        words = {pack, charger}
        own = (more for key, more in self.more.items() if words.issuperset(key.split()))
        return (*self.expectations, *(e for more in own for e in more))

    def make_run(self, vehicle: Vehicle, seed: int) -> ChargeRun:
        """Return the run at its beginning, plugged in."""
        scaling = board_scaling(load_board(_BOARD))
        battery = self.make_pack(vehicle, self.soc, self.ambient_c)
        run = ChargeRun(
            vehicle,
            scaling,
            battery,
            _charger_of(vehicle),
            ambient_c=self.ambient_c,
            seed=seed,
            soc_known=self.soc,
        )
        bms = self.make_bms(vehicle)
        if bms is not None:
            run.fit(bms)
        return run

    def make_bms(self, vehicle: Vehicle) -> ContactBms | CellBms | None:
        """Return what the vehicle is set for; without has_bms nothing answers in its place."""
        values = vehicle.values
        bms = make_bms(values["bms_kind"], chemistry_of(vehicle), values["cell_count"])
        if isinstance(bms, ContactBms):
            bms.is_open = not self.has_bms
        elif bms is not None:
            bms.is_silent = not self.has_bms
        return bms


@dataclass(frozen=True)
class ChargeResult:
    """What is left of a charge."""

    values: dict[str, float]
    rows: list[Row]
    stored: tuple[int, ...]


def _names_with(*kinds: str) -> str:
    return " or ".join(
        name for name in vehicle_names() if chemistry_of(load_vehicle(name)) in kinds
    )


def _charger_of(vehicle: Vehicle) -> Charger:
    charger = fitted_charger(vehicle.values)
    assert isinstance(charger, RelayCharger | SetpointCharger)
    return charger


def run_charge(
    scenario: ChargeScenario,
    vehicle: Vehicle,
    *,
    seed: int = 1,
    progress: Progress | None = None,
) -> ChargeResult:
    """Run the scenario to its end; progress is called each simulated ten seconds."""
    scenario.check(vehicle)
    run = scenario.make_run(vehicle, seed)
    metrics = ChargeMetrics(run, scenario.watches)
    rows: list[Row] = []
    row_steps = round(ROW_S / STEP_S)
    steps = round(scenario.seconds / STEP_S)
    story = scenario.story(run, random.Random(seed))
    until = 0
    for step in range(1, steps + 1):
        while step > until:
            until += round(next(story, float(steps)) / STEP_S)
        run.step()
        metrics.step()
        if step % row_steps == 0:
            rows.append(metrics.row())
            if progress is not None:
                progress(
                    run.time_s, f"{phases.NAMES[run.charge.phase]} {run.charger.current_a:.1f} A"
                )
    return ChargeResult(metrics.values(), rows, fault_rows(metrics.seen_bits))
