"""WeChat Official Accounts: the figures of one account's own articles, day of publishing by day of publishing.

- Token: `POST /cgi-bin/stable_token` with `appid`, `secret` and `force_refresh: false` gives an `access_token` for two
  hours. Unlike `/cgi-bin/token` it does not spoil the token of other programs. The address (IP) that asks must be on
  the account's list. The token travels in the query of every other question; one that is refused is renewed once.
- articles: `POST /datacube/getarticletotaldetail` with `begin_date` = `end_date` = one day of publishing (Beijing time,
  yesterday at the latest, from 2025-11-01 on). Each article has `detail_list`, one entry per `stat_date` for 30 days;
  the newest entry is read. So 30 questions a day, whatever the number of articles.
  With `figures` = `getarticletotal` the older question is asked instead (mass-sent articles only, 7 days, from
  2014-12-01): it is being switched off (47009). It counts readings where the new one counts people, so a change of
  this setting is a break in every series: write it into `breaks.yaml`.
- The page an article stands for is the address behind "read the original", from `POST /cgi-bin/freepublish/batchget`
  (20 per page, published articles only, no promise of their order). An article without one, and every article of an
  account that may not ask for that list, stands for its own address, `content_url`. `msgid` is `<mid>_<idx>` of that
  address. If the list fails today, the counts are kept without a page rather than given to another one.

Verbs: view is `read_user`, share `share_user`, like `like_user` + `zaikan_user`, comment `comment_count`, save
`collection_user`; nothing tells clicks. Older figures: view `int_page_read_count`, share `share_count`, save
`add_to_fav_count`, click `ori_page_read_count` ("read the original"); no likes, no comments. An empty list of days
stands for too few readers: hidden. `is_delay: true` means that figures are not ready (before 08:00 in Beijing): the
day is failed, never 0. Only the day of publishing is known, so noon in Beijing is written for the time.

Errors are HTTP 200 with `{"errcode", "errmsg"}`; good answers carry no `errcode`, or 0. -1 is busy; 40001, 40014, 41001
and 42001 refuse the token, 40013 and 40125 the app; 40164 the address; 48001 the right to ask; 45009 the day's quota;
61500 and 61501 the dates. Limits are set per question and day in the account's console; no header tells them.

Titles, authors, texts and the sources of readers (`read_user_source`) are not kept.

UNVERIFIED: that the entries of `detail_list` add up since publishing (third parties read them so; the older question
says it); codes 61500, 61501, 45011, 47009; that quotas begin anew at midnight in Beijing; that `no_content` leaves the
links in (else set `link_bodies`); that only verified accounts may ask; the shape of `read_jump_position`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import (
    Ask,
    Connector,
    ConnectorSettings,
    Stream,
    VerbMeaning,
    ask_in_batches,
    failed,
    reading,
    whole,
)
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    ConfigurationError,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Unavailable,
)
from connectors.fields import dig, loads, mapping, moment_of_day, objects, picked, plain, total
from connectors.http import Answer, Http, by_status, redacted, secrets_of
from connectors.limits import next_midnight
from connectors.records import Basis, Observation, Raw, Status, Verb

NAME = "wechat"
BEIJING = timezone(timedelta(hours=8))
NEW: Literal["getarticletotaldetail"] = "getarticletotaldetail"
OLD: Literal["getarticletotal"] = "getarticletotal"
MOST_DAYS: dict[str, int] = {NEW: 30, OLD: 7}
FIRST_DAY: dict[str, date] = {NEW: date(2025, 11, 1), OLD: date(2014, 12, 1)}
DETAILS: dict[str, str] = {NEW: "detail_list", OLD: "details"}
FIELDS: dict[str, dict[Verb, tuple[str, ...]]] = {
    NEW: {
        Verb.VIEW: ("read_user",),
        Verb.SHARE: ("share_user",),
        Verb.LIKE: ("like_user", "zaikan_user"),
        Verb.COMMENT: ("comment_count",),
        Verb.SAVE: ("collection_user",),
    },
    OLD: {
        Verb.VIEW: ("int_page_read_count",),
        Verb.SHARE: ("share_count",),
        Verb.SAVE: ("add_to_fav_count",),
        Verb.CLICK: ("ori_page_read_count",),
    },
}
PAGE_SIZE = 20
KINDS: dict[int, type[SourceError]] = {
    -1: Unavailable,
    **dict.fromkeys((40001, 40014, 41001, 42001, 40013, 40125), AuthError),
    **dict.fromkeys((40164, 41002, 41004, 47009), ConfigurationError),
    45011: RateLimited,
    48001: NotPermitted,
    53600: Gone,
}
ADVICE = {
    40013: "check TALLYRANK_WECHAT_APP_ID",
    40125: "check TALLYRANK_WECHAT_APP_SECRET",
    40164: "put this machine's address on the list of allowed addresses in the account's console",
    47009: "this question was switched off; leave TALLYRANK_WECHAT_FIGURES unset",
    48001: "the account may not ask this; only verified accounts may read figures",
}

Item = dict[str, Any]


class Settings(ConnectorSettings):
    """Settings of WeChat."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_WECHAT_")
    required: ClassVar[tuple[str, ...]] = ("app_id", "app_secret")

    base_url: str = Field("https://api.weixin.qq.com", description="Address of the API.")
    app_id: str | None = Field(None, description="AppID of the official account.")
    app_secret: SecretStr | None = Field(None, description="AppSecret of the official account.")
    figures: Literal["getarticletotaldetail", "getarticletotal"] = Field(
        NEW, description="Which figures to read; the older getarticletotal is being switched off."
    )
    days_back: int = Field(30, ge=1, le=30, description="Days of publishing to read, one question each.")
    source_links: bool = Field(True, description="Find the page behind each article's 'read the original' link.")
    link_pages: int = Field(10, ge=1, description="Most pages of 20 published articles to look for links in.")
    link_bodies: bool = Field(
        False, description="Let published articles come with their texts, where links do not come without; not kept."
    )


