"""Physical models: floats and SI units."""
