"""Clients of the platforms' own making read the twins, unmodified and over their own networking.

What they can read, the twins say rightly. Facebook's, Instagram's and others' clients stand with their connectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox import reddit, youtube
from connectors.sandbox.search_console import property_of
from connectors.sandbox.world import SITES, World, WorldPost
from tests.conftest import DAY

AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SITE = "elm.example"


def alive(world: World, platform: str) -> dict[str, WorldPost]:
    """The posts there are, by id."""
    return {post.object_id: post for post in world.posts(platform) if post.exists_at(AT)}


# --- praw ------------------------------------------------------------------------------------------------------------


def praw_at(sandbox: str, client: str = "some-client", password: str = "some-secret") -> Any:
    """praw as anybody would make it, but for its addresses."""
    import praw

    address = f"{sandbox}/{DAY}/reddit"
    return praw.Reddit(
        client_id=client, client_secret=password, user_agent="python:test:0.1 (by /u/nobody)",
        oauth_url=f"{address}/", reddit_url=address, check_for_updates=False, check_for_async=False,
    )  # fmt: skip


def test_praw_reads_submissions_by_id(sandbox: str, world: World) -> None:
    """`info` by full names: those that exist, in their own objects, a hundred at a time."""
    posts = alive(world, "reddit")
    asked = [p.object_id for p in world.posts("reddit")]
    found = {s.fullname: s for s in praw_at(sandbox).info(fullnames=asked)}
    assert set(found) == set(posts) != set()
    for name, submission in found.items():
        assert submission.score == (1 if submission.hide_score else reddit.score_at(posts[name], AT))
        assert submission.num_comments == reddit.comments_at(posts[name], AT)
        assert datetime.fromtimestamp(submission.created_utc, UTC) == posts[name].published_at


def test_praw_reads_submissions_by_address(sandbox: str, world: World) -> None:
    """`info` by address: all submissions of exactly that address."""
    posts = alive(world, "reddit")
    url = next(iter(posts.values())).url
    found = [s.fullname for s in praw_at(sandbox).info(url=url)]
    assert sorted(found) == sorted(i for i, p in posts.items() if reddit.address(p.url) == reddit.address(url))


def test_praw_names_refusals(sandbox: str) -> None:
    """A wrong secret and a missing scope raise praw's own exceptions."""
    import prawcore

    with pytest.raises(prawcore.ResponseException) as caught:
        list(praw_at(sandbox, password="wrong").info(fullnames=["t3_1"]))
    assert caught.value.response.status_code == 401
    with pytest.raises(prawcore.InsufficientScope):
        list(praw_at(sandbox, client="no-scope").info(fullnames=["t3_1"]))


# --- google-api-python-client ----------------------------------------------------------------------------------------


def google(sandbox: str, platform: str, name: str, version: str, **known: Any) -> Any:
    """A Google service as anybody would make it, but for its address."""
    from googleapiclient.discovery import build

    options = {"api_endpoint": f"{sandbox}/{DAY}/{platform}"}
    return build(name, version, client_options=options, static_discovery=True, cache_discovery=False, **known)


def signed(token: str) -> Any:
    """httplib2 with a bearer token."""
    import google_auth_httplib2
    import httplib2
    from google.oauth2.credentials import Credentials

    known = Credentials(token=token)  # type: ignore[no-untyped-call]
    return google_auth_httplib2.AuthorizedHttp(known, http=httplib2.Http())


def pages(resource: Any, request: Any) -> Iterator[dict[str, Any]]:
    """Every page, as the client finds the next one."""
    while request is not None:
        answer = request.execute()
        yield answer
        request = resource.list_next(request, answer)


