"""Servers that know less than the real service: one form of a question, answers of old versions, no tokens.

Such a server speaks a few handwritten answers in the shapes that the services have had over the years, and refuses all
else. Whatever can be read from it is read, by the whole connector; what cannot is failed in words, never 0 or gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.base import Ask, Connector, Post, Stream, ask_in_batches, parse_all
from connectors.errors import AuthError, BadRequest, QuotaExhausted, RateLimited, SourceError, Unavailable
from connectors.fallback import TRIES, ManyOrOne, about
from connectors.records import Observation, Raw, Status, Verb
from connectors.sandbox.server import running

SOME = "https://a.example/x"
Question = Callable[..., Ask]
Knows = Callable[[str, dict[str, str]], Any]  # the answer to a path with parameters, None where it is not known

REFUSALS: dict[str, Callable[[], Response]] = {
    "404 JSON": lambda: JSONResponse({"detail": "no such recording"}, 404),
    "404 text": lambda: PlainTextResponse("Not Found", 404),
    "404 page": lambda: HTMLResponse("<html><body>Not Found</body></html>", 404),
    "400": lambda: PlainTextResponse("bad request", 400),
    "405": lambda: PlainTextResponse("Method Not Allowed", 405),
    "501": lambda: PlainTextResponse("Unsupported method", 501),
    "page": lambda: HTMLResponse("<html><body>Welcome</body></html>"),
    "redirect": lambda: Response(status_code=307, headers={"location": "/elsewhere"}),
}


@contextmanager
def speaking(knows: Knows, refusal: str = "404 JSON") -> Iterator[tuple[str, list[str]]]:
    """A server that answers what it knows and refuses everything else; its address, and the paths it was asked."""
    asked: list[str] = []

    async def reply(request: Request) -> Response:
        asked.append(request.url.path)
        found = knows(request.url.path, dict(request.query_params)) if request.method == "GET" else None
        return found if isinstance(found, Response) else REFUSALS[refusal]() if found is None else JSONResponse(found)

    with running(Starlette(routes=[Route("/{path:path}", reply, methods=["GET", "POST"])])) as address:
        yield address, asked


@dataclass(frozen=True)
class Platform:
    """The two forms of a platform's question about known posts, and what must come of it."""

    name: str
    many: Callable[[Sequence[str]], tuple[str, str, Any]]  # path, the parameter with the ids, the answer about them
    one: Callable[[str], tuple[str, Any]]  # path and answer
    counts: dict[Verb, int]
    ids: tuple[str, ...] = ("101", "102", "103")
    settings: dict[str, Any] = field(default_factory=lambda: {"token": "tok-1"})

    def knows_one(self, path: str, params: dict[str, str]) -> Any:
        """Only one post at a time."""
        known = dict(map(self.one, self.ids))
        return None if self.parameter & params.keys() else known.get(path)

    def knows_many(self, path: str, params: dict[str, str]) -> Any:
        """Only many posts at a time, whichever are asked about."""
        known, _, answer = self.many(self.ids)
        return answer if path == known else None

    @property
    def parameter(self) -> set[str]:
        """The parameter of the form for many, where the form for one has none."""
        path, name, _ = self.many(self.ids)
        return {name} if path != self.one(self.ids[0])[0].partition("?")[0] else set()


def reddit_post(name: str) -> dict[str, Any]:
    """A submission as it was in 2018."""
    data = {"id": name[3:], "name": name, "score": 7, "num_comments": 2, "num_crossposts": 0, "hide_score": False}
    return {"kind": "t3", "data": data | {"url": SOME, "created_utc": 1500000000.0, "view_count": None}}


def listing(*children: Any) -> dict[str, Any]:
    """A listing of Reddit."""
    return {"kind": "Listing", "data": {"modhash": "", "children": list(children), "after": None, "before": None}}


def facebook_post(name: str) -> dict[str, Any]:
    """A post of a Page with counters."""
    sums = {"reactions": {"data": [], "summary": {"total_count": 7}}, "comments": {"summary": {"total_count": 2}}}
    return {"id": name, "created_time": "2021-07-01T10:00:00+0000", "shares": {"count": 3}} | sums


