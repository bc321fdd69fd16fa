"""Great Expectations, for the steps that check data."""
