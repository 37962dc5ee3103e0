"""Pages, lists and the scores that order them, in simulated worlds (see `models.simulation.simulate`).

Every quantity is thrown from a stream of its own, named after it, and day by day: so a setting changes what it is about
and nothing else, and a longer world begins as the shorter one does.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.settings import FADING_PER_DAY, WARM_UP_DAYS, Settings, Tails

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RHO = 0.8  # how much of the "ar" noise is left a day later
WALK = 0.07  # how far the slow walk goes in a day, in units of the noise
GUMBEL = (0.5772156649015329, math.pi / 6**0.5)  # its mean and standard deviation


@dataclass(frozen=True, eq=False)
class Ground:
    """What does not change from day to day: `candidates` (K, C) pages that compete, `domain` and `quality` (P,)."""

    candidates: Ints
    domain: Ints
    quality: Floats
    relevance: Floats  # (K, C)


def stream(seed: int, name: str) -> np.random.Generator:
    """The dice of one quantity."""
    return np.random.default_rng([seed, *name.encode()])


def lay(world: Settings, seed: int) -> Ground:
    """Pages, their domains (Zipf-like sizes, counted from 0 without gaps) and the lists they compete in."""
    pages, deal = world.n_pages, stream(seed, "candidates")
    hands = [deal.choice(pages, world.candidates, replace=False) for _ in range(world.keywords)]
    size = 1.0 / np.arange(1, world.domains + 1)
    domain = stream(seed, "domains").choice(world.domains, pages, p=size / size.sum())
    return Ground(
        candidates=np.array(hands, dtype=np.int64),
        domain=np.unique(domain, return_inverse=True)[1].astype(np.int64),
        quality=stream(seed, "quality").normal(size=pages),
        relevance=stream(seed, "relevance").normal(size=(world.keywords, world.candidates)),
    )


def unmoved(ground: Ground, noise: Floats) -> Floats:
    """Scores (days, K, C) as they would be without votes and news, from `noise` of that shape."""
    score: Floats = ground.quality[ground.candidates] + 0.6 * ground.relevance + 0.5 * noise
    return score


def noise_of(world: Settings, seed: int, ground: Ground) -> Floats:
    """Noise (days, K, C) of variance about 1: a part of the list's own, one of the page's, one of the domain's."""
    shared = world.page_noise, world.domain_noise
    noise: Floats = np.sqrt(1.0 - sum(shared)) * _wander(world, seed, "noise", ground.candidates.shape)
    if shared[0] > 0:
        noise += np.sqrt(shared[0]) * _wander(world, seed, "page noise", ground.quality.shape)[:, ground.candidates]
    if shared[1] > 0:
        theirs = _wander(world, seed, "domain noise", (world.domains,))
        noise += np.sqrt(shared[1]) * theirs[:, ground.domain[ground.candidates]]
    return noise


def _wander(world: Settings, seed: int, name: str, shape: tuple[int, ...]) -> Floats:
    """A series (days, *shape) in the world's manner of wandering."""
    shape = (WARM_UP_DAYS + world.days, *shape)
    fresh = _throw(world.tails, stream(seed, name), shape)
    if world.noise == "ar":
        fresh[1:] *= np.sqrt(1 - RHO**2)
        return carried(fresh, RHO)
    if world.noise == "walk":
        return 0.8 * fresh + carried(WALK * _throw(world.tails, stream(seed, f"{name} walk"), shape), 1.0)
    return fresh


def _throw(tails: Tails, dice: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Numbers of mean 0 and variance 1; "gumbel" has its long tail towards good scores, "student" on both sides."""
    if tails == "gumbel":
        return (dice.gumbel(size=shape) - GUMBEL[0]) / GUMBEL[1]
    return dice.standard_t(4, size=shape) / 2**0.5 if tails == "student" else dice.normal(size=shape)


def carried(x: Floats, share: float) -> Floats:
    """x (days, ...) with a `share` of what there was the day before added to each day, in place."""
    for today in range(1, len(x)):
        x[today] += share * x[today - 1]
    return x


def lift_of(world: Settings, votes: Floats) -> Floats:
    """What votes (days, P) add to scores: `effect` per ln(1 + votes) of `lag` days before, staying or fading."""
    days = np.maximum(np.arange(len(votes)) - world.lag, 0)
    heard = world.effect * np.log1p(votes[days])
    if world.response == "step":
        return heard
    return carried(np.diff(heard, axis=0, prepend=heard[:1]), FADING_PER_DAY)


def places(order: Ints) -> NDArray[np.int16]:
    """Position of each candidate, 1 is best, from `order` (..., C): the candidates from best to worst."""
    position = np.empty(order.shape, dtype=np.int16)
    np.put_along_axis(position, order, np.arange(1, order.shape[-1] + 1, dtype=np.int16), axis=-1)
    return position
