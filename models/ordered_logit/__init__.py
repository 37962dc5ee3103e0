"""Rung 2: the rank-ordered (exploded, Plackett-Luce) logit."""
