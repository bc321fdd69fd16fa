"""How is a recommender trained?"""