def medium(name: str) -> dict[str, Any]:
    """A medium as it was before saves, shares and views had fields."""
    return {"id": name, "like_count": 7, "comments_count": 2, "timestamp": "2021-07-01T10:00:00+0000"}


def video(name: str) -> dict[str, Any]:
    """A video as videos.list tells it."""
    statistics = {"viewCount": "90", "likeCount": "7", "favoriteCount": "0", "commentCount": "2"}
    return {"kind": "youtube#video", "id": name, "statistics": statistics}


def x_post(name: str) -> dict[str, Any]:
    """A post before bookmarks and impressions were told."""
    metrics = {"retweet_count": 2, "reply_count": 2, "like_count": 7, "quote_count": 1}
    return {"id": name, "text": "…", "created_at": "2021-07-01T10:00:00.000Z", "public_metrics": metrics}


def toot(name: str) -> dict[str, Any]:
    """A status of Mastodon 2.4: no quotes, and ids that were numbers once."""
    counts = {"reblogs_count": 3, "favourites_count": 7, "replies_count": 2}
    return {"id": int(name), "created_at": "2018-07-01T10:00:00.000Z", "content": "", "card": None} | counts


LIKED = {Verb.LIKE: 7, Verb.COMMENT: 2}
PLATFORMS = {
    p.name: p
    for p in (
        Platform(
            "reddit",
            lambda ids: ("/api/info", "id", listing(*map(reddit_post, ids))),
            lambda i: (f"/comments/{i[3:]}", [listing(reddit_post(i)), listing({"kind": "t1", "data": {"id": "c"}})]),
            LIKED | {Verb.SHARE: 1},
            ids=("t3_aaa", "t3_bbb", "t3_ccc"),
        ),
        Platform(
            "youtube",
            lambda ids: ("/youtube/v3/videos", "id", {"items": list(map(video, ids)), "pageInfo": {}}),
            lambda i: (f"/youtube/v3/videos?{i}", {"items": [video(i)]}),
            LIKED | {Verb.VIEW: 90},
            settings={"api_key": "key-1"},
        ),
        Platform(
            "facebook",
            lambda ids: ("/v26.0/", "ids", {i: facebook_post(i) for i in ids}),
            lambda i: (f"/v26.0/{i}", facebook_post(i)),
            LIKED | {Verb.SHARE: 3},
            ids=("1_1", "1_2", "1_3"),
        ),
        Platform(
            "instagram",
            lambda ids: ("/v26.0/", "ids", {i: medium(i) for i in ids}),
            lambda i: (f"/v26.0/{i}", medium(i)),
            LIKED,
            settings={"token": "tok-1", "user_id": "17"},
        ),
        Platform(
            "x",
            lambda ids: ("/2/tweets", "ids", {"data": list(map(x_post, ids))}),
            lambda i: (f"/2/tweets/{i}", {"data": x_post(i)}),
            LIKED | {Verb.SHARE: 3},
        ),
        Platform(
            "mastodon",
            lambda ids: ("/api/v1/statuses", "id[]", list(map(toot, ids))),
            lambda i: (f"/api/v1/statuses/{i}", toot(i)),
            LIKED | {Verb.SHARE: 3},
            settings={},
        ),
    )
}
each_platform = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)


def only_one(platform: Platform) -> Knows:
    """What a server knows that answers about one post at a time; YouTube has one path for both forms."""

    def knows(path: str, params: dict[str, str]) -> Any:
        return platform.knows_one(f"{path}?{params.get('id')}" if platform.name == "youtube" else path, params)

    return knows


def told(
    connector: Connector, question: Ask, stream: str = "by_post"
) -> tuple[list[Raw], dict[str | None, dict[Verb, Observation]]]:
    """The rows, and the observations by post and verb."""
    chosen: Stream = connector.stream(stream)
    rows = list(chosen.fetch(question))
    found: dict[str | None, dict[Verb, Observation]] = {}
    for o in parse_all(connector, chosen, rows):
        assert isinstance(o, Observation)
        found.setdefault(o.object_id, {})[o.verb] = o
    return rows, found


