"""Charging: from the plug to a full pack; charge.py is its owner."""
