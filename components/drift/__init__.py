"""Step `drift`."""
