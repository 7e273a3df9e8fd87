"""Help texts: one plain sentence for each row of the tables that the firmware runs.

They live here and not beside the rows, to keep them out of the board's RAM. A
test compares the keys with the tables.
"""

import re

PARAMETERS = {
    "speed_cap_kmh": "Legal top speed; the car stays at or below it unless the road pushes it.",
    "reverse_cap_kmh": "Top speed in reverse.",
    "reverse_torque_permille": "Share of full torque that reverse gets.",
    "wheel_circumference_mm": (
        "Way per turn of the sensed wheel; too small lets the car go too fast."
    ),
    "pulses_per_turn": (
        "Speed sensor pulses per turn of that wheel; too many lets the car go too fast."
    ),
    "wheel_force_n": "Force of all driven wheels together at full throttle from standstill.",
    "laden_mass_kg": (
        "Mass of the car with its usual load; where the learning of its acceleration starts."
    ),
    "motor_lag_ms": (
        "Time constant of the motor controller behind its throttle; too short trips the guard."
    ),
    "pedal_channels": "Pedal sensors fitted: 2, or 1 without a second opinion.",
    "pedal_a_released_counts": "Reading of pedal channel A with the pedal released.",
    "pedal_a_pressed_counts": "Reading of pedal channel A with the pedal fully pressed.",
    "pedal_b_released_counts": "Reading of pedal channel B with the pedal released.",
    "pedal_b_pressed_counts": "Reading of pedal channel B with the pedal fully pressed.",
    "pedal_slack_counts": "How far outside its end points a channel is still believed.",
    "pedal_deadband_permille": "Travel at the start of the pedal that asks for no torque.",
    "pedal_curve_permille": (
        "Shape of the pedal: 0 is linear, 1000 is square and gentlest at the start."
    ),
    "torque_rise_permille_s": "How fast torque may rise.",
    "torque_fall_permille_s": (
        "How fast torque falls when the pedal is released; the brake cuts it at once."
    ),
    "regen_max_permille": (
        "Most regenerative braking ever asked; 0 where the motor controller has none."
    ),
    "coast_regen_permille": "Regenerative braking with the pedal released.",
    "throttle_zero_mv": "Throttle voltage at the motor controller that asks for nothing.",
    "throttle_start_mv": "Throttle voltage at which the motor begins to pull.",
    "throttle_full_mv": "Throttle voltage that asks for full torque.",
    "chemistry": "Kind of battery: 0 flooded lead, 1 AGM, 2 gel, 3 LFP, 4 NMC.",
    "cell_count": "Cells in series; a 12 V lead block has 6.",
    "capacity_mah": "Rated capacity of the pack; for lead the 20-hour figure.",
    "discharge_max_da": "Highest current that driving may take out of the pack.",
    "charge_max_da": "Highest current that charging and regeneration may put into the pack.",
    "pack_resistance_mohm": (
        "Resistance of the pack with its cables; where the learning of it starts."
    ),
    "pack_a_zero_counts": "Reading of the current sensor at no current.",
    "soc_derate_permille": "Below this state of charge torque is lowered step by step.",
    "soc_turtle_permille": "At and below this state of charge only the turtle torque is left.",
    "turtle_torque_permille": "Share of full torque that a nearly empty pack still gives.",
    "consumption_wh_km": "Energy per kilometre that the range estimate starts with.",
    "motor_hot_ddegc": "Motor temperature above which torque is lowered.",
    "motor_stop_ddegc": "Motor temperature at which no torque is left.",
    "controller_hot_ddegc": "Motor controller temperature above which torque is lowered.",
    "controller_stop_ddegc": "Motor controller temperature at which no torque is left.",
    "precharge_diff_cv": "The contactor closes when the bus is this close to pack voltage.",
    "precharge_timeout_ms": "A pre-charge that takes longer than this has failed.",
    "precharge_tries": "Failed pre-charges in a row that count as a broken circuit.",
    "precharge_cooldown_ms": "Rest of the pre-charge resistor after a failed try.",
    "weld_check_ms": "A bus that stays at pack voltage this long means a welded contactor.",
    "contactor_open_da": "The contactor opens as soon as the current is below this.",
    "learner_on": "1 drives with the learner's cap and gentle torque, 0 without.",
    "learner_cap_kmh": "Top speed with the learner mode on.",
    "learner_rise_permille_s": "How fast torque may rise with the learner mode on.",
    "walk_cap_kmh": "Speed left after a stab at the pedal, until it has been released.",
    "stab_ms": "A pedal that goes from 10 to 90 % within this time was stabbed; 0 turns it off.",
    "stab_below_kmh": "A stab counts only below this speed; 0 turns it off.",
    "braked_pedal_permille": (
        "A pedal pressed further than this with the brake on is a mistake; 1001 turns it off."
    ),
    "rolling_warn_kmh": "Rolling faster than this in neutral with the key on is warned of.",
    "crawl_cap_kmh": "Top speed while a fault makes the car crawl.",
    "crawl_torque_permille": "Most torque while crawling without a speed that can be believed.",
    "crawl_power_w": "Most power out of the pack while crawling without a speed.",
    "stall_power_w": "Power that full torque takes out of the pack with the wheels held still.",
    "idle_power_w": "Power that the car takes at most when nobody asks for torque.",
    "motor_pulses_per_turn": (
        "Motor hall pulses per turn of the sensed wheel, a second source of speed; 0 is none."
    ),
}

