"""Simulated posts of several domains over some weeks: shocks of days and weeks, and effects of the time if wanted."""

from __future__ import annotations

import numpy as np

from models.best_time.design import CELLS, PARTS, WEEKDAYS, cells

MONDAY_HOUR = (7 * 2900 - 3) * 24  # the first hour of a Monday, in hours since 1970


def world(rng, n=200, weeks=8, domains=8, effects=None, day_sd=0.5, week_sd=0.5, noise=1.0, habit=False):
    """Outcome, hour, domain and cell of n posts; with `habit`, each domain publishes at hours of its own."""
    domain, day = rng.integers(0, domains, n), rng.integers(0, 7 * weeks, n)
    hour = np.clip(rng.normal(12, 4, n), 0, 23).astype(int)
    if habit:
        hour = (3 * domain + rng.integers(0, 3, n)) % 24
    at = MONDAY_HOUR + 24 * day + hour
    shocks = (rng.normal(0, s, size) for s, size in ((day_sd, 7 * weeks), (week_sd, weeks), (1.0, domains)))
    of_day, of_week, of_domain = shocks
    cell = cells(at)
    effect = np.zeros(CELLS) if effects is None else effects
    y = effect[cell] + of_day[day] + of_week[day // 7] + of_domain[domain] + rng.normal(0, noise, n)
    return y, at, domain, cell


def some_effects(rng, spread=0.3):
    """Effects (CELLS,) of weekdays, of parts of the day and of both together."""
    of_weekday, of_part = rng.normal(0, spread, (WEEKDAYS, 1)), rng.normal(0, spread, (1, PARTS))
    return (of_weekday + of_part).ravel() + rng.normal(0, spread / 3, CELLS)
