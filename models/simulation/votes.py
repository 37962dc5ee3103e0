"""How votes come in simulated worlds, day after day, never knowing tomorrow (see `models.simulation.simulate`)."""

import numpy as np
from numpy.typing import NDArray

from models.simulation.scores import Floats, Ground, Ints, carried, stream
from models.simulation.settings import WARM_UP_DAYS, Settings

POSTS_PER_DAY = 0.03  # a page is posted about every five weeks
POST_SIZE = (3.0, 1.2)  # mean and spread of ln(votes of a post)
NEWS_PER_DAY = 0.012  # a page is in the news about once in a quarter
STOCK_DAYS = 60  # how many days of votes a steady page has at the start
BACKGROUND = 0.3  # share of the usual votes that still come in a world of news
MOST_PER_DAY = 1e6  # a cap on what goes viral
FOLLOWERS = 4.0  # where votes follow positions, votes a day of a page about first in one list
FOLLOWED_DAYS = 14  # and how many days of them a page has at the start


def arrive(world: Settings, seed: int, ground: Ground) -> Ints:
    """New votes (days, P) that come without regard to positions; page quality draws them in "shared cause" alone."""
    pull = np.ones(world.n_pages)
    if world.kind == "shared cause":
        pull = np.exp(1.5 * ground.quality)
    elif world.kind == "shock":
        pull *= BACKGROUND
    ways = {"bursts": _bursts, "steady": _steady, "viral": _viral}
    return ways[world.arrivals](seed, pull, _days(world)) * _voted(world, seed)


def follow(world: Settings, seed: int, ground: Ground, position: NDArray[np.int16]) -> Ints:
    """New votes (days, P) at a rate of exp(-position / 5) summed over the page's lists of the day before."""
    seen = np.zeros((_days(world), world.n_pages))
    for today in range(1, len(seen)):
        pull = np.exp(-position[today - 1] / 5.0)
        seen[today] = np.bincount(ground.candidates.ravel(), pull.ravel(), world.n_pages)
    rate = FOLLOWERS * stream(seed, "page factor").gamma(1.0, size=world.n_pages) * seen
    new: Ints = np.asarray(stream(seed, "votes").poisson(rate * _surge(world, seed, rate.shape)), dtype=np.int64)
    new[0] = stream(seed, "stock").poisson(FOLLOWED_DAYS * rate[1])
    return new * _voted(world, seed)


def news(world: Settings, seed: int) -> tuple[Floats, Ints, float]:
    """Lift of the score and new votes (days, P) that news brings on its day, and the half-life of the lift in days.

    Half-lives go from 3 days to infinity: the speed of fading is drawn evenly, and in one world of five it is nothing.
    """
    shape = _days(world), world.n_pages
    is_news = stream(seed, "news days").random(shape) < NEWS_PER_DAY
    size = is_news * stream(seed, "news sizes").exponential(1.0, shape)
    speed = max(0.0, stream(seed, "news fading").uniform(-0.25, 1.0)) / 3.0
    sent = stream(seed, "news votes").poisson(40.0 * size * stream(seed, "news luck").lognormal(0.0, 0.7, shape))
    at_once = -np.expm1(-1.0 / world.shock_spread) if world.shock_spread > 0 else 1.0
    votes = _spread(stream(seed, "news pace"), sent, np.full(world.n_pages, at_once)) * _voted(world, seed)
    return carried(size, 0.5**speed), votes, 1.0 / speed if speed > 0 else np.inf


def recounted(world: Settings, seed: int, votes: Ints) -> tuple[Ints, Ints]:
    """The counts a platform shows (days, P) and their ruler: a share of pages loses half of its count, once, for good.

    `votes` are those of the days shown. A page of no votes has nothing to lose and keeps its ruler.
    """
    is_hit = stream(seed, "reset pages").random(world.n_pages) < world.resets
    when = 1 + (stream(seed, "reset days").random(world.n_pages) * (len(votes) - 1)).astype(np.int64)
    lost = np.where(is_hit, (votes[when - 1, np.arange(world.n_pages)] + 1) // 2, 0)
    ruler = ((np.arange(len(votes))[:, None] >= when) & (lost > 0)).astype(np.int64)
    return votes - ruler * lost, ruler


def _days(world: Settings) -> int:
    return WARM_UP_DAYS + world.days


def _voted(world: Settings, seed: int) -> NDArray[np.bool_]:
    """Whether a page ever gets a vote (P,): exactly a share `sparse` never does."""
    return np.argsort(stream(seed, "sparse").random(world.n_pages)) >= round(world.sparse * world.n_pages)


def _bursts(seed: int, pull: Floats, days: int) -> Ints:
    """Posts on random days, of lognormal sizes; a post's votes come exponentially, 1 to 3 days after it on average."""
    shape = days, pull.size
    posts = stream(seed, "posts").poisson(POSTS_PER_DAY, shape)
    size = stream(seed, "post sizes").lognormal(*POST_SIZE, shape)
    sent = stream(seed, "post votes").poisson(np.minimum(posts * size * pull, MOST_PER_DAY))
    pace = stream(seed, "paces").uniform(1.0, 3.0, pull.size)
    return _spread(stream(seed, "votes"), sent, -np.expm1(-1.0 / pace))


def _spread(dice: np.random.Generator, sent: Ints, share: Floats) -> Ints:
    """New votes (days, P) of `sent`, of which a `share` (P,) of those still to come arrives each day, whole votes."""
    new, waiting = np.zeros_like(sent), np.zeros(sent.shape[1], dtype=np.int64)
    for today, fresh in enumerate(sent):
        waiting += fresh
        new[today] = dice.binomial(waiting, share)
        waiting -= new[today]
    return new


def _steady(seed: int, pull: Floats, days: int) -> Ints:
    """Poisson counts of gamma-varying rates, with a stock from before the first day."""
    rate = pull * stream(seed, "rates").gamma(0.7, 1.0 / 0.7, pull.size)
    new = stream(seed, "votes").poisson(rate, (days, pull.size)).astype(np.int64)
    new[0] += stream(seed, "stock").poisson(STOCK_DAYS * rate)
    return new


def _viral(seed: int, pull: Floats, days: int) -> Ints:
    """Self-exciting counts: a day's rate is a base plus about 0.8 of the day before's new votes, with a heavy tail."""
    base = 0.3 * pull * stream(seed, "rates").gamma(0.7, 1.0 / 0.7, pull.size)
    luck, dice = stream(seed, "luck").gamma(0.5, 0.8 / 0.5, (days, pull.size)), stream(seed, "votes")
    new = np.zeros((days, pull.size), dtype=np.int64)
    for today in range(days):
        before = new[today - 1] if today else STOCK_DAYS * base
        new[today] = dice.poisson(np.minimum(base + luck[today] * before, MOST_PER_DAY))
    return new


def _surge(world: Settings, seed: int, shape: tuple[int, int]) -> Floats:
    """How far a page's day is from its usual, mean 1: not at all, lognormally, or mostly nothing and sometimes much."""
    dice = stream(seed, "surge")
    if world.arrivals == "bursts":
        return dice.lognormal(-0.5, 1.0, shape)
    return dice.gamma(0.3, 1 / 0.3, shape) if world.arrivals == "viral" else np.ones(shape)
