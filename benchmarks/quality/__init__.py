"""How good are the recommenders?"""
