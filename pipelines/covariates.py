"""What else is known of pages (links, authority, age, length), beside each result as of its day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.lake import Lake
from pipelines.lists import Lists

COVERED = 0.8  # a covariate known for a smaller share of the results is left out
SKEWED = 20  # largest value over the median, from which on a logarithm is taken


def covariates(lake: Lake, lists: Lists) -> Mapping[str, NDArray[np.float64]]:
    """Every covariate (n,) of the found results by name: its last value at or before the list's day, else NaN."""
    with lake.connect("page_covariates") as con:
        rows = con.execute(
            "SELECT name, page_key, covariate_day, value FROM page_covariates ORDER BY name, page_key, covariate_day"
        ).fetchnumpy()
    names = np.asarray(rows["name"]).astype(str)
    return {
        str(name): _as_of({key: np.asarray(column)[names == name] for key, column in rows.items()}, lists)
        for name in np.unique(names)
    }


def _as_of(rows: dict[str, NDArray[Any]], lists: Lists) -> NDArray[np.float64]:
    pages, page = np.unique(rows["page_key"].astype(str), return_inverse=True)
    mine = np.searchsorted(pages, lists.page_key.astype(str))
    is_known = (mine < pages.size) & (pages[np.minimum(mine, pages.size - 1)] == lists.page_key.astype(str))
    day = rows["covariate_day"].astype("datetime64[D]").astype(np.int64)
    # one number per page and day, so that one search finds the last value of the page
    at = np.searchsorted(page * 10**6 + day, mine * 10**6 + lists.ranked_day.astype(np.int64), "right") - 1
    at = np.where(is_known, at, -1)
    fits = (at >= 0) & (page[np.maximum(at, 0)] == mine)
    return np.where(fits, rows["value"].astype(np.float64)[np.maximum(at, 0)], np.nan)


def usable(found: Mapping[str, NDArray[np.float64]], known: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """The covariates that are known for enough of the `known` rows (n,), skewed ones as log2(1 + value)."""
    kept = {n: x for n, x in found.items() if known.any() and np.isfinite(x[known]).mean() >= COVERED}
    return {name: _straightened(x) for name, x in kept.items()}


def _straightened(x: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = x[np.isfinite(x)]
    is_skewed = seen.min() >= 0 and seen.max() > SKEWED * max(float(np.median(seen)), 1.0)
    return np.log2(1.0 + x) if is_skewed else x
