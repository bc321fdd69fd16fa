"""The feature store: a Feast repository, and the few functions that read and append histories."""
