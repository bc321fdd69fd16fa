"""How fast is the software? Always a ratio of two things timed in one run."""
