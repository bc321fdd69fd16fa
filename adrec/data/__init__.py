"""Interactions, histories, splits: what every later step reads. No torch."""
