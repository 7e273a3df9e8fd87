"""Charge watch: a charge scenario whose every second is judged by the rules of charging."""

import random
from collections.abc import Iterator
from dataclasses import replace

from sim.charge_scenario import ChargeScenario, chemistry_of
from sim.charging import ChargeRun
from tests.property.charge_rules import ChargeRules


def watched(scenario: ChargeScenario) -> ChargeScenario:
    """Return the scenario with the same story, told a second at a time to the rules."""

    def story(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
        values = run.vehicle.values
        rules = ChargeRules(run.vehicle, chemistry_of(run.vehicle), values["cell_count"], False)
        charge = run.charge
        rules.attach(charge, run.energy, run.sig)
        told = scenario.story(run, rnd)
        now_s = until_s = dark_s = 0.0
        plug = run.plug
        while True:
            while until_s <= now_s:
                until_s += next(told, scenario.seconds)
            if run.charge is not charge:
                charge = run.charge
                run.sig.pack_valid = 1  # as the loop, which reads the pack before it counts
                run.energy.update_charge(run.sig)
                rules.cut(dark_s)
                rules.attach(charge, run.energy, run.sig)
                dark_s = 0.0
            if run.plug and not plug:
                rules.excuse()
            plug = run.plug
            yield 1.0
            now_s += 1.0
            if run.has_power:
                battery = run.battery
                rules.step(1.0, run.plug, run.charger.current_a, run.drawn_a, battery.voltage_v)
            else:
                dark_s += 1.0

    return replace(scenario, story=story)
