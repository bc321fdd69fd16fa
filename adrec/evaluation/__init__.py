"""How good is a recommender, for whom, and how sure is that?"""
