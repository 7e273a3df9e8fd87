"""Four-wheeler, five 12 V 100 Ah AGM blocks, 60 V: EU L6e, cap 45 km/h."""

PARAMETERS = {
    "speed_cap_kmh": 45,
    "wheel_circumference_mm": 1595,
    "pulses_per_turn": 24,
    "wheel_force_n": 1250,
    "laden_mass_kg": 600,
    "torque_rise_permille_s": 1200,
    "chemistry": 1,
    "cell_count": 30,
    "capacity_mah": 100000,
    "discharge_max_da": 1200,
    "charge_max_da": 200,
    "pack_resistance_mohm": 60,
    "stall_power_w": 1300,
    "consumption_wh_km": 65,
    "charger_kind": 2,
    "charger_max_da": 150,
}
