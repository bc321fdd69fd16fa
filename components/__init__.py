"""The steps of the pipeline, one file each: read paths, call the recommender, write paths."""