class Api:
    """Questions with a token that is fetched when first needed and renewed once when it is refused."""

    def __init__(self, http: Http, ask: Ask, secrets: list[str]) -> None:
        self._http, self._settings, self._secrets, self._token = http, ask.settings, secrets, ""

    def post(self, path: str, body: Item) -> Item:
        """The answer to one question, an object."""
        token = self._token or self._renewed()
        try:
            return self._answer(path, body, {"access_token": token})
        except AuthError:
            return self._answer(path, body, {"access_token": self._renewed()})

    def _renewed(self) -> str:
        secret = plain(self._settings.app_secret)
        app = {"appid": self._settings.app_id or "", "secret": secret}
        answer = self._answer(
            "/cgi-bin/stable_token", {"grant_type": "client_credential", **app, "force_refresh": False}
        )
        self._token = str(answer.get("access_token") or "")
        if not self._token:
            raise BadAnswer(NAME, "the answer that should hold a token has no `access_token`")
        self._secrets.append(self._token)
        return self._token

    def _answer(self, path: str, body: Item, params: Mapping[str, str] | None = None) -> Item:
        answer = self._http.post(path, params, json=body).json()
        if not isinstance(answer, dict):
            raise BadAnswer(NAME, f"the answer of {path} is no object")
        return answer


