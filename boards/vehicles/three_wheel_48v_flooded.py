"""Three-wheeler, four 12 V 100 Ah flooded blocks, 48 V: the city rule, cap 40 km/h."""

PARAMETERS = {
    "speed_cap_kmh": 40,
    "wheel_circumference_mm": 1290,
    "pulses_per_turn": 24,
    "wheel_force_n": 800,
    "laden_mass_kg": 430,
    "torque_rise_permille_s": 1000,
    "chemistry": 0,
    "cell_count": 24,
    "capacity_mah": 100000,
    "discharge_max_da": 700,
    "charge_max_da": 130,
    "pack_resistance_mohm": 55,
    "stall_power_w": 900,
    "consumption_wh_km": 50,
    "charger_kind": 1,
    "charger_max_da": 120,
}
