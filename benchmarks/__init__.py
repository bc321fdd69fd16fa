"""The evidence: each module is a command that prints a table and writes JSON into `benchmarks/results`."""
