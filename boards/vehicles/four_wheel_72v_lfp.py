"""Four-wheeler, 24 LFP cells of 100 Ah, 72 V class, with regeneration: 35 mph, cap 56 km/h."""

PARAMETERS = {
    "speed_cap_kmh": 56,
    "wheel_circumference_mm": 1595,
    "pulses_per_turn": 24,
    "wheel_force_n": 1700,
    "laden_mass_kg": 650,
    "torque_rise_permille_s": 1200,
    "regen_max_permille": 400,
    "coast_regen_permille": 80,
    "chemistry": 3,
    "cell_count": 24,
    "capacity_mah": 100000,
    "discharge_max_da": 1800,
    "charge_max_da": 800,
    "pack_resistance_mohm": 25,
    "stall_power_w": 1600,
    "consumption_wh_km": 75,
    "charger_kind": 2,
    "charger_max_da": 300,
    "bms_kind": 1,
}
