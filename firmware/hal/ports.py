"""The contract between the loop and whatever carries it: a board, or a simulated car.

A port is any object with these methods. read and write run inside the tick, under
heap_lock: they allocate nothing and raise nothing.

read(raw)
    Fills every field of a vcu.signals.Raw. An analog value is in counts of
    1 mV at the ADC pin, -1 when the read failed. One slow channel per call,
    in the order of vcu.signals.SLOW_ORDER, named in raw.slow_index; it was chosen
    a tick before, and the throttle that it reads back is the one of the last
    write. Flags are 1 for pressed, plugged, on. An open wire reads as the state in
    which the car does less: key off, plug in, brake pressed, no gear, and enable
    line on, which is a fault. Motor pulses are 0 where no second source of speed
    is fitted. The pulse count and the stamp of the newest edge are taken at the
    same instant, before the analog reads, because those cost 60 us each.

sample()
    Called between two ticks, 0.5 to 4.5 ms before the next, another time for each: a
    board without stamps remembers the pulse count and the time. Ticks alone would
    sample the wheel at 100 Hz, and at two pulses a tick a change of speed would stay
    unseen for half a second.

write(out)
    Drives every field of a vcu.signals.Outputs. Order: outputs that take
    energy away first, then those that add it, so that the charger is off before
    anything is enabled; without the guard's consent its pin goes low before all
    others. A part that is not fitted is a pin object that
    accepts its value and does nothing.

heartbeat()
    Toggles the pin that keeps the enable line, the coils and the charger relay
    up. Called after a good tick in which out.heartbeat is 1, and only then.

stop()
    Every output to its safe level, the throttle first; nothing toggles. May be called at any
    time, twice, and from an exception handler.
"""
