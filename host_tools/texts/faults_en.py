"""Fault texts in English: title, causes with the likeliest first, what to measure.

One row per row of vcu/faults.py, in its order. Voltages are those at the connectors
of the reference board (boards/esp32_s3/README.md), against ground J2-2.
"""

# What ends a fault, by its latch; seconds is how long its condition must be gone.
LATCHES = {
    "self": "By itself, {seconds} s after the cause is gone.",
    "pedal": "By itself, {seconds} s after the cause is gone and the pedal was released.",
    "key": "{seconds} s after the cause is gone, once the key has been turned off.",
    "person": "Only when a person clears it with `lsev faults --clear`, car parked.",
}

_CHARGE_LATCHED = (
    "It stays over power cuts and keeps the charger off until a person has found the cause and "
    "clears it with `lsev faults --clear`, car parked."
)
# Of rows that end otherwise than their latch says.
CLEARS = {
    "parameters_lost": (
        "Compare every parameter with the car's papers, restore or set them, then "
        "`lsev faults --clear`."
    ),
    "parameters_conflict": "When the parameters fit together again, after `save` and `reboot`.",
    "wrong_pack": "When a resting pack fits the parameters, or after `pack` set the new one.",
    "charge_over_voltage": _CHARGE_LATCHED,
    "charge_timeout": (
        "By the next charge after the car was driven, or with `lsev faults --clear`, car parked."
    ),
    "charge_ah_limit": _CHARGE_LATCHED,
    "thermal_runaway": _CHARGE_LATCHED,
    "cell_shorted": _CHARGE_LATCHED,
    "deep_discharge": _CHARGE_LATCHED,
    "charger_disobeys": _CHARGE_LATCHED,
    "charger_welded": _CHARGE_LATCHED,
    "pack_unconfirmed": "By plugging in: the check of the resting pack must agree.",
    "reset_by_watchdog": "With the key turned off; the count stays in the history.",
    "reset_by_exception": "With the key turned off; the count stays in the history.",
    "supply_lost": "With the key turned off; the count stays in the history.",
}

_PEDAL_A = (
    "J2-3 against J2-2: 0.85 V released, 4.2 V pressed, steady while the harness is wiggled. "
    "5 V at J2-1."
)
_PEDAL_B = (
    "J2-4 against J2-2: another slope than channel A (about 0.43 V released, 2.1 V pressed), "
    "steady while the harness is wiggled. 5 V at J2-1."
)
_THERMISTOR = "about 10 kOhm at 25 degC, 26 at 5, 5.3 at 40, measured with the plug pulled off."
_REPORT = "Note what the car did, save `lsev report`, and send both to who maintains the software."

FAULTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "pedal_a_low": (
        "Pedal channel A reads below its range",
        ("its signal wire is open", "the wire is shorted to ground", "the pedal's 5 V is missing"),
        _PEDAL_A,
    ),
    "pedal_a_high": (
        "Pedal channel A reads above its range",
        (
            "the pedal's ground is open",
            "the signal wire is shorted to 5 V",
            "the end points belong to another pedal",
        ),
        _PEDAL_A,
    ),
    "pedal_b_low": (
        "Pedal channel B reads below its range",
        ("its signal wire is open", "the wire is shorted to ground", "the pedal's 5 V is missing"),
        _PEDAL_B,
    ),
    "pedal_b_high": (
        "Pedal channel B reads above its range",
        (
            "the pedal's ground is open",
            "the signal wire is shorted to 5 V",
            "the end points belong to another pedal",
        ),
        _PEDAL_B,
    ),
    "pedal_disagrees": (
        "The two pedal channels differ by more than 10 % of travel",
        (
            "the pedal was changed and not calibrated",
            "the two signal wires are swapped or touch",
            "the sensor is worn",
        ),
        "Watch both channels in percent while pressing slowly: they must stay within 10 %. "
        "Then `lsev calibrate pedal`.",
    ),
    "pedal_pressed_at_start": (
        "The pedal has been pressed since the contactor closed",
        ("a foot or a mat on the pedal", "a stuck pedal", "the released end point is wrong"),
        "Pedal released: the travel must read below 5 %. Then `lsev calibrate pedal`.",
    ),
    "sensor_5v_low": (
        "The pedal's 5 V supply is low",
        ("a short in the pedal's wiring", "a short in the pedal", "the board's regulator"),
        "J2-1 against J2-2: 4.75 to 5.25 V. Unplug J2: if it comes back, the short is outside.",
    ),
    "sensor_5v_high": (
        "The pedal's 5 V supply is high",
        ("a wire with 12 V touches it", "the board's regulator"),
        "J2-1 against J2-2: 4.75 to 5.25 V. Unplug J2: if it stays high, change the board.",
    ),
    "adc_frozen": (
        "The board's converter reads the same everywhere",
        ("the board is broken", "its 3.3 V supply fails"),
        "3.3 V on the board. If that is right, change the board.",
    ),
    "pedal_stabbed": (
        "The pedal was stabbed at walking speed",
        ("the driver mistook the pedals", "the pedal sticks and jumps"),
        "Ask the driver. Then press slowly: the reading must rise without a jump.",
    ),
    "pedal_with_brake": (
        "Pedal and brake were pressed together",
        ("the driver used both feet", "the brake switch is set wrong or stuck"),
        "J1-6: 12 V with the brake released, 0 V from the first centimetre of travel on.",
    ),
    "brake_always_pressed": (
        "The brake reads pressed all the time",
        ("an open wire of the brake switch", "the switch is set wrong", "its fuse"),
        "J1-6: 12 V with the brake released, 0 V pressed.",
    ),
    "gear_both": (
        "Forward and reverse are selected at once",
        ("the selector is worn", "its two wires touch", "water in the selector"),
        "J1-7 (forward) and J1-8 (reverse): 12 V on one at most, none in neutral.",
    ),
    "gear_while_moving": (
        "A gear was selected while the car rolled",
        ("the driver shifted too early", "the selector's contact is loose"),
        "Ask the driver. Wiggle the selector: J1-7 and J1-8 must not flicker.",
    ),
    "rolling_in_neutral": (
        "The car rolled in neutral with the key on",
        ("the parking brake was not set", "the selector fell out of gear"),
        "Ask the driver. In gear, 12 V stays on J1-7 or J1-8 while the lever is wiggled.",
    ),
    "overspeed": (
        "The car went faster than its cap",
        (
            "a slope pushed it",
            "wheel circumference or pulses per turn are wrong",
            "another tyre was fitted",
        ),
        "`lsev calibrate wheel` over a measured distance.",
    ),
    "speed_lost": (
        "The motor takes power but the wheel sensor is silent",
        (
            "the sensor's wire is open",
            "the gap to the magnet or tooth is too large",
            "the sensor is broken",
            "the wheel was blocked or spun free",
        ),
        "Lift the wheel, turn it by hand: J2-5 must switch between 0 and 3.3 V, "
        "as often a turn as pulses_per_turn says.",
    ),
    "speed_stopped": (
        "The wheel sensor fell silent while the car rolled",
        ("a loose wire or connector", "the sensor's bracket moved", "a wheel was locked"),
        "Wiggle cable and connector while the wheel is turned by hand: J2-5 must not stop "
        "switching.",
    ),
    "speed_erratic": (
        "The wheel sensor changes faster than a car can",
        (
            "a loose wire or a bad ground",
            "a missing magnet or a bent tooth",
            "the cable lies beside the motor cables",
        ),
        "Turn the wheel by hand and count: every turn must give the same number of pulses.",
    ),
    "speed_sources_differ": (
        "Wheel sensor and motor sensor tell different speeds",
        (
            "pulses_per_turn or motor_pulses_per_turn is wrong",
            "a magnet is missing",
            "one of the two sensors fails",
            "a drive shaft or belt slips",
        ),
        "Turn the wheel ten times by hand and compare the counts of both sensors with the two "
        "parameters.",
    ),
    "unintended_drive": (
        "The car drove or drew power that nobody asked for",
        (
            "the throttle wire is shorted to a supply",
            "the motor controller failed with its output on",
            "another load on the bus is larger than idle_power_w",
        ),
        "Wheels off the ground. J3-1: 0 V with the pedal released. Motor controller's key line "
        "J3-4 off: the motor must not turn.",
    ),
    "guard_torque": (
        "More torque was commanded than the pedal asks for",
        ("the board is broken", "an error in the software"),
        "Do not drive. Change the board. " + _REPORT,
    ),
    "guard_speed": (
        "Torque was commanded above the speed cap",
        ("the board is broken", "an error in the software"),
        "Do not drive. Change the board. " + _REPORT,
    ),
    "guard_conflict": (
        "Torque was commanded against brake, plug, key or selector",
        ("a loose wire of brake, plug, key or selector", "the board is broken"),
        "Wiggle J1: none of J1-3, J1-5, J1-6, J1-7, J1-8 may flicker. If none does, "
        "change the board.",
    ),
    "guard_data": (
        "The guard's own copies of its limits were corrupted",
        ("the board's memory", "a strong disturbance on the supply"),
        "Comes back after a restart: change the board. Else check ground and 12 V wiring.",
    ),
    "throttle_high": (
        "The throttle output is above what was commanded",
        ("its wire is shorted to 5 or 12 V", "the output stage is broken"),
        "Unplug J3. J3-1 on the board: 0 V with the pedal released. Then test the wire.",
    ),
    "throttle_low": (
        "The throttle output is below what was commanded",
        (
            "its wire is shorted to ground",
            "the motor controller loads it",
            "the output stage",
            "the read-back is open: the car drives, slowly",
        ),
        "Unplug J3: if the fault goes, the short is in wire or motor controller.",
    ),
    "enable_stuck_on": (
        "The enable line stays on when it must be off",
        (
            "relay K1 is welded",
            "its read-back wire is open",
            "a transistor of its gate is shorted",
        ),
        "J3-4 to J3-5 must be open with the key off, and the coil of K1 without voltage.",
    ),
    "enable_stuck_off": (
        "The enable line stays off when it should be on",
        ("relay K1 or its 12 V", "the heartbeat circuit", "a transistor of its gate is open"),
        "With the key on and a gear in: voltage at the coil of K1; 50 Hz at HEARTBEAT.",
    ),
    "shutoff_test_failed": (
        "One way of switching traction off did not work at key-on",
        ("a transistor under K1 is shorted", "the heartbeat pump does not fall", "K1 is welded"),
        "Coil of K1: it must drop when GUARD, ENABLE or HEARTBEAT is taken away, each alone. "
        "Drop-out of pump 1: 55 ms, below 100. `why` names the step that failed.",
    ),
    "torque_not_delivered": (
        "Torque is asked for but no current flows",
        (
            "the motor controller is off, faulted or its fuse is gone",
            "the enable wire J3-4/J3-5",
            "the throttle wire J3-1",
            "throttle_start_mv is too low for this motor controller",
        ),
        "With the pedal pressed and wheels off the ground: J3-4 joined to J3-5, J3-1 above 1.1 V. "
        "Read the motor controller's own lamp.",
    ),
    "pack_voltage_low": (
        "The pack is below its lowest voltage",
        ("the pack is empty", "a weak or dead block", "a loose or corroded pack connection"),
        "Charge, let rest an hour, then measure each block: none may be 0.3 V below the rest.",
    ),
    "pack_voltage_high": (
        "The pack is above its highest voltage",
        ("a charger of another pack is connected", "cell_count or chemistry is wrong"),
        "Measure the pack at its terminals and compare with what lsev shows.",
    ),
    "pack_v_sensor_low": (
        "The pack's voltage reads nothing",
        ("the fuse of the sense wire", "the wire at J5-1", "pack minus at J5-3", "the divider"),
        "J5-1 against J5-3: the pack's voltage.",
    ),
    "pack_v_sensor_high": (
        "The pack's voltage reads beyond its range",
        ("the divider on the board is broken", "its ground is open"),
        "J5-1 against J5-3: at most 100 V. If that is right, change the board.",
    ),
    "bus_v_sensor": (
        "The bus voltage cannot be read",
        ("the sense wire at J5-2", "the divider on the board"),
        "J5-2 against J5-3 with the contactor closed: the pack's voltage.",
    ),
    "pack_a_sensor_low": (
        "The current sensor reads below its range",
        ("its wire J2-6 is open", "it has no 5 V", "the sensor is broken"),
        "J2-6 against J2-10 without current: 2.5 V. 5 V at the sensor.",
    ),
    "pack_a_sensor_high": (
        "The current sensor reads above its range",
        ("its ground is open", "its wire touches 5 V", "the sensor is broken"),
        "J2-6 against J2-10 without current: 2.5 V.",
    ),
    "pack_a_sensor_stuck": (
        "The car moved under torque but no current was measured",
        (
            "the pack's cable does not pass through the sensor",
            "the sensor is broken",
            "pack_a_zero_counts is wrong",
        ),
        "J2-6: 2.5 V at rest, 6.7 mV more for each ampere out of the pack.",
    ),
    "discharge_over_current": (
        "Driving took more current than the pack is allowed to give",
        (
            "the motor controller's own limit is set too high",
            "discharge_max_da does not fit the pack",
            "a dragging brake",
        ),
        "Compare discharge_max_da, the motor controller's limit and the pack's data sheet.",
    ),
    "charge_over_current": (
        "Charging or regeneration gave more current than allowed",
        (
            "the charger is too strong for the pack",
            "the motor controller brakes by itself",
            "charge_max_da does not fit the pack",
        ),
        "Clamp meter on the pack's cable while charging, and while coasting downhill.",
    ),
    "battery_sensor_low": (
        "The battery's temperature sensor is shorted",
        ("its wire is pinched", "another sensor was fitted"),
        "J2-7, plug off, towards the sensor: " + _THERMISTOR,
    ),
    "battery_sensor_high": (
        "The battery's temperature sensor is open",
        ("its connector is off", "its wire is broken", "deep cold, below -25 degC"),
        "J2-7, plug off, towards the sensor: " + _THERMISTOR,
    ),
    "battery_too_hot": (
        "The battery is too hot to drive",
        ("hard driving in the heat", "a block with a bad cell", "a loose pole that heats"),
        "Feel or measure each block and pole: one that is hotter than the rest is the cause.",
    ),
    "battery_too_cold": (
        "The battery is too cold for its full current",
        ("deep frost", "the sensor hangs in the wind and not at the pack"),
        "Compare a thermometer at the pack with what lsev shows.",
    ),
    "motor_sensor": (
        "The motor's temperature sensor is open or shorted",
        ("its connector is off", "its wire is chafed", "the motor has another kind of sensor"),
        "J2-8, plug off, towards the sensor: " + _THERMISTOR,
    ),
    "motor_too_hot": (
        "The motor is too hot for any torque",
        ("a long climb with a full load", "a dragging brake", "its cooling is blocked"),
        "Wheels off the ground and key off: every wheel must turn freely by hand.",
    ),
    "controller_sensor": (
        "The motor controller's temperature sensor is open or shorted",
        ("its connector is off", "its wire is chafed"),
        "J2-9, plug off, towards the sensor: " + _THERMISTOR,
    ),
    "controller_too_hot": (
        "The motor controller is too hot for any torque",
        ("its fan stands still", "dust on its cooler", "a long climb with a full load"),
        "`test fan` on the console; air must flow through the cooler.",
    ),
    "charge_low": (
        "The pack is nearly empty",
        ("it was not charged", "the pack is old and has lost capacity"),
        "Charge. If the range stays short, test the capacity of each block.",
    ),
    "contactor_welded": (
        "The bus has the pack's voltage while the contactor is open",
        ("the contactor is welded", "something feeds the bus past the contactor"),
        "Key off, wait a minute: bus to pack minus must fall. If not, and nothing bridges it, "
        "change the contactor.",
    ),
    "contactor_stuck_open": (
        "The bus lost the pack's voltage while the contactor is closed",
        ("the main fuse", "the contactor's coil or its wire J4-1", "its contacts are burnt"),
        "12 V at the coil with the key on? Then voltage across the closed contacts: below 0.1 V.",
    ),
    "precharge_failed": (
        "The bus did not reach the pack's voltage in time",
        (
            "the pre-charge resistor or its relay J4-2 is open",
            "a load hangs on the bus",
            "a shorted motor controller",
        ),
        "Resistance of the pre-charge resistor with the pack off; resistance of the bus: "
        "not near 0.",
    ),
    "rail_low": (
        "The 12 V supply is low",
        ("the DC-DC converter", "the 12 V battery is empty", "a corroded ground"),
        "J1-1 against J1-2: above 10.5 V, 13 to 14.5 V with the converter running.",
    ),
    "rail_high": (
        "The 12 V supply is high",
        ("the DC-DC converter", "a loose ground"),
        "J1-1 against J1-2: below 15.5 V.",
    ),
    "adc_reference": (
        "A reference of the board's converter reads wrong",
        ("the board's 3.3 V", "the board is broken", "an unplugged multiplexer line"),
        "3.3 V on the board. If that is right, change the board.",
    ),
    "tick_late": (
        "The controller ran a step too late",
        ("a writing to flash took long", "an error in the software"),
        _REPORT,
    ),
    "reset_by_watchdog": (
        "The last run ended with a program that hung",
        ("an error in the software", "a strong disturbance on the supply"),
        _REPORT,
    ),
    "reset_by_exception": (
        "The last run ended with an error of the program",
        ("an error in the software", "a damaged file on the board"),
        _REPORT,
    ),
    "supply_lost": (
        "The last run ended with its supply gone",
        ("a loose connector of key or 12 V", "the 2 A fuse", "the 12 V battery was taken off"),
        "Wiggle J1 with the key on: the lamp must not flicker. J1-1: 12 V all the time.",
    ),
    "service_failed": (
        "A part of the board's slow half failed and was switched off",
        ("an error in the software", "a damaged file on the board"),
        "Turn the key off and on. " + _REPORT,
    ),
    "parameters_lost": (
        "The stored parameters cannot be read; the car has its defaults",
        ("the flash is worn or damaged", "the supply went again and again while saving"),
        "`lsev params diff`, and compare with the car's papers or a dump; "
        "`lsev params restore FILE`.",
    ),
    "parameters_conflict": (
        "A parameter was refused, or two do not fit together",
        ("the last change", "a dump of another vehicle or version"),
        "`lsev params diff`: look at what was changed last.",
    ),
    "records_lost": (
        "Stored records cannot be read: odometer, charge or history",
        ("the flash is worn or damaged", "the supply went while saving"),
        "Look at odometer and state of charge; they may be behind.",
    ),
    "records_not_written": (
        "Records could not be written",
        ("the board's file system is full", "the flash is worn"),
        "`lsev report`, then free space: delete files that do not belong to the firmware.",
    ),
    "wrong_pack": (
        "Plugged in, this is not the pack of the parameters",
        (
            "a pack of other cells or chemistry was fitted",
            "cell_count or chemistry is wrong",
            "a block is missing, dead or bridged",
            "a pack that this car never charged is empty",
        ),
        "Pack voltage at rest divided by cell_count: lead 1.93 to 2.25 V, LFP 3.0 to 3.45 V. "
        "An empty pack that is new to the car: charge it elsewhere first. "
        "For another pack use `pack` on the console.",
    ),
    "charge_over_voltage": (
        "A charge went above the pack's hard limit",
        ("the charger is set for another pack", "cell_count is too low", "a cell is much higher"),
        "Charger's open voltage and label; voltage of each block at the end of a charge.",
    ),
    "charge_timeout": (
        "A charge took longer than it may",
        ("an old pack that takes no more", "the charger is too weak", "a load ran meanwhile"),
        "Charging current after an hour; capacity_mah against the pack's label.",
    ),
    "charge_ah_limit": (
        "More charge went into the pack than it can miss",
        ("capacity_mah is too low", "a cell is shorted", "a leak past the pack"),
        "Rest an hour, measure each block: a 12 V block below 12.4 V after a charge is bad.",
    ),
    "thermal_runaway": (
        "The current rose at constant voltage, or the battery heated while charging",
        ("an old lead block that overheats", "a shorted cell", "charging in great heat"),
        "Unplug and let it cool in the open air. Then test each block; do not charge a hot one.",
    ),
    "cell_shorted": (
        "The pack lost the voltage of a cell",
        ("a cell of a block is shorted", "a block was taken out"),
        "Rest an hour, measure each block: one is about 2 V below the others.",
    ),
    "deep_discharge": (
        "The pack did not come up at a small current",
        ("it stood empty for long", "a dead block", "a load stays on while charging"),
        "Measure each block while the charger runs: one that stays below 10.5 V is dead.",
    ),
    "charger_disobeys": (
        "The charger gives more than its set-points",
        (
            "its set-point wires J6-1, J6-2 are open or swapped",
            "charger_full_cv or charger_max_da is wrong",
            "the charger is broken",
        ),
        "J6-1 and J6-2 against J6-3: 0 to 5 V, 5 V is charger_full_cv and charger_max_da.",
    ),
    "charger_welded": (
        "Charge current flows although the charger's relay is open",
        (
            "the charger's relay is welded",
            "another charger is connected past it",
            "the current sensor's zero is off, or a load ended while it was first measured",
        ),
        "Unplug. If `lsev monitor` still shows a current, the zero is off: "
        "`lsev calibrate current`, and where that refuses, change the sensor. "
        "Else plug in with J4-3 off: no current may flow. "
        "If it does, change the relay.",
    ),
    "bms_lost": (
        "The BMS does not answer",
        ("its wire J2-12", "its supply", "bms_kind is wrong"),
        "J2-12 against J2-10: 3.3 V neither, 1.98 V charge, 1.34 V discharge, 1.05 V both; "
        "0 V is a short.",
    ),
    "discharge_not_permitted": (
        "The BMS forbids to drive",
        (
            "the pack is empty",
            "a cell is low",
            "the pack is too cold or hot",
            "the BMS's own lock",
        ),
        "Charge, then read the BMS's own display or app: cell voltages and its alarms.",
    ),
    "pack_unconfirmed": (
        "Another pack was announced and has not been checked",
        ("the car was not plugged in since",),
        "Plug in: the check takes a minute.",
    ),
}
