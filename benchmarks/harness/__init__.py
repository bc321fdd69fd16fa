"""What benchmarks share: the protocol, sweeps, kept results."""
