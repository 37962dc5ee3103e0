"""Snapchat, Public Profile API: views and shares of the Spotlights of public profiles. For allow-listed partners only.

There is no counter by web address and none that is open to everybody: Snap must put the app's client id on a list. So
it is off by default, and **most of the contract below is UNVERIFIED**: the shape of answers was seen in the code and
the reports of others, the error envelope and the limits nowhere.

`GET [/public]/v1/public_profiles/{profile_id}/stats?assetType=SPOTLIGHT&fields=VIEWS,SHARES&granularity=LIFETIME` lists
all Spotlights of a profile, one request per profile. The public tier tells views and shares; the other tier
(`authorized`) needs the creator's consent and tells more. Two shapes are read: `assets[]`, and
`timeseries_stats[].timeseries_stat`. Below either, `timeseries[].fields[]` hold `field.field_name` and `stats[]` with
`dimension_breakdown` (DEFAULT is the whole) and `value`, a number as text. No paging is known.

A field that Snap does not know for this kind of asset fails the whole question (400); the fields are then asked for one
by one, so that only the verb of the wrong one is lost. A field that is missing at one Spotlight is hidden.

Nothing says which page a Spotlight is about: the setting `links` does (`id=address`), else a Spotlight has no page.

Verbs: view VIEWS, share SHARES; like and comment only where authorized, under names that nobody has written down
(`like_field`, `comment_field`). Saves and clicks are not told.

Errors: 401 token (renewed once), 403 not allow-listed or no consent, bare 429 without headers; a 200 may say
`request_status` other than SUCCESS. The sister Marketing API allows 10 requests a second per token.
Retention: the partner contract decides. Names of profiles are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, ConnectorSettings, Stream, VerbMeaning, account_rows, reading
from connectors.bearer import Bearer
from connectors.errors import AuthError, BadAnswer, BadRequest, NotPermitted, SourceError
from connectors.fields import comma_separated, dig, loads, picked, plain
from connectors.http import Answer, Http, by_status, redacted
from connectors.records import Basis, Observation, Raw, Status, Verb

NAME = "snapchat"
API, SITE = "https://businessapi.snapchat.com", "https://accounts.snapchat.com"
WHOLE = "DEFAULT"
UNREADABLE = "unreadable"

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of Snapchat."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_SNAPCHAT_")
    required: ClassVar[tuple[str, ...]] = ("client_id", "client_secret", "refresh_token", "profile_ids")
    reads_from: ClassVar[tuple[str, ...]] = ("profile_ids",)
    instead: ClassVar[Mapping[tuple[str, ...], tuple[str, ...]]] = {
        ("client_id", "client_secret", "refresh_token"): ("token",)
    }

    enabled: bool = Field(False, description="Set to true if Snap has put your app on its list of partners.")
    base_url: str = Field(API, description="Address of the API.")
    auth_url: str | None = Field(
        None, description="Address that gives tokens; by default Snapchat's, or base_url where that was changed."
    )
    token: SecretStr | None = Field(None, description="A ready access token, used until it is refused.")
    client_id: SecretStr | None = Field(None, description="Client id of the app, as allow-listed by Snap.")
    client_secret: SecretStr | None = Field(None, description="Client secret of the app.")
    refresh_token: SecretStr | None = Field(None, description="Refresh token, scope snapchat-profile-api.")
    profile_ids: str = Field("", description="Ids of the public profiles, comma-separated.")
    authorized: bool = Field(False, description="Whether the owners of the profiles gave the app their consent.")
    like_field: str = Field("FAVORITES", description="Field counted as like where authorized; its name is a guess.")
    comment_field: str = Field("REPLIES", description="Field counted as comment where authorized; its name is a guess.")
    links: str = Field("", description="Which page each Spotlight is about: id=address, separated by spaces.")

    @property
    def profiles(self) -> list[str]:
        """The profiles, each once."""
        return comma_separated(self.profile_ids)

    @property
    def page_by_id(self) -> dict[str, str]:
        """The page of each Spotlight that has one."""
        pairs = (pair.partition("=") for pair in self.links.split())
        return {name: page for name, _, page in pairs if name and page}

    def auth_url_for(self, day: date) -> str:
        """The address below which tokens are given, without a trailing slash."""
        return self.other_url_for(day, self.auth_url, SITE)


class _Api(AbstractContextManager["_Api"]):
    """A client with one token."""

    def __init__(self, ask: Ask) -> None:
        self._ask, settings = ask, ask.settings
        can_sign_in = all(plain(s) for s in (settings.client_id, settings.client_secret, settings.refresh_token))
        self._bearer = Bearer(plain(settings.token), self._obtain if can_sign_in else None)
        self._open = ExitStack()
        self._http = self._open.enter_context(Http(NAME, ask, classify=self._classify))
        self._site = self._open.enter_context(
            Http(NAME, ask, classify=snapchat_error, base_url=settings.auth_url_for(ask.day))
        )

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._open.close()

    def stats(self, profile: str, fields: Sequence[str]) -> Any:
        """All Spotlights of a profile with the fields asked for."""
        tier = "" if self._ask.settings.authorized else "/public"
        path = f"{tier}/v1/public_profiles/{quote(profile, safe='')}/stats"
        asked = {"assetType": "SPOTLIGHT", "fields": ",".join(fields), "granularity": "LIFETIME"}
        return self._bearer.send(lambda header: self._http.get(path, asked, headers=dict(header))).json()

    def _classify(self, answer: Answer) -> SourceError | None:
        return snapchat_error(replace(answer, text=redacted(answer.text, self._bearer.secrets)))

    def _obtain(self) -> str:
        settings = self._ask.settings
        names = ("client_id", "client_secret", "refresh_token")
        form = {"grant_type": "refresh_token", **{name: plain(getattr(settings, name)) for name in names}}
        token = dig(self._site.post("/login/oauth2/access_token", data=form).json(), "access_token")
        if not isinstance(token, str) or not token:
            raise BadAnswer(NAME, "the answer to our sign-in holds no `access_token`")
        return token


def snapchat_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong: by HTTP status, by a failed sign-in, or inside a 200."""
    body = loads(answer.text)
    told = dig(body, "display_message") or dig(body, "debug_message") or dig(body, "error_description")
    words = f"HTTP {answer.status}: {str(told or answer.text)[:160]}"
    if answer.status == 401 or dig(body, "error") in ("invalid_grant", "invalid_client"):
        return AuthError(answer.source, f"the sign-in is refused or expired; sign in again. {words}")
    if answer.status == 403:
        return NotPermitted(answer.source, f"Snap has not allow-listed the app, or its owner not consented. {words}")
    status = dig(body, "request_status")
    if answer.status < 300 and isinstance(status, str) and status.upper() != "SUCCESS":
        return BadAnswer(answer.source, f"Snapchat answers {status}: {words}")
    return by_status(answer)