LIMITERS = {
    "none": "Nothing: the wheels get what the pedal asks.",
    "reverse_torque": "Reverse gets a share of full torque only.",
    "pack_low_voltage": "The pack is nearly empty or sags too low under load.",
    "pack_current": "The pack gives its highest allowed current.",
    "battery_temp": "The battery is too cold or too hot, or its sensor is broken.",
    "motor_temp": "The motor is hot, or its sensor is broken.",
    "controller_temp": "The motor controller is hot, or its sensor is broken.",
    "state_of_charge": "The state of charge is low.",
    "regen_charge": "The pack cannot take more charge from regenerative braking.",
    "slew": "Torque rises or falls at its set rate.",
    "speed_cap": "The car is at its top speed.",
    "learner": "The car is at the learner's top speed.",
    "walk": "The pedal was stabbed or pressed with the brake: walking speed until it is released.",
    "crawl": "A fault makes the car crawl.",
}

REASONS = {
    "self_test_running": "The controller has not read all its sensors yet.",
    "fault_stops_the_car": "A fault that stops the car is active; its number blinks.",
    "parameters_broken": "A parameter was refused, or two do not fit together.",
    "contactor_failed": "Contactor or pre-charge has failed; turn the key off to try again.",
    "pack_not_readable": "Pack voltage, bus voltage or pack current cannot be read.",
    "plugged_in": "The charge plug is in, or its wire is open.",
    "key_off": "The key is off.",
    "service": "The controller is in service mode.",
    "testing_shutoff": "What switches traction off is being tested, as at every key-on.",
    "precharging": "The bus capacitors are being charged before the contactor closes.",
    "precharge_cooling_down": (
        "The pre-charge resistor rests after a try that failed or was broken off."
    ),
    "pedal_not_readable": "A pedal channel reads outside its range.",
    "pedal_fault_until_released": (
        "A pedal channel was found wrong: no torque until the pedal has been released."
    ),
    "gear_conflict": "Forward and reverse are selected at once.",
    "gear_not_seen_in_neutral": "The gear has not been in neutral since the contactor closed.",
    "pedal_not_seen_released": "The pedal has not been released since the contactor closed.",
    "gear_neutral": "The gear is in neutral.",
    "moving_or_pedal_pressed": (
        "A direction engages only with the pedal released and the car slow."
    ),
    "brake_pressed": "The brake is pressed, or its wire is open.",
    "torque_limited_to_zero": "The pedal asks, but a limiter leaves nothing.",
    "pedal_released": "The pedal is released.",
}

