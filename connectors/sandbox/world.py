"""The seeded world that every sandbox twin renders, so that all sources tell the same story.

Pages of a few sites compete for keywords. On day t the page p scores, for keyword k,

    score = 1.0 quality[p] + 0.6 relevance[k, p] + 0.5 noise[k, p, t] + 0.3 ln(1 + reddit_upvotes[p, t - 2])

and positions are the order of the scores. The truth, which a model should find and a naive correlation cannot:

- Reddit upvotes truly lift positions, two days later. Posts and their sizes are drawn without regard to quality.
- Facebook shares do nothing; they follow page quality, which also lifts positions (a shared cause).
- Pinterest saves do nothing; they follow yesterday's positions (reverse direction).
- YouTube and Instagram likes, Hacker News points, Hatena bookmarks and the votes of every other platform do nothing
  and follow nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property

import numpy as np

FIRST_DAY = date(2026, 6, 1)
DAYS = 730
CANDIDATES = 24
DEPTH = 20
LAG_DAYS = 2
SITES = ("alder", "birch", "cedar", "elm", "hazel", "linden", "maple", "rowan")
THINGS = (
    "kettle",
    "tent",
    "lamp",
    "bicycle",
    "guitar",
    "camera",
    "desk",
    "backpack",
    "stove",
    "drill",
    "sofa",
    "clock",
)
KINDS = ("best", "cheap", "repair", "vintage", "travel", "silent", "small", "outdoor", "electric", "folding")
SEED = 3
TRUTH = {
    ("reddit", "like"): "lifts positions two days later",
    ("facebook", "share"): "no effect: follows page quality",
    ("pinterest", "save"): "no effect: follows positions",
    ("youtube", "like"): "no effect",
    ("hackernews", "like"): "no effect",
    ("hatena", "save"): "no effect",
    ("instagram", "like"): "no effect",
}  # by platform and its main verb; the other verbs of a platform go with the main one


@dataclass(frozen=True, slots=True)
class Page:
    """One web page of the world; `index` is its row in every array."""

    index: int
    url: str
    site: str
    title: str


@dataclass(frozen=True, slots=True)
class WorldPost:
    """A post on one platform that links to a page, written as `url` (possibly a variant of the page's address).

    `size` is the number of main votes it ends with, `pace_days` how fast they come. `is_shy` hides a counter (which one
    is the platform's affair), `deleted_day` is when it vanishes.
    """

    object_id: str
    page: Page
    url: str
    published_at: datetime
    size: float
    pace_days: float
    is_shy: bool
    deleted_day: date | None

    def exists_at(self, moment: datetime) -> bool:
        """Published, and not deleted yet."""
        return self.published_at <= moment and (self.deleted_day is None or moment.date() < self.deleted_day)

    def votes_at(self, moment: datetime) -> int:
        """Main votes so far: `size` times 1 - exp(-age / pace)."""
        age = (moment - self.published_at) / timedelta(days=1)
        return 0 if age < 0 else int(self.size * -math.expm1(-age / self.pace_days))


def noon(day: date) -> datetime:
    """The moment of a day at which every twin answers."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


class World:
    """Keywords, pages, true positions and votes from one seed. Arrays are indexed [day since FIRST_DAY, ...]."""

    def __init__(self, seed: int = SEED, keywords: int = 60) -> None:
        self.seed = seed
        self.keywords = tuple(
            f"{KINDS[i % 10]} {THINGS[(i // 10 + i) % 12]}{'' if i < 120 else i}" for i in range(keywords)
        )
        self.pages = tuple(self._page(i) for i in range(max(CANDIDATES, keywords * CANDIDATES // 3)))
        self._rng = np.random.default_rng(seed)
        self.quality = self._rng.normal(size=len(self.pages))
        self.candidates = np.stack(
            [self._rng.permutation(len(self.pages))[:CANDIDATES] for _ in self.keywords]
        )  # (keywords, CANDIDATES) page indices
        self._relevance = self._rng.normal(size=self.candidates.shape)

    def _page(self, i: int) -> Page:
        site = f"{SITES[i % len(SITES)]}.example"
        title = f"{KINDS[i % 10]} {THINGS[i // 10 % 12]} guide {i}"
        return Page(i, f"https://www.{site}/{title.replace(' ', '-')}", site, title)

    @cached_property
    def page_by_url(self) -> dict[str, Page]:
        """Pages by their exact address."""
        return {p.url: p for p in self.pages}

    @cache  # noqa: B019  one world lives as long as its server
    def posts(self, platform: str) -> tuple[WorldPost, ...]:
        """All posts that a platform will ever hold, oldest first. Each platform draws from a seed of its own."""
        share_of_pages, most, log_size, pace = POSTING.get(platform, USUAL)
        rng = np.random.default_rng([self.seed, *platform.encode()])
        posts: list[WorldPost] = []
        for page in self.pages:
            for _ in range(int(rng.integers(1, most + 1)) if rng.random() < share_of_pages else 0):
                posts.append(self._post(rng, platform, page, len(posts), log_size, pace))
        return tuple(sorted(posts, key=lambda p: (p.published_at, p.object_id)))

    def _post(
        self, rng: np.random.Generator, platform: str, page: Page, n: int, log_size: float, pace: float
    ) -> WorldPost:
        published = noon(FIRST_DAY) + timedelta(seconds=int(rng.uniform(0, 300 * 86400)))
        size = float(np.exp(rng.normal(log_size, 1.2)))
        is_shy, is_doomed = rng.random() < 0.05, rng.random() < 0.03
        deleted = (published + timedelta(days=int(rng.integers(5, 60)))).date() if is_doomed else None
        url = rng.choice([page.url, page.url, page.url, page.url.replace("https", "http"), page.url + "/"])
        return WorldPost(_object_id(platform, rng, n), page, str(url), published, size, pace, bool(is_shy), deleted)

    def post(self, platform: str, object_id: str) -> WorldPost | None:
        """The post of that id, whether or not it exists yet."""
        return self._post_index(platform).get(object_id)

    @cache  # noqa: B019
    def _post_index(self, platform: str) -> dict[str, WorldPost]:
        return {p.object_id: p for p in self.posts(platform)}

    def posts_of(self, platform: str, page: Page, moment: datetime) -> list[WorldPost]:
        """The posts about a page that exist at a moment."""
        return [p for p in self._posts_by_page(platform).get(page.index, []) if p.exists_at(moment)]

    @cache  # noqa: B019
    def _posts_by_page(self, platform: str) -> dict[int, list[WorldPost]]:
        found: dict[int, list[WorldPost]] = {}
        for post in self.posts(platform):
            found.setdefault(post.page.index, []).append(post)
        return found

    def day_index(self, day: date) -> int:
        """Row of a day in the arrays; days outside the world are clipped to its first and last."""
        return min(max((day - FIRST_DAY).days, 0), DAYS - 1)

    @cached_property
    def _reddit_upvotes(self) -> np.ndarray:
        """(DAYS, pages) upvotes so far at noon."""
        total = np.zeros((DAYS, len(self.pages)))
        for post in self.posts("reddit"):
            ages = np.arange(DAYS) - (post.published_at - noon(FIRST_DAY)) / timedelta(days=1)
            total[:, post.page.index] += post.size * -np.expm1(-np.maximum(ages, 0) / post.pace_days)
        return total

    @cached_property
    def positions(self) -> np.ndarray:
        """(DAYS, keywords, CANDIDATES) true position of each candidate, 1 is best."""
        rng = np.random.default_rng([self.seed, 1])
        noise = rng.normal(size=self.candidates.shape)
        fixed = self.quality[self.candidates] + 0.6 * self._relevance
        out = np.empty((DAYS, *self.candidates.shape), dtype=np.int16)
        for t in range(DAYS):
            noise = 0.8 * noise + 0.6 * rng.normal(size=noise.shape)
            lift = 0.3 * np.log1p(self._reddit_upvotes[max(t - LAG_DAYS, 0)])
            score = fixed + 0.5 * noise + lift[self.candidates]
            out[t] = (-score).argsort(axis=1).argsort(axis=1) + 1
        return out

    def results(self, keyword: str, day: date) -> list[Page]:
        """The result list of a keyword on a day, the best first, DEPTH long; empty for a keyword nobody ranks for."""
        if keyword not in self._keyword_index:
            return []
        k = self._keyword_index[keyword]
        order = self.positions[self.day_index(day), k].argsort()[:DEPTH]
        return [self.pages[i] for i in self.candidates[k, order]]

    @cached_property
    def _keyword_index(self) -> dict[str, int]:
        return {keyword: k for k, keyword in enumerate(self.keywords)}

    @cached_property
    def pinterest_saves(self) -> np.ndarray:
        """(DAYS, pages) saves so far; each day's new ones follow the day before's positions."""
        rng = np.random.default_rng([self.seed, 2])
        new = np.zeros((DAYS, len(self.pages)))
        for t in range(1, DAYS):
            pull = np.exp(-self.positions[t - 1] / 5.0)
            np.add.at(new[t], self.candidates.ravel(), pull.ravel())
        return np.asarray(rng.poisson(3 * new).cumsum(axis=0))

    @cached_property
    def facebook_shares(self) -> np.ndarray:
        """(DAYS, pages) shares so far; they come at a pace set by page quality."""
        rng = np.random.default_rng([self.seed, 3])
        per_day = np.exp(0.5 + self.quality + rng.normal(0, 0.5, len(self.pages)))
        new = rng.poisson(np.broadcast_to(per_day, (DAYS, len(self.pages))))
        return np.asarray(rng.poisson(60 * per_day) + new.cumsum(axis=0))

    @cached_property
    def hatena_bookmarks(self) -> np.ndarray:
        """(DAYS, pages) bookmarks so far, on half of the pages, following nothing."""
        rng = np.random.default_rng([self.seed, 4])
        per_day = np.exp(rng.normal(-1.5, 1.0, len(self.pages))) * (rng.random(len(self.pages)) < 0.5)
        return np.asarray(rng.poisson(np.broadcast_to(per_day, (DAYS, len(self.pages)))).cumsum(axis=0))


# Of how many pages people post, how many times at most, ln(typical size), days until most votes are in.
POSTING = {
    "reddit": (0.8, 3, 3.5, 3.0),
    "youtube": (0.6, 2, 4.0, 20.0),
    "hackernews": (0.5, 2, 2.5, 1.0),
    "pinterest": (0.9, 2, 0.0, 1.0),
}
USUAL = (0.6, 2, 3.0, 5.0)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _object_id(platform: str, rng: np.random.Generator, n: int) -> str:
    if platform == "reddit":
        return "t3_1" + np.base_repr(60_000_000 + 37 * n, 36).lower()
    if platform == "youtube":
        return "".join(_ALPHABET[i] for i in rng.integers(0, 64, 11))
    return str(41_000_000 + 97 * n) if platform == "hackernews" else str(813_744_226_420_000_000 + 1013 * n)