def fetch_spotlights(ask: Ask) -> Iterator[Raw]:
    """All Spotlights of the profiles."""
    profiles = ask.settings.profiles
    with _Api(ask) as api:
        for row in account_rows(ask, profiles, partial(_spotlights_of, ask, api)):
            yield replace(row, subject="account") if row.status is Status.FAILED else row


def _spotlights_of(ask: Ask, api: _Api, profile: str) -> Iterator[Raw]:
    wanted = list(fields_of(ask.settings).values())
    found: dict[str, Item] = {}
    refused: list[str] = []
    for fields, answer in _answers(api, profile, wanted):
        if answer is None:
            refused += fields
        for asset in assets_in(answer) if answer is not None else []:
            found.setdefault(_id(asset), {}).update(counts_in(asset, fields))
    pages = ask.settings.page_by_id
    for i, counts in found.items():
        kept = picked(counts, wanted)
        payload = {"asked": wanted, "refused": refused, "counts": kept, "fields": fields_of(ask.settings)}
        yield Raw(i, ask.observed_at, url=pages.get(i), payload=payload)


def fields_of(settings: Settings) -> dict[str, str]:
    """The field of each verb that may be asked for."""
    more = {Verb.LIKE: settings.like_field, Verb.COMMENT: settings.comment_field} if settings.authorized else {}
    chosen = {Verb.VIEW: "VIEWS", Verb.SHARE: "SHARES"} | {verb: name for verb, name in more.items() if name}
    return {verb.value: name for verb, name in chosen.items()}


