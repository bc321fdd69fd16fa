"""The service: a BentoML service, its request and answer, and a small client."""
