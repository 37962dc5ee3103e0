"""Published fractions of passing on, and what our sample cannot say about them."""

from __future__ import annotations

from dataclasses import dataclass

from models.diffusion.concentration import Part


@dataclass(frozen=True)
class PublishedFraction:
    """What a study said of a platform: `value` of its acts were passing on, give or take `digits` by rounding.

    `caveat` says what a comparison with ours does not show.
    """

    study: str
    platform: str
    verb: str
    year: int
    value: float
    digits: float
    source: str
    caveat: str


PUBLISHED = (
    PublishedFraction(
        "RJMetrics", "pinterest", "save", 2012, 0.8, 0.005,
        "RJMetrics, Pinterest Data Analysis: An Inside Look, February 2012, as told by marketingprofs.com 7173 and "
        "businessinsider.com 2012-02",
        "They drew about a million pins from all of Pinterest and found that over 80 % had been taken from another "
        "board. Ours are the pins of one account, and how often each was saved: the pins of everybody else, and what "
        "the savers pinned themselves, are not in it. So a match does not confirm their number, nor does a difference "
        "refute it.",
    ),
    PublishedFraction(
        "HubSpot", "x", "share", 2009, 0.014, 0.0005,
        "a study of HubSpot, 2009, as told by marketingprofs.com 7173",
        "They counted retweets among all posts of a time when retweeting was done by hand. Ours are only posts that "
        "link to pages we follow, so a match does not confirm their number, nor does a difference refute it.",
    ),
)  # fmt: skip


def published(platform: str, verb: str) -> PublishedFraction | None:
    """The published fraction of a platform and verb, if there is one."""
    return next((p for p in PUBLISHED if (p.platform, p.verb) == (platform, verb)), None)


def is_inside(theirs: PublishedFraction, ours: Part) -> bool | None:
    """Whether their value, as far as its digits go, lies in our interval; None without one."""
    if not ours.low <= ours.high:
        return None
    return ours.low - theirs.digits <= theirs.value <= ours.high + theirs.digits
