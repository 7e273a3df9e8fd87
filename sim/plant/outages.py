"""Decides when the household socket is dead, and whether the controller is dark with it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_SHORTEST_S = 5.0


@dataclass(frozen=True)
class Outage:
    """The socket is dead from from_s for seconds; takes_controller: it had no other supply."""

    from_s: float
    seconds: float
    takes_controller: bool = True


def random_outages(
    rnd: random.Random, count: int, within_s: float, longest_s: float = 2700.0
) -> Iterator[Outage]:
    """Return count outages in order, one in each equal part of within_s, of 5 s to longest_s.

    Every second one leaves the controller alive. ValueError where they do not fit.
    """
    part_s = within_s / count
    if not _SHORTEST_S <= longest_s < part_s:
        raise ValueError(f"{count} outages of {longest_s:g} s do not fit into {within_s:g} s")
    for i in range(count):
        seconds = rnd.uniform(_SHORTEST_S, longest_s)
        begins_s = rnd.uniform(0.0, part_s - seconds)
        yield Outage(round(i * part_s + begins_s), round(seconds), i % 2 == 0)
