"""What a simulated world is made of: the settings, the five kinds of truth, and the hardships of watching."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

Kind = Literal["no effect", "effect", "shared cause", "reverse", "shock"]
Response = Literal["step", "fading"]
Arrivals = Literal["bursts", "steady", "viral"]
Noise = Literal["ar", "iid", "walk"]
Tails = Literal["normal", "gumbel", "student"]

KINDS: tuple[Kind, ...] = get_args(Kind)
WARM_UP_DAYS = 28  # days that pass before the first one shown, so that counts, news and noise are under way by then
FADING_PER_DAY = 0.5 ** (1 / 7)  # a half-life of a week

_CHOICES = {"kind": Kind, "response": Response, "arrivals": Arrivals, "noise": Noise, "tails": Tails}
_SHARES = ("page_noise", "domain_noise", "sparse", "hidden", "missing", "resets")
_COUNTS = ("keywords", "candidates", "pages_share", "domains", "depth", "days")


@dataclass(frozen=True)
class Settings:
    """A world before its dice are thrown; `models.simulation.simulate` says what each mechanism is there for.

    `candidates` pages compete for each of `keywords`, a page for about `pages_share` keywords; the first `depth` of
    them are the result list of each of `days`. `effect` is in score units per natural log of 1 + votes, `lag` and
    `shock_spread` are in days. `page_noise` and `domain_noise` are shares of the noise's variance, `sparse` and
    `resets` shares of pages, `hidden` of page-days, `missing` of keyword-days. Only "effect" reads `effect`, `lag` and
    `response`; only "shock" reads `shock_spread`, the mean delay of the votes that news brings.
    """

    kind: Kind = "no effect"
    keywords: int = 60
    candidates: int = 24
    pages_share: int = 3
    domains: int = 80
    depth: int = 20
    days: int = 90
    effect: float = 0.3
    lag: int = 2
    response: Response = "step"
    arrivals: Arrivals = "bursts"
    noise: Noise = "ar"
    tails: Tails = "normal"
    page_noise: float = 0.2
    domain_noise: float = 0.1
    sparse: float = 0.0
    hidden: float = 0.0
    missing: float = 0.0
    resets: float = 0.0
    shock_spread: float = 0.5

    def __post_init__(self) -> None:
        for name, choice in _CHOICES.items():
            if getattr(self, name) not in get_args(choice):
                raise ValueError(
                    f"{name} of a simulated world is {getattr(self, name)!r}: use one of {get_args(choice)}"
                )
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of a simulated world is {getattr(self, name)}: use 1 or more")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} of a simulated world is {getattr(self, name)}: use a share from 0 to 1")
        if self.page_noise + self.domain_noise > 1:
            raise ValueError("page_noise and domain_noise are shares of one noise: use two that sum to 1 or less")
        if not (self.lag >= 0 and self.shock_spread >= 0):
            raise ValueError("lag and shock_spread of a simulated world are delays in days: use 0 or more")

    @property
    def n_pages(self) -> int:
        """Pages of the world: as many as give each about `pages_share` keywords."""
        return max(self.candidates, -(-self.keywords * self.candidates // self.pages_share))

    @property
    def is_at_work(self) -> bool:
        """Whether votes move positions in this world."""
        return self.kind == "effect" and self.effect != 0

    def response_at(self, days_since: int) -> float:
        """What is left, `days_since` its coming, of the lift of a rise in ln(1 + votes) that stays: 0 before `lag`."""
        if days_since < self.lag:
            return 0.0
        return FADING_PER_DAY ** (days_since - self.lag) if self.response == "fading" else 1.0


_HARD: dict[str, dict[str, Any]] = {
    "plain": {},
    "sparse": {"sparse": 0.5},
    "shallow": {"depth": 10},
    "few keywords": {"keywords": 15},
    "missing days": {"missing": 0.15},
    "hidden counts": {"hidden": 0.2},
}
HARDSHIPS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    _HARD | {"all at once": {name: value for changes in _HARD.values() for name, value in changes.items()}}
)


def under(hardship: str, settings: Settings) -> Settings:
    """The same world watched under one of `HARDSHIPS`."""
    if hardship not in HARDSHIPS:
        raise ValueError(f"no hardship is called {hardship!r}: use one of {tuple(HARDSHIPS)}")
    return replace(settings, **HARDSHIPS[hardship])
