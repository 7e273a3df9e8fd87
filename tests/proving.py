"""Whether the full counts are run: LSEV_PROVE=1, as `make prove` sets it; else a stated sample."""

import os

from hypothesis import HealthCheck, Phase, settings

PROVE = bool(os.environ.get("LSEV_PROVE"))


def generated(examples: int) -> settings:
    """Have so many examples generated, the same ones each time in the sample; none is kept."""
    return settings(
        max_examples=examples,
        derandomize=not PROVE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
