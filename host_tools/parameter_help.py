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
    "motor_lag_ms": "Time constant with which the motor controller follows its throttle voltage.",
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
}

REASONS = {
    "self_test_running": "The controller has not read all its sensors yet.",
    "parameters_broken": "A parameter was refused, or two do not fit together.",
    "contactor_failed": "Contactor or pre-charge has failed; turn the key off to try again.",
    "pack_not_readable": "Pack voltage, bus voltage or pack current cannot be read.",
    "plugged_in": "The charge plug is in, or its wire is open.",
    "key_off": "The key is off.",
    "service": "The controller is in service mode.",
    "precharging": "The bus capacitors are being charged before the contactor closes.",
    "precharge_cooling_down": (
        "The pre-charge resistor rests after a try that failed or was broken off."
    ),
    "pedal_not_readable": "A pedal channel reads outside its range.",
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
