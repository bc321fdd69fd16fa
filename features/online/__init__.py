"""The online stores, and what both of them promise."""
