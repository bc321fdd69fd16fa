"""One file, one recommender. None imports another."""