def numbers(observed: dict[Verb, Observation]) -> dict[Verb, int]:
    """The verbs that have a number."""
    return {verb: o.count for verb, o in observed.items() if o.count is not None}


def about_posts(ask: Question, connector: Connector, platform: Platform, address: str, **more: Any) -> Ask:
    """The question about the platform's posts."""
    posts = [Post(i, SOME) for i in more.pop("ids", platform.ids)]
    return ask(connector, posts=posts, base_url=address, **{"retries": 0, **platform.settings, **more})


class TestForms:
    """One form of the question about known posts is enough."""

    @each_platform
    @pytest.mark.parametrize("refusal", REFUSALS)
    def test_one_at_a_time(self, platform: Platform, refusal: str, connectors: Any, ask: Question) -> None:
        """However many at once are refused, each post is read by itself, with one request more or two."""
        connector = connectors[platform.name]
        with speaking(only_one(platform), refusal) as (address, asked):
            rows, found = told(connector, about_posts(ask, connector, platform, address))
        assert [r.subject for r in rows] == list(platform.ids)
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(platform.ids, platform.counts)
        assert len(asked) <= len(platform.ids) + 2

    @each_platform
    def test_many_at_a_time(self, platform: Platform, connectors: Any, ask: Question) -> None:
        """Where many at once are answered, nothing else is asked, but for YouTube's newer way to ask for many."""
        connector = connectors[platform.name]
        with speaking(platform.knows_many) as (address, asked):
            _, found = told(connector, about_posts(ask, connector, platform, address))
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(platform.ids, platform.counts)
        assert len(asked) == (2 if platform.name == "youtube" else 1)

    @each_platform
    def test_an_answer_about_other_posts(self, platform: Platform, connectors: Any, ask: Question) -> None:
        """Posts that nobody asked about leave open whether ours are there: they are asked for by themselves."""
        connector, others = connectors[platform.name], ("t3_zzz", "909")
        path, name, answer = platform.many([others[0] if platform.name == "reddit" else others[1]])

        def knows(asked_for: str, params: dict[str, str]) -> Any:
            is_many = asked_for == path and (platform.name != "youtube" or "," in params[name])
            return answer if is_many else only_one(platform)(asked_for, params)

        with speaking(knows) as (address, _):
            _, found = told(connector, about_posts(ask, connector, platform, address))
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(platform.ids, platform.counts)

    @pytest.mark.parametrize("name", ["reddit", "youtube", "facebook", "instagram"])
    def test_left_out_of_a_good_answer_is_gone(self, name: str, connectors: Any, ask: Question) -> None:
        """A post that is missing among others is not found, and not asked for again."""
        platform, connector = PLATFORMS[name], connectors[name]
        gone = "t3_zzz" if name == "reddit" else "909"
        with speaking(platform.knows_many) as (address, asked):
            question = about_posts(ask, connector, platform, address, ids=(*platform.ids, gone))
            _, found = told(connector, question)
        assert {o.status for o in found[gone].values()} == {Status.NOT_FOUND}
        assert numbers(found[platform.ids[0]]) == platform.counts
        assert len(asked) == (2 if name == "youtube" else 1)

    @each_platform
    @pytest.mark.parametrize("refusal", ["404 JSON", "404 text", "404 page", "400", "page"])
    def test_a_server_that_knows_nothing(
        self, platform: Platform, refusal: str, connectors: Any, ask: Question
    ) -> None:
        """Nothing is found and nothing is gone: every row is failed, after few requests."""
        connector, ids = connectors[platform.name], [f"t3_{i}" for i in range(100, 260)]
        chosen = ids if platform.name == "reddit" else [i[3:] for i in ids]
        with speaking(lambda *_: None, refusal) as (address, asked):
            rows, found = told(connector, about_posts(ask, connector, platform, address, ids=chosen))
        assert [r.subject for r in rows] == chosen
        assert {r.status for r in rows} == {Status.FAILED}
        assert {o.status for by_verb in found.values() for o in by_verb.values()} == {Status.FAILED}
        batches = -(-len(chosen) // connector.stream("by_post").batch)
        assert len(asked) <= 2 * (batches + TRIES) + 1

    @each_platform
    @pytest.mark.parametrize(("status", "kind"), [(401, "AuthError"), (429, "RateLimited")])
    def test_what_says_nothing_about_the_form(
        self, platform: Platform, status: int, kind: str, connectors: Any, ask: Question
    ) -> None:
        """A refused token or too high a pace is told as such, and no post is asked for by itself."""
        if (platform.name, status) == ("mastodon", 401):
            pytest.skip("an instance may ask for a sign-in over the question for many alone")
        connector = connectors[platform.name]
        with speaking(lambda *_: JSONResponse({"error": status}, status)) as (address, asked):
            rows, _ = told(connector, about_posts(ask, connector, platform, address))
        assert {(r.error or "").partition(":")[0] for r in rows} == {kind}
        assert len(asked) == 1

    def test_reddit_by_its_older_address(self, connectors: Any, ask: Question) -> None:
        """Where `comments` is not known either, `by_id` is asked; an id without its kind is the same post."""
        platform, connector = PLATFORMS["reddit"], connectors["reddit"]
        known = {f"/by_id/{i}": listing(reddit_post(i)) for i in platform.ids}
        with speaking(lambda path, _: known.get(path)) as (address, asked):
            _, found = told(connector, about_posts(ask, connector, platform, address, ids=("aaa", "t3_bbb")))
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(("aaa", "t3_bbb"), platform.counts)
        assert asked == ["/api/info", "/comments/aaa", "/by_id/t3_aaa", "/by_id/t3_bbb"]

    def test_reddit_knows_one_spelling(self, connectors: Any, ask: Question) -> None:
        """Spellings that are refused leave what the other one has: its counts, the number of shares a lower bound."""
        connector, found = connectors["reddit"], listing(reddit_post("t3_aaa"))
        with speaking(lambda _, params: found if params.get("url") == SOME else None) as (address, _):
            _, by_post = told(connector, ask(connector, urls=[SOME], token="tok", base_url=address), "by_url")
        assert numbers(by_post["t3_aaa"]) == PLATFORMS["reddit"].counts
        assert by_post["t3_aaa"][Verb.SHARE].quality.value == "lower_bound"

    @pytest.mark.parametrize("refusal", REFUSALS)
    def test_facebook_knows_no_batch_of_pages(self, refusal: str, connectors: Any, ask: Question) -> None:
        """Web pages are asked about one by one where the Batch API is refused."""
        connector, urls = connectors["facebook"], [SOME, f"{SOME}?page=2"]
        counts = {"share_count": 3, "reaction_count": 7, "comment_count": "2", "comment_plugin_count": 0}

        def knows(path: str, params: dict[str, str]) -> Any:
            return {"id": params["id"], "engagement": counts} if params.get("id") in urls else None

        with speaking(knows, refusal) as (address, asked):
            question = ask(connector, urls=urls, token="tok", base_url=address, retries=0)
            rows, found = told(connector, question, "by_url")
        assert [r.subject for r in rows] == urls
        assert numbers(found[None]) == {Verb.SHARE: 3, Verb.LIKE: 7, Verb.COMMENT: 2}
        assert len(asked) == 3

    @pytest.mark.parametrize("edge", ["posts", "feed"])
    def test_facebook_knows_an_older_edge(self, edge: str, connectors: Any, ask: Question) -> None:
        """The posts of a Page are read from the first edge there is."""
        connector, page = connectors["facebook"], {"data": [facebook_post("1_1")]}
        with speaking(lambda path, _: page if path == f"/v26.0/1/{edge}" else None) as (address, _):
            question = ask(connector, pages="1", token="tok", base_url=address)
            rows, found = told(connector, question, "by_page")
        assert [r.status for r in rows] == [Status.OBSERVED]
        assert numbers(found["1_1"]) == PLATFORMS["facebook"].counts


class TestAddresses:
    """Base addresses with and without what every path begins with; hosts without tokens."""

    @pytest.mark.parametrize(
        ("name", "suffix", "prefix"),
        [
            ("reddit", "/api", ""),
            ("youtube", "/youtube/v3", ""),
            ("facebook", "/v12.0", "/v12.0"),
            ("instagram", "/v26.0/", "/v26.0"),
            ("x", "/2", ""),
            ("mastodon", "/api", ""),
            ("mastodon", "/api/v1", ""),
        ],
    )
    def test_a_version_in_the_address(
        self, name: str, suffix: str, prefix: str, connectors: Any, ask: Question
    ) -> None:
        """What stands there already is not repeated, and the version that stands there is the one used."""
        platform, connector = PLATFORMS[name], connectors[name]
        path, _, answer = platform.many(platform.ids)
        expected = path.replace("/v26.0", prefix) if prefix else path
        with speaking(lambda asked, _: answer if asked == expected else None) as (address, _):
            _, found = told(connector, about_posts(ask, connector, platform, f"{address}{suffix}"))
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(platform.ids, platform.counts)

    @pytest.mark.parametrize(
        ("name", "keys"),
        [
            ("reddit", {"client_id": "id", "client_secret": "secret"}),
            ("x", {"api_key": "key", "api_secret": "secret"}),
        ],
    )
    def test_a_host_that_gives_no_tokens(self, name: str, keys: dict[str, str], connectors: Any, ask: Question) -> None:
        """It is asked without one; whether it wants one it says itself."""
        platform, connector = PLATFORMS[name], connectors[name]
        nothing = dict.fromkeys(platform.settings)
        with speaking(platform.knows_many) as (address, asked):
            _, found = told(connector, about_posts(ask, connector, platform, address, **nothing | keys))
        assert {i: numbers(o) for i, o in found.items()} == dict.fromkeys(platform.ids, platform.counts)
        assert len(asked) == 2
        with speaking(lambda *_: JSONResponse({"error": 401}, 401)) as (address, asked):
            rows, _ = told(connector, about_posts(ask, connector, platform, address, **nothing | keys))
        assert {(r.error or "").partition(":")[0] for r in rows} == {"AuthError"}
        assert len(asked) <= 2

    @pytest.mark.parametrize(
        ("name", "stream", "edge"),
        [("facebook", "by_page", "published_posts"), ("instagram", "media", "media"), ("threads", "posts", "threads")],
    )
    def test_the_next_page_is_asked_here(
        self, name: str, stream: str, edge: str, connectors: Any, ask: Question
    ) -> None:
        """A next page that stands on the real host is asked for at our own address, where the token belongs."""
        known = {
            "facebook": (facebook_post, {"pages": "1"}),
            "instagram": (medium, {"user_id": "1"}),
            "threads": (lambda i: {"id": int(i[2:]), "text": SOME}, {}),
        }
        make, account = known[name]

        def knows(path: str, params: dict[str, str]) -> Any:
            if path.endswith("/insights"):
                return {"data": [{"name": "likes", "values": [{"value": "7"}]}]}
            following = f"https://graph.{name}.example/v3.2/1/{edge}?access_token=theirs&limit=1&after=QVFI"
            last = {"data": make("1_2"), "paging": {"cursors": {"after": "QVFJ"}}}
            first = {"data": [make("1_1")], "paging": {"next": following}}
            return (last if "after" in params else first) if path.endswith(f"/{edge}") else None

        with speaking(knows) as (address, asked):
            question = ask(connectors[name], token="ours", base_url=address, **account)
            rows, found = told(connectors[name], question, stream)
        assert {r.status for r in rows} == {Status.OBSERVED}
        assert [r.subject for r in rows] == (["1", "2"] if name == "threads" else ["1_1", "1_2"])
        assert {o[Verb.LIKE].count for o in found.values()} == {7}
        assert len([p for p in asked if p.endswith(f"/{edge}")]) == 2

    @pytest.mark.parametrize(
        ("name", "stream"), [("facebook", "by_page"), ("instagram", "media"), ("threads", "posts")]
    )
    def test_one_page_again_and_again(self, name: str, stream: str, connectors: Any, ask: Question) -> None:
        """A server that answers every page with the first one: each post once, then a failed row in words."""
        account = {"facebook": {"pages": "1"}, "instagram": {"user_id": "1"}, "threads": {}}[name]
        page = {"data": [facebook_post("1_1") | medium("1_1")], "paging": {"next": "https://there.example/?after=a"}}
        with speaking(lambda path, _: {"data": []} if "insights" in path else page) as (address, asked):
            question = ask(connectors[name], token="tok", base_url=address, **account)
            rows = list(connectors[name].stream(stream).fetch(question))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.FAILED]
        assert "again" in (rows[1].error or "")
        assert len(asked) <= 3