def wechat_error(answer: Answer, secrets: Sequence[str] = (), now: datetime | None = None) -> SourceError | None:
    """What an answer says went wrong: by HTTP status, then by `errcode`."""
    if problem := by_status(answer):
        return problem
    body = loads(answer.text)
    code = whole(dig(body, "errcode"))
    if not code:
        return None
    told = redacted(str(dig(body, "errmsg")), tuple(secrets))[:160]
    words = f"{advice}: {told} ({code})" if (advice := ADVICE.get(code)) else f"{told} ({code})"
    if code == 45009:
        resets_at = next_midnight(now or datetime.now(UTC), BEIJING)
        return QuotaExhausted(
            NAME, f"the day's quota is used up until {resets_at:%Y-%m-%d %H:%M} UTC: {words}", resets_at
        )
    error = KINDS.get(code, BadRequest)(NAME, words)
    error.is_fatal = error.is_fatal or code == 48001  # it concerns the account, so every other day is refused alike
    return error


def fetch_articles(ask: Ask) -> Iterator[Raw]:
    """The articles of each day of publishing, the newest day first."""
    days = [day.isoformat() for day in days_of(ask)]
    secrets = [*secrets_of(ask.settings)]  # and the tokens that are fetched
    with Http(NAME, ask, classify=lambda answer: wechat_error(answer, secrets)) as http:
        api, links = Api(http, ask, secrets), None
        try:
            links = links_of(ask, api)
        except SourceError as error:
            yield replace(failed(ask, "links", error), url=None)
            if error.is_fatal:
                return
        for row in ask_in_batches(ask, days, 1, lambda asked: _articles(ask, api, links, asked[0])):
            yield replace(row, url=None) if row.status is Status.FAILED else row  # a day is no address


def days_of(ask: Ask) -> list[date]:
    """The days of publishing whose figures still change, as Beijing counts days."""
    figures, yesterday = ask.settings.figures, ask.observed_at.astimezone(BEIJING).date() - timedelta(days=1)
    days = [yesterday - timedelta(days=n) for n in range(min(ask.settings.days_back, MOST_DAYS[figures]))]
    return [day for day in days if day >= FIRST_DAY[figures]]


def links_of(ask: Ask, api: Api) -> dict[str, str]:
    """The addresses behind "read the original", by `msgid`; none where they are not asked for or not allowed."""
    if not ask.settings.source_links:
        return {}
    body = {"count": PAGE_SIZE, "no_content": int(not ask.settings.link_bodies)}
    try:
        found = published(
            lambda n: api.post("/cgi-bin/freepublish/batchget", body | {"offset": n}), ask.settings.link_pages
        )
        pairs = [(msgid_of(item.get("url")), item.get("content_source_url")) for item in found]
    except NotPermitted:
        return {}
    return {msgid: link for msgid, link in pairs if msgid and isinstance(link, str) and link}


def published(page_at: Callable[[int], Item], most_pages: int) -> Iterator[Item]:
    """The articles of the list of published ones, page by page."""
    offset = 0
    for _ in range(most_pages):
        body = page_at(offset)
        items, total = body.get("item"), whole(body.get("total_count"))
        if not isinstance(items, list) or total is None:
            raise BadAnswer(NAME, "the list of published articles has no `item` or no `total_count`")
        yield from (article for item in items for article in _news(item))
        offset += len(items)
        if not items or offset >= total:
            return


def _news(item: Any) -> list[Item]:
    articles = dig(item, "content", "news_item")
    if not isinstance(articles, list):
        raise BadAnswer(NAME, "a published article has no `news_item`; TALLYRANK_WECHAT_LINK_BODIES=true may bring it")
    return objects(articles)


def msgid_of(address: Any) -> str | None:
    """`<mid>_<idx>` of an article's address; None for the short form, which hides both."""
    fields = parse_qs(urlsplit(address).query) if isinstance(address, str) else {}
    return f"{fields['mid'][0]}_{fields['idx'][0]}" if {"mid", "idx"} <= fields.keys() else None


def _articles(ask: Ask, api: Api, links: Mapping[str, str] | None, day: str) -> list[Raw]:
    figures = ask.settings.figures
    body = api.post(f"/datacube/{figures}", {"begin_date": day, "end_date": day})
    articles = body.get("list")
    if not isinstance(articles, list) or not all(isinstance(a, dict) and a.get("msgid") for a in articles):
        raise BadAnswer(NAME, f"the figures of {day} have no `list`, or an article has no `msgid`")
    if body.get("is_delay") is True:
        raise Unavailable(NAME, f"the figures of {day} are not ready yet; ask again later")
    return [_row(ask, article, links) for article in articles]


