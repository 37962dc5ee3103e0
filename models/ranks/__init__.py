"""Rung 1: rank correlations inside result lists, their averages and their errors."""