class TestOldShapes:
    """Answers of versions before ours: what is there is read, what is missing is unknown."""

    @pytest.mark.parametrize(
        ("name", "changed", "lost"),
        [
            ("reddit", {"num_crossposts": None}, Verb.SHARE),
            ("facebook", {"reactions": None}, Verb.LIKE),
            ("facebook", {"comments": {"data": []}}, Verb.COMMENT),
            ("instagram", {"like_count": None}, Verb.LIKE),
            ("x", {"public_metrics": {"reply_count": 2, "like_count": 7}}, Verb.SHARE),
            ("mastodon", {"replies_count": None}, Verb.COMMENT),
            ("youtube", {"statistics": {"viewCount": "90", "commentCount": "2"}}, Verb.LIKE),
        ],
    )
    def test_a_missing_part_costs_its_verb_alone(
        self, name: str, changed: dict[str, Any], lost: Verb, connectors: Any, ask: Question
    ) -> None:
        """A counter or a section that did not come has no number, and the others have theirs."""
        platform, connector = PLATFORMS[name], connectors[name]
        path, _, answer = platform.many(platform.ids[:1])
        with speaking(lambda asked, _: _changed(answer, changed) if asked == path else None) as (address, _):
            _, found = told(connector, about_posts(ask, connector, platform, address, ids=platform.ids[:1]))
        kept = {verb: count for verb, count in platform.counts.items() if verb is not lost}
        assert numbers(found[platform.ids[0]]) == kept
        assert found[platform.ids[0]][lost].status in (Status.HIDDEN, Status.FAILED)

    @pytest.mark.parametrize("name", ["x", "mastodon", "facebook"])
    def test_ids_and_counts_of_another_type(self, name: str, connectors: Any, ask: Question) -> None:
        """Ids as numbers and counts as text are the same ids and counts."""
        platform, connector = PLATFORMS[name], connectors[name]
        name_of = "101"
        answers = {
            "x": {"data": {"id": 101, "public_metrics": _texts(x_post("1")["public_metrics"])}},
            "mastodon": toot("101") | {"favourites_count": "7", "replies_count": "2", "reblogs_count": "3"},
            "facebook": facebook_post("101") | {"id": 101, "shares": {"count": "3"}},
        }
        path, _ = platform.one(name_of)
        with speaking(lambda asked, _: answers[name] if asked == path else None) as (address, _):
            _, found = told(connector, about_posts(ask, connector, platform, address, ids=(name_of,)))
        assert numbers(found[name_of]) == platform.counts

    def test_old_lists_of_a_channel(self, connectors: Any, ask: Question) -> None:
        """Videos of a playlist are known by the part `snippet` as well."""
        item = {"snippet": {"resourceId": {"kind": "youtube#video", "videoId": "101"}}}
        described = video("101") | {"snippet": {"description": f"see {SOME}", "publishedAt": "2019-03-21T20:37:49Z"}}
        known = {
            "channels": {"items": [{"contentDetails": {"relatedPlaylists": {"uploads": "UU1"}}}]},
            "playlistItems": {"items": [item]},
            "videos": {"items": [described]},
        }
        with speaking(lambda path, _: known.get(path.rpartition("/")[2])) as (address, _):
            question = ask(connectors["youtube"], channels="UC1", api_key="key", base_url=address)
            _, found = told(connectors["youtube"], question, "by_channel")
        assert numbers(found["101"]) == PLATFORMS["youtube"].counts

    def test_insights_nobody_knows(self, connectors: Any, ask: Question) -> None:
        """Insights that are not there cost nothing but themselves."""
        page = {"data": [medium("101") | {"media_product_type": "FEED"}]}
        with speaking(lambda path, _: page if path.endswith("/media") else None, "404 page") as (address, _):
            question = ask(connectors["instagram"], token="t", user_id="1", insights=True, base_url=address)
            rows, found = told(connectors["instagram"], question, "media")
        assert [r.status for r in rows] == [Status.OBSERVED]
        assert numbers(found["101"]) == LIKED

    @pytest.mark.parametrize("values", [{"values": [{"value": 7}]}, {"total_value": {"value": "7"}}])
    def test_insights_of_few_metrics(self, values: dict[str, Any], connectors: Any, ask: Question) -> None:
        """Threads posts with one metric of the six: that one is read, and the others are hidden."""
        answer = {"data": [{"name": "likes", "period": "lifetime", **values}]}
        with speaking(lambda path, _: answer if path == "/v1.0/101/insights" else None) as (address, _):
            posts = [Post("101", SOME), Post("102", SOME)]
            question = ask(connectors["threads"], posts=posts, token="t", base_url=f"{address}/v1.0")
            _, found = told(connectors["threads"], question)
        assert numbers(found["101"]) == {Verb.LIKE: 7}
        assert {o.status for verb, o in found["101"].items() if verb is not Verb.LIKE} == {Status.HIDDEN}
        assert {o.status for o in found["102"].values()} == {Status.FAILED}


