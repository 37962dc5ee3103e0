"""Do votes move before positions, or after? Distributed lags and leads, both directions on one grid.

Forward: y[k,u,t] = sum_l b_l (doublings of u's votes that arrived l days before t) + a[k,u] + d[k,t] + e, with y the
height (minus the capped position) of page u in the list of keyword k on day t. Votes that arrive after t (l < 0) are
leads: b_l for l < 0 says how positions stood *before* votes came and must be flat. b_l for l > 0 is the height l days
after votes came, both measured against days long before they came (the level that is left out). Arrivals are
increments of log2(1 + votes) between calendar days, grouped in windows; what arrived eight days ago or earlier enters
as a level, so a lasting effect is read there. a[k,u] takes away whatever is constant about a page and a keyword
(quality, links), d[k,t] whatever moved a whole list (an update, a season).

Three contrasts decide, all of the mean of b over the 14 days after: against the 7 days before, against the same day,
and against the time long before. Votes lead only if all are above 0 (or all below): a news event that brings votes and
a better position on one day moves the second to 0 or below, votes that follow positions the first, and pages that fall
back after votes came to them at their best the third. The largest p decides (an intersection-union test; Berger 1982),
so no level is spent twice.

Backward: new votes of u on day t (log2(1 + new)) on its mean height 7..1 days before, the same day and 1..7 days after,
with page and day effects. Positions lead if heights 3..1 days *before* go with new votes, and more so than those of the
*same day* and *after*.

No lagged outcome is on the right hand side, so there is no bias of Nickell's type (1/T) in the forward path. Strict
exogeneity is what it needs instead: where positions bring votes it fails, and the leads and the backward direction are
there to say so. It also fails to see any shock that moves votes first and positions days later by another way.

Source: Schmidheiny & Siegloch (2023) for the window form of event studies; Sims (1972) for leads as a test of
direction; Berger (1982) for the intersection of tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.in_time.panel import Floats, Ints, Panel, mean_known
from models.in_time.panel_regression import Contrast, Fit, agreed, counted, fixed_effects

BEFORE = {"before_4_7": 4, "before_2_3": 2, "before_1": 1}  # days in each window
AFTER = {"after_1": 1, "after_2_3": 2, "after_4_7": 4, "after_8": 7}
FIRST_DAY = {"before_4_7": -7, "before_2_3": -3, "before_1": -1, "same_day": 0} | {
    "after_1": 1,
    "after_2_3": 2,
    "after_4_7": 4,
    "after_8": 8,
}
NAMES = tuple(FIRST_DAY)
LEAD, LAG = 7, 8  # steps that must be known after and before a row
GAP = 3  # unknown days between two readings that are bridged
FOUND = 0.05  # p from which on a lag is looked for
MIN_STEPS, MIN_PAGES, MIN_KEYWORDS = 14, 20, 10


@dataclass(frozen=True, eq=False)
class Timing:
    """Both directions of one platform and verb; effects in positions per doubling of votes, positive = better.

    `path` maps each window to its contrast against the time long before. `after` is the effect in the two weeks after
    votes came, against the week before, `after_same_day` against the same day, `after_long_before` against the time
    long before; `p_forward` is two-sided and holds for all three; `sign` is +1 or -1.
    `p_leads` tests flat leads, `p_same_day` the same day against the week before, `p_backward` (one-sided) votes after
    positions. NaN is not estimable. `lag` counts the steps from votes to the jump of positions, where there is one.
    """

    path: Mapping[str, Contrast]
    after: Contrast
    after_same_day: Contrast
    after_long_before: Contrast
    same_day: Contrast
    p_forward: float
    sign: int
    p_leads: float
    p_same_day: float
    p_backward: float
    lead_share: float
    n_rows: int
    n_pages: int
    n_keywords: int
    n_steps: int
    lag: int | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a panel at which every window is known: indices (m,), terms (m,) each, and effects."""

    index: Ints
    terms: Mapping[str, Floats]
    unit: Ints
    lists: Ints