def _answers(api: _Api, profile: str, fields: Sequence[str]) -> Iterator[tuple[Sequence[str], Any]]:
    """The answer about all fields at once or, where one of them is refused, about each; None for the refused."""
    try:
        yield fields, api.stats(profile, fields)
        return
    except BadRequest:
        if len(fields) == 1:
            raise
    answers = [([field], _answer_or_none(api, profile, field)) for field in fields]
    if all(answer is None for _, answer in answers):
        raise BadRequest(NAME, f"Snapchat refuses every field asked for: {', '.join(fields)}")
    yield from answers


def _answer_or_none(api: _Api, profile: str, field: str) -> Any:
    try:
        return api.stats(profile, [field])
    except BadRequest:
        return None


def assets_in(answer: Any) -> list[Item]:
    """The Spotlights of an answer, in either shape."""
    assets, wrapped = dig(answer, "assets"), dig(answer, "timeseries_stats")
    if isinstance(wrapped, list) and not isinstance(assets, list):
        assets = [dig(one, "timeseries_stat") for one in wrapped]
    if not isinstance(assets, list) or not all(isinstance(asset, dict) for asset in assets):
        raise BadAnswer(NAME, "the answer has no list `assets`")
    return assets


def _id(asset: Item) -> str:
    if not isinstance(asset.get("id"), str):
        raise BadAnswer(NAME, "a Spotlight has no `id`")
    return str(asset["id"])


def counts_in(asset: Item, asked: Sequence[str]) -> Item:
    """The lifetime value of each field that is told; UNREADABLE where the form is another one."""
    series = asset.get("timeseries")
    if series == []:
        return {}
    # A lifetime is one stretch of time.
    entries = dig(series[0], "fields") if isinstance(series, list) and len(series) == 1 else None
    named = [(dig(e, "field", "field_name"), e) for e in entries] if isinstance(entries, list) else [(None, None)]
    if not all(isinstance(name, str) for name, _ in named):
        return dict.fromkeys(asked, UNREADABLE)
    return {str(name): _whole_of(entry) for name, entry in named}


def _whole_of(entry: Any) -> Any:
    stats = dig(entry, "stats")
    values = (
        [s.get("value") for s in stats if dig(s, "dimension_breakdown") == WHOLE] if isinstance(stats, list) else []
    )
    return values[0] if len(values) == 1 and isinstance(values[0], (str, int)) else UNREADABLE


def parse(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Four readings per Spotlight."""
    for row in rows:
        for verb, meaning in CONNECTOR.verbs.items():
            field = dig(row.payload, "fields", verb.value) or meaning.native
            value, absent = dig(row.payload, "counts", field), _absent(row.payload, field)
            native = field if isinstance(field, str) else meaning.native
            yield reading(CONNECTOR, verb, row, value, absent=absent, native=native, object_id=row.subject)


def _absent(payload: Any, field: Any) -> Status:
    """Why a field has no number: not asked for, refused, unreadable, or not told."""
    asked, refused, counts = dig(payload, "asked"), dig(payload, "refused"), dig(payload, "counts")
    if isinstance(asked, list) and field not in asked:
        return Status.UNSUPPORTED
    is_told = not isinstance(counts, dict) or field in counts or not isinstance(refused, list)
    return Status.FAILED if is_told or field in refused else Status.HIDDEN


CONNECTOR = Connector(
    name=NAME,
    title="Snapchat",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            "spotlights",
            "Spotlights of public profiles",
            "account",
            fetch_spotlights,
            parse,
            requests="1 per profile",
        ),
    ),
    quota="Not told; the sister Marketing API allows 10 requests a second per token. One request per profile.",
    terms="Allow-listed partners only; the partner contract says what may be kept and for how long.",
    kept="as long as the partner contract allows, and no longer than it lasts",
    keys_from="Ask your contact at Snap to allow-list an OAuth app of your business for the Public Profile API, and "
    "sign in with the scope snapchat-profile-api.",
    verbs={
        Verb.VIEW: VerbMeaning("VIEWS", "Times one Spotlight was viewed, over its lifetime."),
        Verb.SHARE: VerbMeaning("SHARES", "Times one Spotlight was sent on, over its lifetime."),
        Verb.LIKE: VerbMeaning(
            "FAVORITES", "Times one Spotlight was favourited (name guessed); only with its creator's consent."
        ),
        Verb.COMMENT: VerbMeaning(
            "REPLIES", "Replies to one Spotlight (name guessed); only with its creator's consent."
        ),
    },
    basis=Basis.POST,
    verified="Nothing against real answers, and only parts against documentation: shapes seen in the code of others.",
)
