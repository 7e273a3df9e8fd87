"""Integer arithmetic of the loop: rounding that is chosen and the same for both signs.

Everything here expects and returns integers below 2**30 in magnitude; the
caller states the budget of a product that comes near it.
"""


def clamp(value: int, low: int, high: int) -> int:
    """Return value, not below low and not above high."""
    if value < low:
        return low
    if value > high:
        return high
    return value


def div_round(dividend: int, divisor: int) -> int:
    """Divide and round half away from zero, the same for both signs; divisor > 0."""
    half = divisor >> 1
    if dividend >= 0:
        return (dividend + half) // divisor
    return -((half - dividend) // divisor)


def lerp(x: int, table: "tuple[int, ...]") -> int:
    """Interpolate in a flat table (x0, y0, x1, y1, ...) with rising x; flat beyond its ends.

    Every (x - x0) * (y1 - y0) of a table stays below 2**30.
    """
    if x <= table[0]:
        return table[1]
    last = len(table) - 2
    if x >= table[last]:
        return table[last + 1]
    i = 2
    middle = last >> 2 << 1
    if x > table[middle]:
        i = middle + 2
    while x > table[i]:
        i += 2
    x0 = table[i - 2]
    y0 = table[i - 1]
    span = table[i] - x0
    rise = (x - x0) * (table[i + 1] - y0)
    # div_round, without the call
    if rise >= 0:
        return y0 + (rise + (span >> 1)) // span
    return y0 - ((span >> 1) - rise) // span