def _changed(answer: Any, changed: dict[str, Any]) -> Any:
    """The answer with other fields in its only post, None to leave one out."""
    if isinstance(answer, list):
        return [_changed(item, changed) for item in answer]
    if isinstance(answer, dict) and not changed.keys() & answer.keys():
        return {key: _changed(value, changed) for key, value in answer.items()}
    return {k: v for k, v in (answer | changed).items() if v is not None} if isinstance(answer, dict) else answer


def _texts(counts: dict[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


@pytest.mark.parametrize("name", ["mastodon", "facebook", "reddit"])
def test_pull_reads_from_such_a_server(name: str, tallyrank: Any, tmp_path: Path) -> None:
    """The command that reads one source by itself writes the readings, as on the real service."""
    platform, posts = PLATFORMS[name], tmp_path / "posts.txt"
    posts.write_text("\n".join(platform.ids), encoding="utf-8")
    prefix = f"TALLYRANK_{name.upper()}_"
    settings = {
        "ENABLED": "true",
        "TOKEN": "any",
        "CLIENT_ID": "any",
        "CLIENT_SECRET": "any",
        "REQUESTS_PER_SECOND": "1000",
    }
    with speaking(platform.knows_one, "404 page") as (address, _):
        environment = {prefix + key: value for key, value in (settings | {"BASE_URL": address}).items()}
        done = tallyrank("pull", name, "--posts", posts, "--out", tmp_path / "out.parquet", **environment)
    assert done.returncode == 0, done.stderr
    readings = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert {(r["object_id"], r["verb"], r["count"]) for r in readings if r["count"] is not None} == {
        (i, verb.value, count) for i in platform.ids for verb, count in platform.counts.items()
    }


# --- the rule itself -------------------------------------------------------------------------------------------------


def forms(ask: Ask, many: Any, known: Any, trouble: dict[str, SourceError]) -> tuple[ManyOrOne[str], list[str]]:
    """The two forms over some known subjects, and what was asked alone."""
    alone: list[str] = []

    def one(subject: str) -> Iterator[Raw]:
        alone.append(subject)
        if subject in trouble or subject not in known:
            raise trouble.get(subject, BadRequest("s", "unknown"))
        yield Raw(subject, ask.observed_at)

    return ManyOrOne(ask, many, one), alone


def refuse(_: Sequence[str]) -> list[Raw]:
    """A service that does not know the form for many."""
    raise BadRequest("s", "no such form")


@given(st.lists(st.integers(0, 60).map(str), unique=True, max_size=40), st.integers(1, 9), st.sets(st.integers(0, 60)))
def test_every_subject_has_one_row_in_order(subjects: list[str], size: int, known: set[int]) -> None:
    """Whatever is known one by one, each subject has one row, asked alone once at most and read if it could be."""
    ask = _ask()
    answer, alone = forms(ask, refuse, {str(k) for k in known}, {})
    rows = list(ask_in_batches(ask, subjects, size, answer))
    assert [r.subject for r in rows] == subjects
    assert len(alone) == len(set(alone))
    is_early = any(int(s) in known for s in subjects[: min(size, TRIES)])
    read = {r.subject for r in rows if r.status is Status.OBSERVED}
    assert read == ({s for s in subjects if int(s) in known} if is_early else set())
    assert len(alone) == (len(subjects) if is_early else min(size, TRIES, len(subjects)))


@pytest.mark.parametrize(
    ("error", "asked"),
    [(QuotaExhausted("s", "spent"), 2), (AuthError("s", "refused"), 2), (Unavailable("s", "down"), 9)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_fatal_ends_the_questions(error: SourceError, asked: int) -> None:
    """After it nothing is asked; what was read before it stays. One post that is down is no outage."""
    ask, subjects = _ask(), [str(n) for n in range(9)]
    answer, alone = forms(ask, refuse, subjects, {"1": error})
    rows = list(ask_in_batches(ask, subjects, 4, answer))
    assert [r.subject for r in rows] == subjects
    assert rows[0].status is Status.OBSERVED
    assert len(alone) == asked
    assert (rows[1].error or "").startswith(type(error).__name__)
    assert {r.status for r in rows[2:]} == {Status.FAILED if asked == 2 else Status.OBSERVED}


def test_an_outage_ends_the_questions_too() -> None:
    """Three in a row that cannot be reached are an outage."""
    ask, subjects = _ask(), [str(n) for n in range(9)]
    answer, alone = forms(ask, refuse, subjects, {s: Unavailable("s", "down") for s in subjects[2:]})
    rows = list(ask_in_batches(ask, subjects, 9, answer))
    assert [r.status for r in rows] == [Status.OBSERVED] * 2 + [Status.FAILED] * 7
    assert len(alone) == 5


@pytest.mark.parametrize("error", [AuthError("s", "no"), QuotaExhausted("s", "no"), RateLimited("s", "no")])
def test_other_refusals_are_not_about_the_form(error: SourceError) -> None:
    """The form for one is not tried for them."""
    ask = _ask()

    def many(_: Sequence[str]) -> list[Raw]:
        raise error

    answer, alone = forms(ask, many, ["1"], {})
    assert [r.status for r in ask_in_batches(ask, ["1"], 4, answer)] == [Status.FAILED]
    assert alone == []


def test_an_answer_is_about_what_was_asked() -> None:
    """Nothing found is an answer, some found too; only others are none."""
    assert about("s", ["1"], {}) == {}
    assert about("s", ["1", "2"], {"2": 0, "3": 0}) == {"2": 0, "3": 0}
    with pytest.raises(SourceError, match="something else"):
        about("s", ["1", "2"], {"3": 0})


def _ask() -> Ask:
    from connectors.records import day_noon
    from connectors.votes.mastodon import Settings
    from tests.conftest import DAY

    return Ask(Settings(_env_file=None, retries=0), DAY, day_noon(DAY))  # type: ignore[call-arg]
