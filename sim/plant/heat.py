"""Decides how warm a motor or a motor controller gets: a hot core in a case in the air."""

_CORE_SHARE = 0.2  # of the heat capacity and of the resistance to the air: windings, or the
# power stage on its heat sink. Our choice; it makes a core of 90 s in a case of half an hour.
_LONGEST_STEP_S = 10.0


class Heat:
    """Two lumped nodes; temperature_c is the core, where the sensor sits and the damage starts."""

    __slots__ = (
        "_case_j_per_k",
        "_core_j_per_k",
        "_inner_w_per_k",
        "_outer_w_per_k",
        "case_c",
        "temperature_c",
    )

    def __init__(self, heat_j_per_k: float, heat_w_per_k: float, temperature_c: float) -> None:
        """Take both nodes' heat capacity and the conductance from the core to the air."""
        self._core_j_per_k = heat_j_per_k * _CORE_SHARE
        self._case_j_per_k = heat_j_per_k - self._core_j_per_k
        self._inner_w_per_k = heat_w_per_k / _CORE_SHARE
        self._outer_w_per_k = heat_w_per_k / (1.0 - _CORE_SHARE)
        self.temperature_c = temperature_c
        self.case_c = temperature_c

    def step(self, loss_w: float, dt_s: float, ambient_c: float) -> None:
        """Take loss_w into the core for dt_s (s); a long step is cut up, so none is unstable."""
        parts = int(dt_s / _LONGEST_STEP_S) + 1
        part_s = dt_s / parts
        for _ in range(parts):
            inner_w = (self.temperature_c - self.case_c) * self._inner_w_per_k
            outer_w = (self.case_c - ambient_c) * self._outer_w_per_k
            self.temperature_c += (loss_w - inner_w) * part_s / self._core_j_per_k
            self.case_c += (inner_w - outer_w) * part_s / self._case_j_per_k
