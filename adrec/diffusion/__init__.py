"""Parts of diffusion models. They know no recommender."""
