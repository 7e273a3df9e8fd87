"""Whether the full counts are run: LSEV_PROVE=1, as `make prove` sets it; else a stated sample."""

import os

PROVE = bool(os.environ.get("LSEV_PROVE"))
