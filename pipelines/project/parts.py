"""The parts of the project file: markets, keywords, brands, sources, the daily run and the mails."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipelines.project import checks as check

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400), AfterValidator(check.line)
]
Clock = Annotated[str, AfterValidator(check.clock)]
TimeZone = Annotated[str, AfterValidator(check.timezone)]
Site = Annotated[str, AfterValidator(check.site)]
Country = Annotated[str, AfterValidator(check.country)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Device = Literal["desktop", "mobile"]
Address = Annotated[str, AfterValidator(check.address)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Source = Annotated[str, AfterValidator(check.source)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Value = Annotated[str, BeforeValidator(check.as_setting, json_schema_input_type=str | int | float | bool | list[str])]


class Part(BaseModel):
    """A part of the project: unknown names are refused, nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, given: Any) -> Any:
        """A name with nothing after it (all its entries commented out, say) is as if it were left out."""
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class Market(Part):
    """Where searches are made, under a name that keywords refer to. What is left out is the source's own default."""

    name: Slug = Field(description="A short name, lower case with hyphens.", examples=["germany-mobile"])
    country: Country | None = Field(
        default=None, description="Country of the search, two letters (ISO 3166).", examples=["de", "us"]
    )
    language: Language | None = Field(
        default=None, description="Language of the search.", examples=["de", "en", "pt-BR"]
    )
    device: Device | None = Field(
        default=None, description="What is searched on: desktop or mobile.", examples=["mobile"]
    )


class Keyword(Part):
    """A search to look up, with what differs from its market."""

    keyword: Text = Field(description="The words as people type them.", examples=["running shoes"])
    market: Slug | None = Field(
        default=None,
        description="Name of one of the `markets`; the first of them where none is named.",
        examples=["germany"],
    )
    country: Country | None = Field(default=None, description="Instead of the market's country.", examples=["at"])
    language: Language | None = Field(default=None, description="Instead of the market's language.", examples=["de"])
    device: Device | None = Field(default=None, description="Instead of the market's device.", examples=["desktop"])


def _bare_words(given: Any) -> Any:
    """The words alone are a keyword too."""
    return {"keyword": given} if isinstance(given, str) else given


def _bare_name(given: Any) -> Any:
    """The name of a source alone, with nothing below it, says nothing of it."""
    return {} if given is None else given


class Brand(Part):
    """A name whose page one is watched."""

    name: Text = Field(description="The brand, as people know it.", examples=["Acme Shoes"])
    queries: tuple[Text, ...] = Field(
        min_length=1,
        description="Searches for the brand; they are looked up like keywords, in the first market.",
        examples=[["acme", "acme reviews"]],
    )
    friendly: tuple[Site, ...] = Field(
        default=(), description="Sites that speak well of it and are not ours.", examples=[["partner.example"]]
    )


class Platform(Part):
    """What a source is told beyond its defaults. Environment variables that are set win over this file."""

    enabled: bool | None = Field(
        default=None, description="Switch the source on or off; left out, its default.", examples=[True]
    )
    credentials: Mapping[str, Variable] = Field(
        default_factory=dict,
        description="For each key, token or password, the NAME of the environment variable that holds it.",
        examples=[{"token": "TALLYRANK_PINTEREST_TOKEN"}],
    )
    settings: Mapping[str, Value] = Field(
        default_factory=dict,
        description="Settings that are no secrets, by the names of docs/SOURCES.md and .env.example, in lower case.",
        examples=[{"depth": 20, "rediscover_days": 14}],
    )


BareKeyword = Annotated[Keyword, BeforeValidator(_bare_words, json_schema_input_type=str | Keyword)]
BarePlatform = Annotated[Platform, BeforeValidator(_bare_name)]


class Schedule(Part):
    """When the daily run begins."""

    time: Clock | None = Field(
        default=None, description="Time of day, HH:MM; in place of hour and minute.", examples=["05:30"]
    )
    hour: int = Field(default=5, ge=0, le=23, description="Hour of the day, 0 to 23.", examples=[5])
    minute: int = Field(default=0, ge=0, le=59, description="Minute of the hour.", examples=[30])
    timezone: TimeZone = Field(
        default="UTC", description="IANA name; left out, the project's.", examples=["Europe/Berlin"]
    )

    @model_validator(mode="before")
    @classmethod
    def _from_time(cls, given: Any) -> Any:
        """Hour and minute from `time`, so that readers need to know one spelling only."""
        if not isinstance(given, dict) or given.get("time") is None:
            return given
        if "hour" in given or "minute" in given:
            raise ValueError("give either `time` or `hour` and `minute`, not both")
        try:
            at = datetime.time.fromisoformat(check.clock(str(given["time"])))
        except ValueError:
            return given  # the field itself says what is wrong with it
        return given | {"hour": at.hour, "minute": at.minute}


class Subscription(Part):
    """A mail to some people, at some time of some days."""

    name: Slug = Field(description="A short name, lower case with hyphens; each once.", examples=["morning"])
    to: tuple[Address, ...] = Field(min_length=1, description="Addresses of mail.", examples=[["me@example.com"]])
    time: Clock = Field(default="07:00", description="Time of day, HH:MM.", examples=["07:30"])
    timezone: TimeZone = Field(
        default="UTC", description="IANA name; left out, the project's.", examples=["Asia/Singapore"]
    )
    language: Literal["en", "de", "es", "zh", "ms"] = Field(
        default="en", description="Language of the mail.", examples=["de"]
    )
    days: str = Field(
        default="daily",
        pattern=rf"^(daily|weekdays|weekly:({'|'.join(DAYS)}))$",
        description="daily, weekdays, or weekly: and a day of the week.",
        examples=["weekdays", "weekly:monday"],
    )
    quiet: bool = Field(default=True, description="Send on quiet days too, in three lines.", examples=[False])

    @property
    def at(self) -> datetime.time:
        """The time of day, as a time."""
        return datetime.time.fromisoformat(self.time)

    def is_on(self, day: datetime.date) -> bool:
        """Whether a local day is one of its days."""
        if self.days == "weekdays":
            return day.weekday() < DAYS.index("saturday")
        return self.days == "daily" or self.days == f"weekly:{DAYS[day.weekday()]}"