def timing(panel: Panel) -> Timing | None:
    """Both directions for one panel; None where data are too short, too few or do not vary."""
    rows = usable_rows(panel)
    if _shortage(panel, rows):
        return None
    fit = forward_fit(panel, rows)
    back = backward_fit(panel)
    if fit is None:
        return None
    found = _summary(panel, rows, fit, back)
    return replace(found, lag=lag_of(panel, rows, found.sign)) if found.p_forward < FOUND else found


def usable_rows(panel: Panel) -> Rows:
    """Rows whose votes are known from `LAG` steps before to `LEAD` steps after, on one ruler."""
    level = bridged(panel)
    steps = level.shape[1]
    inside = np.flatnonzero((panel.step >= LAG) & (panel.step < steps - LEAD))
    u, t = panel.page[inside], panel.step[inside]
    at = {k: level[u, t + k] for k in (7, 3, 1, 0, -1, -2, -4, -8)}
    same = (panel.ruler[u, t + LEAD] == panel.ruler[u, t - LAG]) & (panel.segment[t + LEAD] == panel.segment[t - LAG])
    known = same & np.logical_and.reduce([np.isfinite(x) for x in at.values()])
    at = {k: x[known] for k, x in at.items()}
    terms = {
        "before_4_7": at[7] - at[3], "before_2_3": at[3] - at[1], "before_1": at[1] - at[0],
        "same_day": at[0] - at[-1], "after_1": at[-1] - at[-2], "after_2_3": at[-2] - at[-4],
        "after_4_7": at[-4] - at[-8], "after_8": at[-8],
    }  # fmt: skip
    kept = inside[known]
    u, t, k = panel.page[kept], panel.step[kept], panel.keyword[kept]
    unit = _ids(k, u, panel.ruler[u, t], panel.segment[t])
    return Rows(kept, terms, unit, _ids(k, t))


def bridged(panel: Panel) -> Floats:
    """log2(1 + votes) (P, T), up to `GAP` unknown steps between two readings on one ruler drawn as a straight line.

    Both ends are readings, so the growth is right and only its day within the gap is not known.
    """
    level = panel.doublings
    steps = level.shape[1]
    known = np.isfinite(level)
    t = np.broadcast_to(np.arange(steps), level.shape)
    last = np.maximum.accumulate(np.where(known, t, -1), axis=1)
    following = np.minimum.accumulate(np.where(known, t, steps)[:, ::-1], axis=1)[:, ::-1]
    fill = ~known & (last >= 0) & (following < steps) & (following - last <= GAP + 1)
    u, at = np.nonzero(fill)
    a, b = last[u, at], following[u, at]
    alike = panel.ruler[u, a] == panel.ruler[u, b]
    u, at, a, b = u[alike], at[alike], a[alike], b[alike]
    level[u, at] = level[u, a] + (level[u, b] - level[u, a]) * (at - a) / (b - a)
    return level


def _ids(*columns: NDArray[np.integer]) -> Ints:
    """One number (n,) per different combination of the columns, counted from 0."""
    code = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        part = counted(column)
        code = counted(code * (int(part.max(initial=0)) + 1) + part)
    return code


def changing_pages(panel: Panel, rows: Rows) -> int:
    """Pages in the rows that gained votes at some known time."""
    moved = np.zeros(panel.votes.shape[0], dtype=bool)
    gained = sum(np.abs(rows.terms[name]) for name in NAMES if name != "after_8")
    moved[panel.page[rows.index[np.asarray(gained) > 0]]] = True
    return int(moved.sum())


def why_not(panel: Panel) -> str:
    """In words, why there is no answer for a panel; empty where there may be one."""
    return _shortage(panel, usable_rows(panel))


