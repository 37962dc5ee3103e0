"""When a rank-ordered logit has no answer, and the sentence that says so.

The information at b = 0 tells what is identified, whatever b is: a combination of columns that does not vary in any
risk set has none. Separation (Albert & Anderson 1984) has no finite maximum: information along some direction melts
away while the coefficient runs off, which is seen beside the information at 0.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from models.ordered_logit.lists import Block, Floats, Lists
from models.ordered_logit.statistics import Statistics

CONSTANT = 1e-10  # spread inside lists, beside the column's size, that is rounding
COLLINEAR = 1e-10  # smallest eigenvalue of the columns' correlation: a float32 column that is a sum has about 1e-14
SEPARATED = 1e-9  # information left of that at 0; three stages in a thousand million that go the other way keep more
Blocks = Callable[[], Iterable[Block | Lists]]


def spread_of(null: Statistics) -> Floats:
    """Each column's standard deviation inside risk sets (p,), from the statistics at b = 0; 1 where it has none."""
    spread: Floats = np.sqrt(np.maximum(-np.diag(null.hessian), 0.0) / max(null.n_stages, 1))
    spread[spread == 0] = 1.0
    return spread


def check_finite(null: Statistics, blocks: Blocks, names: tuple[str, ...]) -> None:
    """ValueError naming the columns that hold NaN or infinity."""
    if np.isfinite(null.gradient).all() and np.isfinite(null.hessian).all():
        return
    bad = np.zeros(len(names), dtype=np.bool_)
    for block in blocks():
        bad |= ~np.isfinite(np.asarray(block.x).sum(axis=0, dtype=np.float64))
    raise ValueError(
        f"{_listed(names, bad)} holds numbers that are not finite, or too large: leave such rows out only if the page "
        "was not in the list; else fill the number in and say so with a column of its own"
    )


def check_identified(null: Statistics, blocks: Blocks, names: tuple[str, ...]) -> None:
    """ValueError if there is nothing to compare, or if a column says nothing inside lists, or not on its own."""
    if not null.n_stages:
        raise ValueError(
            "no list tells anything: it takes two rows in a list, one of them with a position above the other's "
            "(and within `top`)"
        )
    information = -null.hessian
    constant = np.sqrt(np.maximum(np.diag(information), 0.0) / null.n_stages) <= CONSTANT * _size(blocks)
    if constant.any():
        raise ValueError(
            f"{_listed(names, constant)} does not vary inside any list, so it cannot move a page within one and has "
            "no coefficient: leave it out"
        )
    unit = np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information / np.outer(unit, unit))
    if values[0] < COLLINEAR:
        among = np.abs(vectors[:, values < COLLINEAR]).max(axis=1) > 1e-3
        raise ValueError(
            f"{_listed(names, among)} cannot be told apart: inside lists one is a sum of multiples of the others; "
            "leave one of them out"
        )


def check_separation(beta: Floats, at: Statistics, null: Statistics, names: tuple[str, ...]) -> None:
    """ValueError if a combination of columns foretells the order without error, so that its coefficient has no end."""
    unit = np.sqrt(-np.diag(null.hessian))
    root = np.linalg.inv(np.linalg.cholesky(-null.hessian / np.outer(unit, unit)))
    values, vectors = np.linalg.eigh(root @ (-at.hessian / np.outer(unit, unit)) @ root.T)
    if values[0] < SEPARATED:
        weight = np.abs(root.T @ vectors[:, 0])
        weight /= weight.max()
        guilty = weight > 0.1
        sign = "+" if beta[np.argmax(weight)] > 0 else "-"
        raise ValueError(
            f"the coefficient of {_listed(names, guilty)} runs off to {sign}infinity: in these lists it foretells "
            "perfectly who stands above whom (separation), so no finite number fits best; leave it out, or gather "
            "lists in which it fails"
        )


def _size(blocks: Blocks) -> Floats:
    """How large the numbers of each column are (p,), judged by the first rows."""
    for block in blocks():
        x = np.asarray(block.x)[:1000]
        size: Floats = np.abs(x).max(axis=0, initial=0.0).astype(np.float64)
        return size
    return np.zeros(0)


def _listed(names: tuple[str, ...], which: NDArray[np.bool_]) -> str:
    """The chosen names in words."""
    chosen = [repr(name) for name, is_chosen in zip(names, which, strict=True) if is_chosen]
    return " and ".join(filter(None, (", ".join(chosen[:-1]), chosen[-1]))) if chosen else "a column"
