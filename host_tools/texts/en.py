"""Words in English: reasons, limiters, modes, charge phases and causes, and the tools' own words.

docs.py puts those of the firmware's tables into README.md.
"""

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
    "bms": "The BMS does not permit discharge, or does not answer.",
}

MODES = {
    "SELFTEST": "The controller reads all its sensors for the first time.",
    "OFF": "The car is off: the contactor is open.",
    "PRECHARGE": "The bus is being charged before the contactor closes.",
    "READY": "The contactor is closed and no direction is engaged.",
    "DRIVE": "A direction is engaged: the pedal drives the car.",
    "CHARGE": "The car is plugged in and the contactor is open.",
    "SERVICE": "A person tests or calibrates: the car does not drive.",
    "FAULT": "A fault stops the car.",
}

CLASSES = {
    "STOP": "the car does not drive",
    "CRAWL": "the car only crawls",
    "DERATE": "the car has less power",
    "WARN": "the car drives; only a warning",
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
    "charging": "The pack is being charged.",
    "charged": "The charge is over: the pack is full, or at its target.",
}

PHASES = {
    "OFF": "Not plugged in, or something forbids even to begin.",
    "CHECK": "The relay stays open while the resting pack is checked.",
    "PRECHARGE": "A deeply discharged pack gets a small current until it has come up.",
    "BULK": "The full current that pack, charger, socket, temperature and BMS allow.",
    "ABSORB": "The voltage is held while the current falls to its tail.",
    "EQUALIZE": "A flooded pack is overcharged gently, once, because a person armed it.",
    "FLOAT": "A full lead pack rests and is then held at a low voltage.",
    "BALANCE": "The voltage is held while the BMS lowers the highest cells.",
    "FULL": "The pack is full or at its target and rests until it has come down.",
    "PAUSE": "Something hinders: ten minutes at least, and until that is over.",
    "FAULT": "A fault is latched, over power cuts too, until a person clears it.",
}

CAUSES = {
    "nothing": "Nothing hinders the charge.",
    "unplugged": "The plug is out, the contactor closed or the car not in mode CHARGE.",
    "no_charger": "No charger is under control: charger_kind is 0.",
    "no_bms": "Lithium is not charged without a BMS, for pack voltage cannot see one high cell.",
    "parameters_broken": "Parameters do not fit together, or changed and wait for the restart.",
    "checking": "The resting pack is being measured.",
    "wrong_pack": "A resting cell cannot have this voltage, or the BMS counts other cells.",
    "too_cold": "The battery is too cold to be charged, and must first be well warmer.",
    "too_hot": "The battery is too hot to be charged, and must first be well cooler.",
    "sensor_lost": "Voltage, current or, with lithium, temperature cannot be believed.",
    "bms_refuses": "The BMS does not permit a charge, or does not answer.",
    "no_current": "The charger is on and no current flows: the mains, the charger or its relay.",
    "voltage_high": "A charger with its own curve goes above what the pack may have.",
    "current_high": "A charger with its own curve gives more than the pack may take now.",
    "scheduled": "The charge waits, so that it ends at the time that a person asked for.",
    "target_reached": "The state of charge that a person asked for is reached.",
    "full": "The pack is full.",
    "fault": "A fault is latched.",
}

UI = {
    "unknown_name": "This lsev does not know the name: its version is older than the firmware.",
    # What is wrong.
    "headline": "{dtc} {title}: {effect}.",
    "headline_more": " And {count} more.",
    "none_active": "No fault is active; {count} stored.",
    "no_fault": "No fault is active, none is stored.",
    "device": "{vehicle}, firmware {version} on {board}, id {number}",
    "drives": "It drives.",
    "does_not_drive": "It does not drive:",
    "needs": "; needs ",
    "active_now": "Active now",
    "was_there": "Was there and is stored",
    "was_cleared": "Cleared, but permanent until the car was driven without it",
    "fault_head": "{dtc} {title}: {effect} ({name}, blink code {code})",
    "causes": "causes",
    "measure": "measure",
    "ends": "ends",
    "seen": "seen",
    "times_seen": "{count} x, operating time {first} to {last}",
    "hours": "{time} h",
    "seconds": "{time} s",
    "in_cycle": "{moment} (key cycle {cycle})",
    "permanent": "permanent; clean drives so far: {passes}",
    # Clearing.
    "ask_clear": "Clear the faults on the board ({count})? [y/N]",
    "yes_words": "y yes",
    "not_cleared": "Nothing was cleared.",
    "all_cleared": "Faults cleared: {count}. None came back.",
    "still_there": "Faults that came back at once, because their cause is still there: {count}.",
    # The report.
    "report_saved": "Report saved in {path}.",
    "report_made": "Report made at {time} with lsev. It contains no keys.",
    "not_answered": "(no answer: {reason})",
    "section_identity": "Controller",
    "section_status": "Status",
    "section_history": "History of faults",
    "section_inputs": "Inputs",
    "section_parameters": "Parameters that differ from the default",
    "section_changes": "Last changes of parameters",
    "section_stats": "Counters",
    "section_log": "Last events",
    "section_frame": "Freeze frame of {dtc} {name}",
    # Parameters.
    "staged": "staged: {text}",
    "saved": "Parameters saved: {count}; in use after a restart (`lsev params set --reboot`, or "
    "key off and on).",
    "restarting": "The board restarts with them.",
    "nothing_changed": "Nothing was changed: {reason}",
    "dumped": "Parameters written to {path}: {count}.",
    "same": "No parameter differs.",
    "backup": "What was set before is in {path}.",
    "ask_restore": "Restore the parameters of {path} ({count})? [y/N]",
    # Calibration and recording.
    "press_enter": "Press Enter when that is done, q and Enter to stop.",
    "ask_accept": "Press Enter to take it over, q and Enter to stop.",
    "ask_metres": "Drive the measured distance and stop; then type the metres, or q to stop:",
    "before_pedal": "Park, selector in neutral, nobody touches pedal or brake.",
    "before_brake": "Park, selector in neutral, nobody touches pedal or brake.",
    "before_current": "Park, key off, charger unplugged, lights and heater off.",
    "before_wheel": "Measure a straight of at least 50 m (100 m is better) and stand at its "
    "beginning. Tyres at their right pressure.",
    "stopped": "Stopped; the old calibration is kept.",
    "calibrated": "Done. To undo it: `lsev calibrate {what} --undo`.",
    "undone": "The values from before are back.",
    "recorded": "Rows written to {path}: {count}.",
    "exported": "Rows written to {path}: {count}.",
    "cut_off": "The last line of the recording is cut off and was left out.",
}