def _shortage(panel: Panel, rows: Rows) -> str:
    unit = "weeks" if panel.step_days > 1 else "days"
    steps, keywords = (int(np.unique(x[rows.index]).size) for x in (panel.step, panel.keyword))
    gaining = changing_pages(panel, rows)
    if steps < MIN_STEPS:
        return (
            f"it takes {MIN_STEPS} {unit} with votes known from {LAG} {unit} before to {LEAD} {unit} after, and there "
            f"are {steps} (about {MIN_STEPS + LAG + LEAD} {unit} of lists and votes in all)"
        )
    if gaining < MIN_PAGES:
        return f"it takes {MIN_PAGES} pages that gain votes while they are watched, and there are {gaining}"
    if keywords < MIN_KEYWORDS:
        return f"it takes {MIN_KEYWORDS} keywords, and there are {keywords}"
    if rows.lists.size <= np.unique(rows.lists).size:
        return "every list holds a single page with known votes, so there is nothing to compare it with"
    return ""


def _groups(panel: Panel, pages: Ints) -> dict[str, Ints]:
    """What errors are clustered on beside keywords."""
    return {"page": pages, "domain": panel.domain[pages]}


def forward_fit(panel: Panel, rows: Rows) -> Fit | None:
    """The regression of heights on votes before and after."""
    return fixed_effects(
        -panel.position[rows.index],
        rows.terms,
        {"unit": rows.unit, "list": rows.lists},
        _groups(panel, panel.page[rows.index]) | {"keyword": panel.keyword[rows.index]},
    )


def backward_fit(panel: Panel) -> Fit | None:
    """The regression of new votes on heights before and after."""
    height, votes = page_heights(panel), panel.votes
    steps = votes.shape[1]
    t = np.arange(LEAD, steps - LEAD)
    if not t.size:
        return None
    new = np.full(votes.shape, np.nan)
    alike = (panel.ruler[:, 1:] == panel.ruler[:, :-1]) & (panel.segment[1:] == panel.segment[:-1])
    new[:, 1:] = np.where(alike, np.log2(1.0 + np.maximum(np.diff(votes, axis=1), 0.0)), np.nan)
    h = np.stack([height[:, t + k] for k in range(-LEAD, LEAD + 1)])  # h[LEAD + k] is the height k steps after
    terms = {
        "before_4_7": mean_known(h[LEAD - 7 : LEAD - 3], 0), "before_2_3": mean_known(h[LEAD - 3 : LEAD - 1], 0),
        "before_1": h[LEAD - 1], "same_day": h[LEAD], "after_1": h[LEAD + 1],
        "after_2_3": mean_known(h[LEAD + 2 : LEAD + 4], 0), "after_4_7": mean_known(h[LEAD + 4 : LEAD + 8], 0),
    }  # fmt: skip
    whole = panel.segment[t + LEAD] == panel.segment[t - LEAD]
    known = whole & np.isfinite(new[:, t]) & np.logical_and.reduce([np.isfinite(x) for x in terms.values()])
    u, s = np.nonzero(known)
    if not u.size:
        return None
    at = t[s]
    return fixed_effects(
        new[u, at],
        {key: x[known] for key, x in terms.items()},
        {"unit": _ids(u, panel.ruler[u, at], panel.segment[at]), "step": at},
        _groups(panel, u),
    )


def page_heights(panel: Panel) -> Floats:
    """Mean height (P, T) of a page over its keywords, each against the page's own mean there; NaN without a list."""
    unit = _ids(panel.keyword, panel.page)
    height = -panel.position
    centred = height - (np.bincount(unit, height) / np.bincount(unit))[unit]
    cell = panel.page * panel.votes.shape[1] + panel.step
    total = np.bincount(cell, centred, minlength=panel.votes.size)
    n = np.bincount(cell, minlength=panel.votes.size)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan).reshape(panel.votes.shape)


