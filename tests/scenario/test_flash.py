"""No drive writes to flash while the car is not parked.

Under MicroPython the short scenarios are run, all with LSEV_PROVE=1.
"""

import pytest

from sim.charge_scenario import ChargeScenario
from sim.frame import FLASH_OPS, FLASH_OPS_MOVING
from sim.scenario import find_scenario, run_scenario, scenario_names
from sim.world import World
from tests.property.envelope import ScriptDriver
from tests.proving import PROVE

LONGEST_S = 1e9 if PROVE else 80.0
# A charge does not move the car, and at a second a step it has no flash.
DRIVES = [name for name in scenario_names() if not isinstance(find_scenario(name), ChargeScenario)]
NAMES = [name for name in DRIVES if find_scenario(name).seconds <= LONGEST_S]


@pytest.mark.parametrize("name", DRIVES)
def test_every_scenario_expects_no_flash_operation_while_moving(name: str) -> None:
    (expected,) = (e for e in find_scenario(name).expectations if e.metric == "flash_ops_moving")
    assert (expected.low, expected.high) == (0.0, 0.0)


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", NAMES)
def test_in_micropython_no_scenario_writes_to_flash_while_moving(name: str) -> None:
    result = run_scenario(find_scenario(name), runtime="micropython")
    assert result.values["flash_ops_moving"] == 0.0


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("off_s", [9.0, 16.0])
def test_a_key_turned_off_at_speed_or_standing_saves_and_counts_nothing_as_moving(
    off_s: float,
) -> None:
    driver = ScriptDriver(
        (3.5, True, False, 1, 0.5, 0.0),
        (9.0, off_s > 9.0, False, 1, 0.0, 0.8),
        (16.0, False, False, 0, 0.0, 0.3),
    )
    with World(driver=driver, runtime="micropython") as world:
        world.run(off_s - 0.1)
        before = world.outputs[FLASH_OPS]
        world.run(4.0)
        assert world.outputs[FLASH_OPS] > before
        assert world.outputs[FLASH_OPS_MOVING] == 0