# Of several that hold, the first in the table is shown.
PATTERNS = {
    "silent": "The key is off, or the car is starting or in service.",
    "fault_code": "A fault stops the car.",
    "overspeed": "The car is pushed more than 3 km/h above its cap.",
    "rolling": "The car rolls in neutral with the key on.",
    "crawl": "A fault makes the car crawl.",
    "walk": "Walking speed until the pedal has been released.",
    "turtle": "The state of charge is so low that only the turtle torque is left.",
    "plugged_in": "The car is plugged in, and cannot drive.",
    "ready": "The car drives, or is ready to.",
}

# What it means, and after the colon what to look at.
FAULTS = {
    "pedal_a_low": "Pedal channel A reads below its range: wire open or shorted to ground.",
    "pedal_a_high": "Pedal channel A reads above its range: short to supply, or ground open.",
    "pedal_b_low": "Pedal channel B reads below its range: wire open or shorted to ground.",
    "pedal_b_high": "Pedal channel B reads above its range: short to supply, or ground open.",
    "pedal_disagrees": (
        "The two pedal channels differ by more than 10 %: swapped wires, worn sensor, end points."
    ),
    "pedal_pressed_at_start": (
        "The pedal has been pressed since the contactor closed: a stuck pedal or its end points."
    ),
    "sensor_5v_low": "The pedal's 5 V supply is low: a short in its wiring, or the regulator.",
    "sensor_5v_high": "The pedal's 5 V supply is high: a short to 12 V, or the regulator.",
    "adc_frozen": "The converter reads the same everywhere: replace the board.",
    "pedal_stabbed": "The pedal was stabbed at walking speed: ask the driver, nothing is broken.",
    "pedal_with_brake": (
        "Pedal and brake were pressed together: ask the driver, then look at the brake switch."
    ),
    "brake_always_pressed": "The brake reads pressed all the time: its switch, or an open wire.",
    "gear_both": "Forward and reverse are selected at once: the selector or its wires.",
    "gear_while_moving": "A gear was selected while the car rolled: ask the driver.",
    "rolling_in_neutral": "The car rolled in neutral with the key on: ask the driver.",
    "overspeed": (
        "The car went faster than its cap: a slope, or the circumference and pulses are wrong."
    ),
    "speed_lost": "The motor takes power but the wheel sensor is silent: its wire, gap or magnet.",
    "speed_stopped": "The wheel sensor fell silent while rolling: a loose wire or connector.",
    "speed_erratic": (
        "The wheel sensor changes faster than a car can: a loose wire, a bent or missing tooth."
    ),
    "speed_sources_differ": (
        "Wheel and motor sensor tell different speeds: either sensor, or the pulses per turn."
    ),
    "unintended_drive": (
        "The car drove or drew power unasked: throttle wire, motor controller, idle_power_w."
    ),
    "guard_torque": "More torque was commanded than the pedal asks: replace the board.",
    "guard_speed": "Torque was commanded above the speed cap: replace the board.",
    "guard_conflict": (
        "Torque was commanded against brake, plug, key or selector: a loose wire, or the board."
    ),
    "guard_data": "The guard's own copies were corrupted: replace the board.",
    "throttle_high": "The throttle output is above what was commanded: short to supply, or board.",
    "throttle_low": "The throttle output is below what was commanded: short to ground, or board.",
    "enable_stuck_on": "The enable line stays high when it must be low: a short, or its gate.",
    "enable_stuck_off": (
        "The enable line stays low when it should be high: a short, its gate or the heartbeat."
    ),
    "shutoff_test_failed": (
        "One way of switching traction off failed at key-on: the enable gates and the heartbeat."
    ),
    "torque_not_delivered": (
        "Torque is asked but no current flows: motor controller, its fuse, enable and throttle."
    ),
    "pack_voltage_low": "The pack is below its lowest voltage: charge it, then look at its cells.",
    "pack_voltage_high": "The pack is above its highest voltage: charger, cell_count.",
    "pack_v_sensor_low": "Pack voltage reads none: the fuse, the sense wire or the divider.",
    "pack_v_sensor_high": "Pack voltage reads beyond its range: the divider.",
    "bus_v_sensor": "Bus voltage cannot be read: the sense wire or the divider.",
    "pack_a_sensor_low": "The current sensor reads below its range: wire, supply or sensor.",
    "pack_a_sensor_high": "The current sensor reads above its range: wire, supply or sensor.",
    "pack_a_sensor_stuck": (
        "The car moved under torque but no current was measured: the current sensor."
    ),
    "discharge_over_current": (
        "Driving took more current than allowed: motor controller's limit, discharge_max_da."
    ),
    "charge_over_current": (
        "Charging or regeneration gave more current than allowed: charger, charge_max_da."
    ),
    "battery_sensor_low": "The battery's temperature sensor is shorted: its wire.",
    "battery_sensor_high": "The battery's temperature sensor is open: its wire or connector.",
    "battery_too_hot": "The battery is too hot to drive: let it cool, look at load and cells.",
    "battery_too_cold": "The battery is too cold for its full current: let it warm up.",
    "motor_sensor": "The motor's temperature sensor is open or shorted: its wire or connector.",
    "motor_too_hot": "The motor is too hot for any torque: let it cool, look at brakes and load.",
    "controller_sensor": (
        "The motor controller's temperature sensor is open or shorted: its wire or connector."
    ),
    "controller_too_hot": (
        "The motor controller is too hot for any torque: let it cool, look at fan and cooler."
    ),
    "charge_low": "The pack is nearly empty: charge it.",
    "contactor_welded": "The bus has voltage with the contactor open: replace the contactor.",
    "contactor_stuck_open": (
        "The bus lost the pack's voltage with the contactor closed: coil, contacts or fuse."
    ),
    "precharge_failed": (
        "The bus did not reach pack voltage: pre-charge resistor, its relay, a load."
    ),
    "rail_low": "The 12 V supply is low: DC-DC converter or 12 V battery.",
    "rail_high": "The 12 V supply is high: DC-DC converter.",
    "adc_reference": "A reference of the converter reads wrong: the board's supply, or the board.",
    "tick_late": "A tick of the controller came too late: note what it did, and report.",
    "reset_by_watchdog": "The last run ended with a hung program: report it with the log.",
    "reset_by_exception": "The last run ended with a program error: report it with the log.",
    "supply_lost": "The last run ended with its supply gone: key wiring, 12 V, loose connectors.",
    "service_failed": "A part of the service half failed: restart, then report it with the log.",
    "parameters_lost": "The stored parameters cannot be read: check them, then clear to confirm.",
    "parameters_conflict": "Parameters were refused or do not fit together: undo the last change.",
    "records_lost": "Stored records cannot be read: check odometer and charge, then clear.",
    "records_not_written": "Records could not be written: a full or worn flash.",
}