def lag_of(panel: Panel, rows: Rows, sign: int) -> int | None:
    """After how many steps positions move: where one jump fits best the path of single days 0 .. `LAG` after votes.

    The regression is the same with a term for every day; None where it cannot be made or nothing jumps that way.
    """
    level, u, t = bridged(panel), panel.page[rows.index], panel.step[rows.index]
    at = [level[u, t - k] for k in range(LAG + 1)]
    whole = np.isfinite(np.column_stack(at)).all(axis=1)
    # votes of day k came between k + 1 and k steps before; those of the day itself and later are as in the windows
    days = {f"day_{k}": at[k] - at[k + 1] for k in range(1, LAG)} | {f"day_{LAG}": at[LAG]}
    terms = {name: rows.terms[name] for name in (*BEFORE, "same_day")} | days
    pages = panel.page[rows.index]
    fit = fixed_effects(
        -panel.position[rows.index][whole],
        {name: x[whole] for name, x in terms.items()},
        {"unit": rows.unit[whole], "list": rows.lists[whole]},
        {"page": pages[whole]},
    )
    if fit is None:
        return None
    path = sign * fit.coef[fit.names.index("same_day") :]
    jumps = {k: _jump(path, k) for k in range(1, path.size)}
    best = min(jumps, key=lambda k: jumps[k][0])
    return best if jumps[best][1] > 0 else None


def _jump(path: Floats, k: int) -> tuple[float, float]:
    """What is left of a path (d,) by one jump before entry k, in squares, and the height of the jump."""
    before, after = path[:k], path[k:]
    left = ((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum()
    return float(left), float(after.mean() - before.mean())


def weights(days: Mapping[str, int], sign: float = 1.0) -> dict[str, float]:
    """Weights of the windows in a mean over days."""
    return {name: sign * n / sum(days.values()) for name, n in days.items()}


def _summary(panel: Panel, rows: Rows, fit: Fit, back: Fit | None) -> Timing:
    scale = own_share(rows)
    before = weights(BEFORE, -1.0)
    after = fit.contrast(weights(AFTER) | before).scaled(scale)
    after_same = fit.contrast(weights(AFTER) | {"same_day": -1.0}).scaled(scale)
    after_long = fit.contrast(weights(AFTER)).scaled(scale)
    same_day = fit.contrast({"same_day": 1.0} | before).scaled(scale)
    p_forward, sign = agreed((after, after_same, after_long))
    path = {name: fit.contrast({name: 1.0}).scaled(scale) for name in NAMES}
    leads = max(abs(path[name].estimate) for name in BEFORE)
    index = rows.index
    return Timing(
        path, after, after_same, after_long, same_day,
        p_forward=p_forward, sign=sign,
        p_leads=fit.joint_p(tuple(BEFORE)), p_same_day=same_day.p_two_sided, p_backward=_p_backward(back),
        lead_share=leads / abs(after.estimate) if after.estimate else float("inf"),
        n_rows=fit.n_rows, n_pages=changing_pages(panel, rows), n_keywords=int(np.unique(panel.keyword[index]).size),
        n_steps=int(np.unique(panel.step[index]).size),
    )  # fmt: skip


def own_share(rows: Rows) -> float:
    """1 - 1/n for lists of n rows: a list effect compares a page with a list that it is part of; this undoes that."""
    n = np.bincount(rows.lists)
    return float(1 - (n > 0).sum() / n.sum())


def _p_backward(back: Fit | None) -> float:
    """p of "new votes do not go with heights 3 to 1 days before"; 1 where those of the same day or after do more."""
    if back is None:
        return float("nan")
    recent = {"before_1": 1.0, "before_2_3": 1.0}
    before = back.contrast(recent)
    beats = (
        back.contrast(recent | {"same_day": -1.0}).estimate > 0
        and back.contrast(recent | {"after_1": -1.0, "after_2_3": -1.0}).estimate > 0
    )
    return before.p_above if beats else 1.0
