"""Step `validate`."""
