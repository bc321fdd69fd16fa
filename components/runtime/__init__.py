"""How a step runs: by name, in several processes, without telemetry."""