def _row(ask: Ask, article: Item, links: Mapping[str, str] | None) -> Raw:
    msgid, own = str(article["msgid"]), article.get("content_url")
    page = None if links is None else links.get(msgid) or (own if isinstance(own, str) and own else None)
    return Raw(msgid, ask.observed_at, url=page, payload=project(article, ask.settings.figures))


def project(article: Item, figures: str) -> Item:
    """What parsing reads of an article: the counters of its newest day; null where there is none yet."""
    kept: Item = {"ref_date": article.get("ref_date"), "figures": figures}
    days = article.get(DETAILS[figures])
    if isinstance(days, list):
        newest = max(objects(days), key=lambda day: str(day.get("stat_date")), default=None)
        names = {"stat_date", *(name for parts in FIELDS[figures].values() for name in parts)}
        kept["newest"] = newest and picked(newest, sorted(names))
    return kept


def parse_articles(rows: Sequence[Raw]) -> Iterator[Observation]:
    """Six readings per article; verbs that the figures do not have are unsupported."""
    for row in rows:
        payload = mapping(row.payload)
        fields = FIELDS.get(str(payload.get("figures")))
        newest, at = payload.get("newest"), moment_of_day(payload.get("ref_date"), BEIJING, time(12))
        absent = Status.HIDDEN if "newest" in payload and newest is None else Status.FAILED
        for verb in CONNECTOR.verbs:
            names = fields.get(verb, ()) if fields else ()
            status = Status.UNSUPPORTED if fields and not names else absent
            native = " + ".join(names) or CONNECTOR.verbs[verb].native
            yield reading(
                CONNECTOR, verb, row, _sum(newest, names), absent=status,
                native=native, object_id=row.subject, published_at=at,
            )  # fmt: skip


def _sum(counters: Any, names: Sequence[str]) -> int | None:
    """The sum of some counters; None unless every one of them is known."""
    return total(mapping(counters).get(name) for name in names)


CONNECTOR = Connector(
    name=NAME,
    title="WeChat Official Accounts",
    signal="votes",
    settings=Settings,
    streams=(
        Stream(
            name="articles",
            title="Articles of our own account, of the last 30 days",
            asks="account",
            requests="1 per day of publishing",
            fetch=fetch_articles,
            parse=parse_articles,
        ),
    ),
    quota="Set per question and day in the account's console. One request per day of publishing (30 a day), a few for "
    "the links and one for the token.",
    terms="One's own account only; the secret stays on the server whose address is on the account's list. No rule on "
    "keeping figures was found. Titles, authors and texts are not kept.",
    keys_from="Take AppID and AppSecret from the account's console at mp.weixin.qq.com and put this machine's address "
    "on its list of allowed addresses.",
    verbs={
        Verb.VIEW: VerbMeaning("read_user", "People who opened one article since it was published."),
        Verb.SHARE: VerbMeaning("share_user", "People who passed one article on, to friends or to their moments."),
        Verb.LIKE: VerbMeaning(
            "like_user + zaikan_user",
            "People who gave a thumb (like) plus people who pressed 'wow' (zaikan); one person may do both.",
        ),
        Verb.COMMENT: VerbMeaning("comment_count", "Comments left under one article."),
        Verb.SAVE: VerbMeaning("collection_user", "People who added one article to their favourites."),
        Verb.CLICK: VerbMeaning(
            "ori_page_read_count", "Openings of the page behind 'read the original'; older figures only."
        ),
    },
    basis=Basis.POST,
    verified="Nothing against real answers: written from documentation; the twin was driven by wechatpy 1.8.18.",
)