def test_googles_client_reads_a_channels_videos(sandbox: str, world: World) -> None:
    """channels, playlistItems page by page, videos: ids and counters are the world's."""
    client = google(sandbox, "youtube", "youtube", "v3", developerKey="sdk-key")
    (channel,) = client.channels().list(part="contentDetails", id=youtube.channel_of(SITE)).execute()["items"]
    uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    resource = client.playlistItems()
    asked = resource.list(part="contentDetails", playlistId=uploads, maxResults=2)
    ids = [i["contentDetails"]["videoId"] for page in pages(resource, asked) for i in page["items"]]
    videos = {i: v for i, v in alive(world, "youtube").items() if v.page.site == SITE}
    assert sorted(ids) == sorted(videos) != []
    items = client.videos().list(part="statistics", id=",".join(ids[:50])).execute()["items"]
    for item in items:
        counters = youtube.counters_of(world, videos[item["id"]], AT)
        assert {n: item["statistics"].get(n) for n in counters} == counters


def test_googles_client_searches_and_reads_in_batches(sandbox: str, world: World) -> None:
    """search finds the video by what it links to; batchGetStats gives its counters under their newer names."""
    video = next(iter(alive(world, "youtube").values()))
    client = google(sandbox, "youtube", "youtube", "v3", developerKey="sdk-key")
    found = client.search().list(part="snippet", type="video", q=f'"{video.page.url}"', maxResults=50).execute()
    assert video.object_id in [item["id"]["videoId"] for item in found["items"]]
    asked = client.videos().batchGetStats(part="id,snippet,statistics", id=video.object_id)
    (item,) = asked.execute()["items"]
    assert (item["id"], item["statistics"]) == (video.object_id, youtube.counters_of(world, video, AT))
    assert datetime.fromisoformat(item["snippet"]["publishTime"]) == video.published_at


def test_googles_client_reads_youtubes_errors(sandbox: str) -> None:
    """A bad key and an unknown playlist are told in Google's envelope."""
    from googleapiclient.errors import HttpError

    refused = google(sandbox, "youtube", "youtube", "v3", developerKey="bad").videos().list(part="id", id="x")
    unknown = google(sandbox, "youtube", "youtube", "v3", developerKey="k").playlistItems()
    for request, told in (
        (refused, (400, "keyInvalid")),
        (unknown.list(part="id", playlistId="UUx"), (404, "playlistNotFound")),
    ):
        with pytest.raises(HttpError) as caught:
            request.execute()
        assert (caught.value.resp.status, caught.value.error_details[0]["reason"]) == told


def test_googles_client_reads_search_console(sandbox: str, world: World) -> None:
    """sites and searchanalytics: every row is a page of the site that ranks, page by page without a loss."""
    client = google(sandbox, "search_console", "searchconsole", "v1", http=signed("sdk"))
    sites = client.sites().list().execute()["siteEntry"]
    assert {property_of(f"{site}.example") for site in SITES} <= {entry["siteUrl"] for entry in sites}
    day = str(DAY - timedelta(days=4))
    body = {"startDate": day, "endDate": day, "dimensions": ["query", "page"], "rowLimit": 3}
    resource, found, start = client.searchanalytics(), [], 0
    while rows := resource.query(siteUrl=property_of(SITE), body=body | {"startRow": start}).execute().get("rows", []):
        found += [tuple(row["keys"]) for row in rows]
        start += len(rows)
    known = {(q, p.url) for q in world.keywords for p in world.results(q, DAY - timedelta(days=4)) if p.site == SITE}
    assert len(found) == len(set(found)) > 3
    assert set(found) <= known


def test_googles_client_reads_search_consoles_errors(sandbox: str) -> None:
    """An expired token and somebody else's property are told in Google's envelope."""
    from google.auth.exceptions import RefreshError
    from googleapiclient.errors import HttpError

    with pytest.raises(RefreshError):  # after a 401 the client would renew the token, and cannot
        google(sandbox, "search_console", "searchconsole", "v1", http=signed("expired")).sites().list().execute()
    day = str(DAY - timedelta(days=4))
    stranger = google(sandbox, "search_console", "searchconsole", "v1", http=signed("sdk")).searchanalytics()
    with pytest.raises(HttpError) as caught:
        stranger.query(siteUrl="sc-domain:other.example", body={"startDate": day, "endDate": day}).execute()
    assert (caught.value.resp.status, caught.value.error_details[0]["reason"]) == (403, "forbidden")
