"""The simulated cars behind the vehicle presets: what the controller's parameters cannot say."""

from sim.plant.car import CarData
from sim.vehicle import VehicleError

CARS = {
    "three_wheel_48v_flooded": CarData(
        mass_kg=430.0,
        wheel_circumference_m=1.290,
        drag_area_m2=0.8,
        force_n=800.0,
        battery_limit_a=75.0,
        no_load_mps=16.5,
        nominal_v=48.0,
        copper_loss_w=600.0,
    ),
    "four_wheel_60v_agm": CarData(
        mass_kg=600.0,
        wheel_circumference_m=1.595,
        drag_area_m2=0.9,
        force_n=1250.0,
        battery_limit_a=130.0,
        no_load_mps=18.0,
        nominal_v=60.0,
        copper_loss_w=1000.0,
    ),
    "four_wheel_72v_lfp": CarData(
        mass_kg=650.0,
        wheel_circumference_m=1.595,
        drag_area_m2=0.9,
        force_n=1700.0,
        battery_limit_a=200.0,
        regen_force_n=1100.0,
        no_load_mps=22.0,
        nominal_v=76.0,
        copper_loss_w=1300.0,
    ),
}


def find_car(vehicle_name: str) -> CarData:
    """Return the car behind a vehicle; VehicleError says where it is missing."""
    car = CARS.get(vehicle_name)
    if car is None:
        raise VehicleError(f"{vehicle_name} has no physical car; add it to sim/plant/cars.py")
    return car
