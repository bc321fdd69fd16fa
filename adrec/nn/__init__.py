"""Parts of networks. They know no recommender."""
