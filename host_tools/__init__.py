"""Tools on the desktop: the lsev command. They read the tables that the firmware runs."""

import sim as sim  # which puts the firmware's folder on the import path
