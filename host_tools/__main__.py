"""`python -m host_tools` is `lsev`."""

import sys

from host_tools.cli import main

sys.exit(main())
