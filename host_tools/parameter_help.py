"""Parameter help: one plain sentence for each parameter and each rule between them.

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
    "charger_kind": "Charger under control: 0 none, 1 on a relay with its own curve, 2 set-point.",
    "charger_max_da": "Highest current of the charger; a set-point charger gives it at 5 V.",
    "charger_full_cv": "Voltage that a set-point charger gives at 5 V on its voltage input.",
    "mains_v": "Voltage of the socket; with mains_max_da it limits the charging current.",
    "mains_max_da": "Highest current that the charger may take from the socket.",
    "bms_kind": "BMS fitted: 0 none (lithium is then not charged), 1 two contacts, 2 cell data.",
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
_BOARD_SAYS = re.compile(r"\brule (\w+) broken")


def explain(message: str) -> str:
    """Return an error's text with the sentence of every broken rule that it names, a line each."""
    _, found, slugs = message.partition(_RULES_BROKEN)
    named = re.findall(r"\w+", slugs) if found else _BOARD_SAYS.findall(message)
    return message + "".join(f"\n  {slug}: {RULES[slug]}" for slug in named if slug in RULES)