RULES = {
    "pedal_a_span": "The two end points of pedal channel A must lie at least 200 counts apart.",
    "pedal_b_span": "The two end points of pedal channel B must lie at least 200 counts apart.",
    "pedal_slopes": (
        "The channels must differ in travel by 150 counts, or a short between them is not seen."
    ),
    "throttle_order": (
        "The throttle voltages must rise: throttle_zero_mv, throttle_start_mv, throttle_full_mv."
    ),
    "regen_charge": (
        "With regen_max_permille above 0, charge_max_da must be above 0: it charges the pack."
    ),
    "coast_regen": "coast_regen_permille may not be above regen_max_permille.",
    "soc_order": "soc_turtle_permille must be below soc_derate_permille.",
    "motor_temp": "motor_hot_ddegc must be below motor_stop_ddegc.",
    "controller_temp": "controller_hot_ddegc must be below controller_stop_ddegc.",
    "pack_range": (
        "Fully charged the pack must stay within 100 V: fewer cells, or another chemistry."
    ),
}

_RULES_BROKEN = "do not fit together: "


def explain(message: str) -> str:
    """Return an error's text with the sentence of every broken rule that it names, a line each."""
    _, found, slugs = message.partition(_RULES_BROKEN)
    if not found:
        return message
    named = re.findall(r"\w+", slugs)
    return message + "".join(f"\n  {slug}: {RULES[slug]}" for slug in named if slug in RULES)
