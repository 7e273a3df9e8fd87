"""Tools on the desktop: the lsev command."""
