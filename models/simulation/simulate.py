"""Worlds whose truth is known, to test what the models of time say of worlds whose truth is not.

On day t the page p scores, for keyword k,

    score = quality[p] + 0.6 relevance[k, p] + 0.5 noise[k, p, t] (+ what votes or news add)

and positions are the order of the scores among all candidates, of which the first `depth` are seen. What differs
between the five kinds is where votes come from and what they do:

- "no effect": votes come by themselves and do nothing. Whatever a model finds here is a false alarm.
- "effect": votes come by themselves; the score gains `effect` times ln(1 + votes) of `lag` days before. As a "step"
  the gain stays as long as the votes; "fading", the gain of each rise halves in a week, as interest in news does.
  This is what a model should find, at its size and with its delay.
- "shared cause": good pages get more votes and stand higher, and votes do nothing. Votes and positions go together in
  every list of every day, and nothing moves in time: the world that fools the published correlations.
- "reverse": each day's new votes follow the positions of the day before, since people vote for what they find. Votes
  and positions move together in time too, but positions come first: the world that fools a look at changes.
- "shock": news lifts a page's score on the day it happens, and brings a burst of votes on the same day (more of them
  later, the larger `shock_spread`); the lift fades with a half-life drawn per world between 3 days and never. Bursts
  are then followed by good positions without causing them: the world that fools event studies.

The rest makes worlds as awkward as the real one, since a method may owe its good name to a tidy one:

- Arrivals. "bursts": posts on random days with lognormal sizes, whose votes come within days: sharp, datable changes.
  "steady": Poisson counts at rates that vary by page, on top of a stock: the change in logarithms is slow and smooth.
  "viral": tomorrow's votes grow with today's: bursts that build up and so announce themselves. In "reverse" the
  three say how uneven a day's votes are around the rate that positions set: Poisson, lognormal or mostly none.
- Noise. "ar" keeps 0.8 of itself a day later; "iid" forgets at once, so that positions fall back after each change;
  "walk" drifts without limit, which makes unrelated series look related. Tails: normal, "gumbel" (long towards good
  scores) or "student" with 4 degrees of freedom (jumps). Parts of the noise are shared by all keywords of a page and
  by all pages of a domain, so that rows are fewer than they look; a few domains hold most pages.
- What is not seen. Pages beyond the depth; `missing` lists, a third of them on days without any; `hidden` counts, half
  of them in runs of days, and some pages throughout; `sparse` pages that never get a vote; `resets`, on which a
  platform counts a page anew and half of its votes are gone, though what they did is not.

The truth of an effect is counted, not modelled: for every row of the panel, the score is raised by what a doubling of
its votes would add, and the candidates that it passes are counted. That leaves out what the same doubling does to the
page's place in other lists (nothing) and what other pages do in answer (nothing, here). It holds for the rows of this
world and no other: close scores make the same effect worth more places.

A world warms up for four weeks before its first day. A lag longer than that counts the votes of the first of these
days as if they had always been there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.in_time.panel import Panel
from models.simulation.panel import Bools, Truth, known_counts, panel_of, read_lists, rows_of, truth_of
from models.simulation.scores import Floats, Ground, Ints, lay, lift_of, noise_of, places, unmoved
from models.simulation.settings import HARDSHIPS, KINDS, WARM_UP_DAYS, Settings, under
from models.simulation.votes import arrive, follow, news, recounted

__all__ = ["HARDSHIPS", "KINDS", "Settings", "Truth", "World", "simulate", "under"]


@dataclass(frozen=True, eq=False)
class World:
    """One world: T days, K keywords of C candidates each, P pages. Moments are noons, of lists and of counts.

    `positions` (T, K, C) are those among all candidates, 1 is best, and `scores` what they order; `candidates` (K, C)
    are pages. `votes` (P, T) are the counts that the platform has, `known` (P, T) whether it shows them; `was_read`
    (K, T) tells which lists were read. `panel` is what remains for a model to read, `truth` what it should find.
    """

    settings: Settings
    seed: int
    panel: Panel
    truth: Truth
    positions: NDArray[np.int16]
    scores: Floats
    candidates: Ints
    votes: Ints
    known: Bools
    was_read: Bools

    def domain(self, page: int) -> str:
        """Name of the page's registrable domain."""
        return f"site{self.panel.domain[page]}.example"

    def url(self, page: int) -> str:
        """Address of a page."""
        return f"https://www.{self.domain(page)}/page-{page}"

    def keyword(self, keyword: int) -> str:
        """Text of a keyword."""
        return f"keyword {keyword}"

    def tables(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """What a person would have on file, as columns: the result lists read, and the counts of all pages and days.

        Rankings: `keyword`, `url`, `position`, `ranked_at`; votes: `url`, `observed_at`, `count`, which is NaN where
        hidden. Days count from 0.
        """
        url = np.array([self.url(page) for page in range(len(self.votes))])
        keyword = np.array([self.keyword(k) for k in range(len(self.candidates))])
        is_shown = (self.positions <= self.settings.depth) & self.was_read.T[:, :, None]
        day, k, c = np.nonzero(is_shown)
        rankings = {
            "keyword": keyword[k],
            "url": url[self.candidates[k, c]],
            "position": self.positions[day, k, c].astype(np.int64),
            "ranked_at": day,
        }
        page, observed = np.indices(self.votes.shape).reshape(2, -1)
        return rankings, {"url": url[page], "observed_at": observed, "count": self.panel.votes.ravel()}


def simulate(world: Settings, seed: int) -> World:
    """The world of these settings and this seed (0 or more); the same again for the same two."""
    if seed < 0:
        raise ValueError(f"the seed of a simulated world is {seed}: use 0 or more")
    ground = lay(world, seed)
    return _history(world, seed, ground, noise_of(world, seed, ground))


def _history(world: Settings, seed: int, ground: Ground, noise: Floats) -> World:
    """The world that follows from `noise` (days, K, C), warm-up included."""
    score, half_life, is_reverse = unmoved(ground, noise), float("nan"), world.kind == "reverse"
    new = follow(world, seed, ground, places(_order(score))) if is_reverse else arrive(world, seed, ground)
    if world.kind == "shock":
        lift, burst, half_life = news(world, seed)
        new, score = new + burst, score + lift[:, ground.candidates]
    votes = new.cumsum(axis=0)
    if world.is_at_work:
        score += lift_of(world, votes)[:, ground.candidates]
    return _watched(world, seed, ground, score[WARM_UP_DAYS:], votes[WARM_UP_DAYS:], half_life)


def _watched(world: Settings, seed: int, ground: Ground, score: Floats, votes: Ints, half_life: float) -> World:
    """What is seen of scores (T, K, C) and votes (T, P), and what is true."""
    order = _order(score)
    position, was_read, known = places(order), read_lists(world, seed), known_counts(world, seed)
    shown, ruler = (np.ascontiguousarray(table.T) for table in recounted(world, seed, votes))
    is_row = rows_of(world, position, was_read)
    panel = panel_of(world, ground, position, is_row, np.where(known, shown, np.nan), ruler)
    truth = truth_of(world, score, order, is_row, half_life)
    return World(world, seed, panel, truth, position, score, ground.candidates, shown, known, was_read)


def _order(score: Floats) -> Ints:
    """Candidates from best to worst (T, K, C)."""
    return np.argsort(-score, axis=-1)
