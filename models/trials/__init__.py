"""Rung 5: experiments, designed and scored."""
