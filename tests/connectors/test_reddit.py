"""Reddit: what praw sends, what the twin answers, and what we make of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Post, parse_all
from connectors.errors import ConfigurationError
from connectors.records import Basis, Quality, Raw, Status, Verb, day_noon, raw_rows, raw_table
from connectors.sandbox import reddit as twin
from connectors.sandbox.server import build_app, running
from connectors.urls import url_variants
from connectors.votes.reddit import CONNECTOR, FIELDS, Settings, _posts

BY_URL, BY_POST = CONNECTOR.stream("by_url"), CONNECTOR.stream("by_post")
KEYS = {"client_id": "some-client", "client_secret": "some-secret"}
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)


def pull(stream, question):
    """Fetch, store, load and parse: rows and observations."""
    rows = raw_rows(raw_table(stream.fetch(question)))
    return rows, parse_all(CONNECTOR, stream, rows)


def known(posts):
    return [Post(p.object_id, p.page.url, p.published_at) for p in posts]


def page_with_posts(world, moment=AT, more_than=0):
    return next(p for p in world.pages if len(world.posts_of("reddit", p, moment)) > more_than)


def row(*posts, subject="https://a.example/x", is_full=False):
    return Raw(subject, AT, url=subject, payload={"posts": list(posts), "is_full": is_full})


def body(name="t3_a", **fields):
    full = {
        "object_id": name,
        "url": "https://a.example/x",
        "created_utc": 1776083057.0,
        "score": 7,
        "hide_score": False,
        "num_comments": 3,
        "num_crossposts": 2,
    }
    return full | fields


def by_verb(observations):
    return {o.verb: o for o in observations}


# --- by_url


def test_a_page_is_asked_about_under_each_spelling_and_its_submissions_are_found_once(ask, world):
    """Four requests per page and one for the token; every submission that exists comes back, with the true counts."""
    moment = AT
    pages = world.pages[:12]
    question = ask(CONNECTOR, urls=[p.url for p in pages], **KEYS)
    rows, observations = pull(BY_URL, question)
    assert question.meter.requests == 1 + 4 * len(pages)
    assert [r.subject for r in rows] == [p.url for p in pages]
    truth = {p.object_id: p for page in pages for p in world.posts_of("reddit", page, moment)}
    likes = [o for o in observations if o.verb is Verb.LIKE and o.object_id]
    assert sorted(o.object_id for o in likes) == sorted(truth)
    for o in likes:
        post = truth[o.object_id]
        assert (o.count, o.url, o.published_at) == (twin.score_at(post, moment), post.url, post.published_at)
        assert (o.basis, o.quality, o.observed_at) == (Basis.POST, Quality.FUZZED, moment)


def test_comments_and_shares_are_the_worlds(ask, world):
    """comment is num_comments; share is 1 + num_crossposts, or 0 for a crosspost whose parent is read too."""
    _, observations = pull(BY_URL, ask(CONNECTOR, urls=[p.url for p in world.pages], **KEYS))
    names = {o.object_id for o in observations} - {None}
    crossposts = 0
    for o in observations:
        if o.object_id is None or o.verb is Verb.LIKE:
            continue
        post = world.post("reddit", o.object_id)
        is_crosspost = twin.parent_of(world, post) in names
        crossposts += is_crosspost
        share = 0 if is_crosspost else 1 + twin.crossposts_at(world, post, AT)
        assert o.count == (share if o.verb is Verb.SHARE else twin.comments_at(post, AT))
    assert crossposts


def test_a_page_without_submissions_reads_zero_as_a_lower_bound(ask):
    """Nothing found is 0 for every verb, not a failure, and no more than a lower bound."""
    _, observations = pull(BY_URL, ask(CONNECTOR, urls=["https://nobody.example/posts-this"], **KEYS))
    assert {(o.verb, o.count, o.quality, o.basis, o.object_id) for o in observations} == {
        (verb, 0, Quality.LOWER_BOUND, Basis.POST, None) for verb in CONNECTOR.verbs
    }


def test_what_is_no_web_address_fails_alone_and_is_not_asked(ask, world):
    """A bad subject becomes a failed row; its neighbours are read."""
    question = ask(CONNECTOR, urls=["mailto:a@b.example", page_with_posts(world).url], **KEYS)
    rows, _ = pull(BY_URL, question)
    assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]
    assert rows[0].error.startswith("BadRequest: ")
    assert question.meter.requests == 5


def test_a_fragment_is_not_a_spelling_of_its_own(ask, world):
    """Reddit drops fragments, so the address with one is not asked about a fifth time."""
    question = ask(CONNECTOR, urls=[page_with_posts(world).url + "#top"], **KEYS)
    _, observations = pull(BY_URL, question)
    assert question.meter.requests == 5
    assert any(o.object_id for o in observations)


def test_the_same_submission_found_for_two_subjects_is_read_once(ask, world):
    """Two spellings of one page in the list of pages do not double its votes."""
    url = page_with_posts(world).url
    _, twice = pull(BY_URL, ask(CONNECTOR, urls=[url, url + "/"], **KEYS))
    _, once = pull(BY_URL, ask(CONNECTOR, urls=[url], **KEYS))
    assert twice == once


def test_a_full_list_makes_the_shares_a_lower_bound(ask):
    """Reddit gives 100 submissions and no second page: there may be more."""
    observations = by_verb(parse_all(CONNECTOR, BY_URL, [row(body(), is_full=True)]))
    assert observations[Verb.SHARE].quality is Quality.LOWER_BOUND
    assert observations[Verb.LIKE].quality is Quality.FUZZED


def test_people_and_their_words_are_not_kept(ask, world):
    """The twin serves authors, titles and texts; no row holds them."""
    page = page_with_posts(world)
    rows, _ = pull(BY_URL, ask(CONNECTOR, urls=[page.url], **KEYS))
    rows += pull(BY_POST, ask(CONNECTOR, posts=known(world.posts_of("reddit", page, AT)), **KEYS))[0]
    text = json.dumps([r.payload for r in rows])
    assert "t3_" in text
    for personal in ("author", "person_", "t2_", "title", "selftext", "Look at this", "permalink"):
        assert personal not in text
    assert set(rows[0].payload["posts"][0]) <= {*FIELDS, "object_id"}


# --- by_post


def test_known_submissions_are_refreshed_by_hundreds(ask, world):
    """250 ids take three requests (and one for the token); order and page are kept, counts are the world's."""
    posts = (known(p for p in world.posts("reddit") if p.exists_at(AT)) * 9)[:250]
    question = ask(CONNECTOR, posts=posts, **KEYS)
    rows, observations = pull(BY_POST, question)
    assert question.meter.requests == 1 + 3
    assert [(r.subject, r.url) for r in rows] == [(p.object_id, p.url) for p in posts]
    for o in (o for o in observations if o.verb is Verb.LIKE):
        post = world.post("reddit", o.object_id)
        assert (o.count, o.url, o.published_at) == (twin.score_at(post, AT), post.page.url, post.published_at)


@pytest.mark.parametrize("count", [1, 99, 100, 101, 200])
def test_the_number_of_requests_is_the_documented_minimum(ask, count):
    """One request for up to 100 ids."""
    question = ask(CONNECTOR, posts=[Post(f"t3_{n}", "https://a.example/") for n in range(count)], **KEYS)
    assert len(list(BY_POST.fetch(question))) == count
    assert question.meter.requests == 1 + -(-count // 100)


def test_ids_that_reddit_leaves_out_are_not_found(ask, world):
    """Deleted, unknown and not yet published submissions end as not_found; the one between them is read."""
    deleted = next(p for p in world.posts("reddit") if p.deleted_day and p.deleted_day <= AT.date())
    future = next(p for p in world.posts("reddit") if p.published_at > AT)
    alive = next(p for p in world.posts("reddit") if p.exists_at(AT))
    posts = [*known([deleted, alive, future]), Post("t3_nosuchid", "https://a.example/")]
    rows, observations = pull(BY_POST, ask(CONNECTOR, posts=posts, **KEYS))
    assert [r.status for r in rows] == [Status.NOT_FOUND, Status.OBSERVED, Status.NOT_FOUND, Status.NOT_FOUND]
    gone = [o for o in observations if o.object_id == deleted.object_id]
    assert {(o.verb, o.status, o.count, o.published_at) for o in gone} == {
        (verb, Status.NOT_FOUND, None, deleted.published_at) for verb in CONNECTOR.verbs
    }


def test_a_hidden_score_is_hidden_not_one(ask, world):
    """While hide_score is true Reddit shows 1: the like is hidden, the comments are read."""
    shy = next(p for p in world.posts("reddit") if p.is_shy)
    first_noon = next(
        d for n in range(2) if (d := shy.published_at.date() + timedelta(n)) and shy.exists_at(day_noon(d))
    )
    _, young = pull(BY_POST, ask(CONNECTOR, posts=known([shy]), day=first_noon, **KEYS))
    assert (by_verb(young)[Verb.LIKE].status, by_verb(young)[Verb.LIKE].count) == (Status.HIDDEN, None)
    assert by_verb(young)[Verb.COMMENT].status is Status.OBSERVED
    _, old = pull(BY_POST, ask(CONNECTOR, posts=known([shy]), day=first_noon + timedelta(2), **KEYS))
    assert by_verb(old)[Verb.LIKE].count == twin.score_at(shy, day_noon(first_noon + timedelta(2)))


def test_a_removed_submission_is_still_counted(ask, world):
    """A submission that moderators removed answers by id; its votes were given."""
    removed = next(p for p in world.posts("reddit") if p.page.index % 10 == 9 and p.exists_at(AT))
    _, observations = pull(BY_POST, ask(CONNECTOR, posts=known([removed]), **KEYS))
    assert all(o.status is Status.OBSERVED for o in observations)


# --- parsing by itself


@pytest.mark.parametrize(
    ("gone", "verb"), [("score", Verb.LIKE), ("num_comments", Verb.COMMENT), ("num_crossposts", Verb.SHARE)]
)
def test_a_renamed_counter_fails_its_verb_only(ask, fault, world, gone, verb):
    """A counter that always was there and is gone is a failed reading; the other verbs stay."""
    fault("reddit", f"rename:{gone}")
    alive = next(p for p in world.posts("reddit") if p.exists_at(AT) and not p.is_shy)
    for observations in (
        pull(BY_POST, ask(CONNECTOR, posts=known([alive]), **KEYS))[1],
        pull(BY_URL, ask(CONNECTOR, urls=[alive.page.url], **KEYS))[1],
    ):
        assert {o.status for o in observations if o.verb is verb} == {Status.FAILED}
        assert {o.status for o in observations if o.verb is not verb} == {Status.OBSERVED}


@pytest.mark.parametrize("gone", ["name", "children", "data"])
def test_a_listing_that_cannot_be_read_is_a_failure_not_an_absence(ask, fault, world, gone):
    """Without names, known submissions would look deleted and pages unshared: the answer is refused instead."""
    fault("reddit", f"rename:{gone}")
    post = next(p for p in world.posts("reddit") if p.exists_at(AT))
    for stream, question in (
        (BY_POST, ask(CONNECTOR, posts=known([post]), **KEYS)),
        (BY_URL, ask(CONNECTOR, urls=[post.page.url], **KEYS)),
    ):
        rows, observations = pull(stream, question)
        assert [r.error.partition(":")[0] for r in rows] == ["BadAnswer"]
        assert {o.status for o in observations} == {Status.FAILED}


def test_a_renamed_date_is_taken_from_what_is_known(ask, fault, world):
    """created_utc gone: a refreshed submission keeps its known date."""
    fault("reddit", "rename:created_utc")
    post = next(p for p in world.posts("reddit") if p.exists_at(AT))
    _, observations = pull(BY_POST, ask(CONNECTOR, posts=known([post]), **KEYS))
    assert {o.published_at for o in observations} == {post.published_at}


def test_a_crosspost_counts_by_itself_where_its_parent_is_not_read():
    """Only a parent that is read has already counted the crosspost."""
    child = body("t3_b", crosspost_parent="t3_a", num_crossposts=0)
    alone = by_verb(parse_all(CONNECTOR, BY_URL, [row(child)]))
    assert alone[Verb.SHARE].count == 1
    both = parse_all(CONNECTOR, BY_URL, [row(body(), child)])
    assert [o.count for o in both if o.verb is Verb.SHARE] == [3, 0]


def test_a_crosspost_and_its_parent_may_be_refreshed_in_different_batches():
    """What counts is whether the parent is read on the same day, and is still there."""
    rows = [
        Raw("t3_b", AT, url="https://a.example/x", payload=body("t3_b", crosspost_parent="t3_a", num_crossposts=0)),
        Raw("t3_a", AT, url="https://a.example/x", payload=body()),
    ]
    assert [o.count for o in parse_all(CONNECTOR, BY_POST, rows) if o.verb is Verb.SHARE] == [0, 3]
    rows[1] = Raw("t3_a", AT, Status.NOT_FOUND, "https://a.example/x", {"published_at": None})
    assert [o.count for o in parse_all(CONNECTOR, BY_POST, rows) if o.verb is Verb.SHARE] == [1, None]


@given(
    st.dictionaries(
        st.sampled_from((*FIELDS, "object_id", "published_at", "posts", "other")),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers() | st.none()),
    )
)
def test_parsing_never_raises_and_explains_every_verb(fields):
    """Whatever a submission holds, each verb has one observation, with a count only when it is observed."""
    for stream, found in (
        (BY_POST, [Raw("t3_a", AT, url="https://a.example/x", payload=fields)]),
        (BY_URL, [row(fields)]),
        (BY_URL, [Raw("https://a.example/x", AT, url="https://a.example/x", payload=fields | {"posts": "?"})]),
    ):
        assert sorted(o.verb for o in parse_all(CONNECTOR, stream, found)) == sorted(CONNECTOR.verbs)


@given(st.lists(st.integers(0, 30), max_size=40))
def test_no_submission_is_lost_or_repeated(names):
    """However submissions repeat among rows, each is read exactly once."""
    rows = [row(*(body(f"t3_{n}") for n in names[i::3]), subject=f"https://a.example/{i}") for i in range(3)]
    likes = [o.object_id for o in parse_all(CONNECTOR, BY_URL, rows) if o.verb is Verb.LIKE and o.object_id]
    assert sorted(likes) == sorted({f"t3_{n}" for n in names})


def test_the_recorded_answer_parses(shared):
    """A real answer of 2017: 25 submissions under their own addresses; it had no crosspost counts yet."""
    recorded = json.loads((shared / "data/responses/reddit/info_url.json").read_text())
    observations = parse_all(CONNECTOR, BY_URL, [row(*_posts(recorded), subject="https://youtube.com")])
    assert len(observations) == 3 * 25
    for o in observations:
        assert o.status is (Status.FAILED if o.verb is Verb.SHARE else Status.OBSERVED)
        assert o.url.lower() in ("http://youtube.com", "http://www.youtube.com")
        assert o.published_at.year == 2017
    assert {twin.address(o.url) for o in observations} == {twin.address("youtube.com")}


# --- errors


def failures(ask, world, stream=BY_URL, count=2, **settings):
    """The words of the failed rows, and how many requests were made."""
    question = ask(CONNECTOR, urls=[p.url for p in world.pages[:count]], **KEYS | settings)
    rows, observations = pull(stream, question)
    assert {r.status for r in rows} == {Status.FAILED}
    assert len(observations) == count * len(CONNECTOR.verbs)
    for r in rows:
        assert not any(secret in r.error for secret in ("some-secret", "twin.", "hush-hush"))
    return {r.error.partition(":")[0] for r in rows}, rows[0].error, question.meter.requests


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"client_secret": "wrong"}, ("AuthError", "CLIENT_SECRET", 1)),
        ({"client_id": "deny-200"}, ("AuthError", "unsupported_grant_type", 1)),
        ({"token": "expired"}, ("AuthError", "TALLYRANK_REDDIT_TOKEN", 1)),
        ({"client_id": "blocked"}, ("ConfigurationError", "blocks this client", 2)),
        ({"client_id": "no-scope"}, ("NotPermitted", "HTTP 403", 3)),
        ({"client_id": "x", "client_secret": None}, ("ConfigurationError", "TALLYRANK_REDDIT_CLIENT_SECRET", 0)),
    ],
)
def test_refusals_have_their_classes_and_fatal_ones_end_the_questions(ask, world, settings, expected):
    """Each refusal says what to do; after a fatal one no request is made for the other pages."""
    error, words, requests = expected
    kinds, message, made = failures(ask, world, **settings)
    assert (kinds, made) == ({error}, requests)
    assert words in message


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("400", "BadRequest"),
        ("401", "AuthError"),
        ("402", "WalletEmpty"),
        ("403", "NotPermitted"),
        ("404", "Gone"),
        ("451", "Gone"),
        ("302", "BadRequest"),
        ("429", "RateLimited"),
        ("500", "Unavailable"),
        ("503", "Unavailable"),
        ("522", "Unavailable"),
        ("204", "BadAnswer"),
        ("cut", "Unavailable"),
        ("html", "BadAnswer"),
        ("broken_json", "BadAnswer"),
    ],
)
def test_faults_have_their_classes(ask, world, fault, kind, error):
    """Statuses and broken answers, of the token's address and of the API's, end in the right class."""
    fault("reddit", kind)
    for settings in ({}, {"token": "hush-hush"}):
        kinds, _, _ = failures(ask, world, retries=0, **settings)
        assert kinds == {error}


@pytest.mark.parametrize("kind", ["429", "503", "522", "cut"])
def test_transient_failures_are_tried_again_by_one_rule(ask, world, fault, kind):
    """Three failures, then an answer: one row read, three more requests than needed, none by prawcore's own rule."""
    fault("reddit", kind, times=3)
    question = ask(CONNECTOR, urls=[page_with_posts(world).url], **KEYS)
    rows, _ = pull(BY_URL, question)
    assert [r.status for r in rows] == [Status.OBSERVED]
    assert question.meter.requests == 1 + 4 + 3


def test_the_tries_end(ask, world, fault):
    """After `retries` more tries a page fails and the next is asked."""
    fault("reddit", "503")
    _, _, requests = failures(ask, world, retries=2)
    assert requests == 2 * 3


def test_one_failing_batch_spoils_no_other(ask, world, fault):
    """A page whose answer is broken fails; the page after it is read."""
    fault("reddit", "broken_json", times=1)
    question = ask(CONNECTOR, urls=[p.url for p in world.pages[:2]], token="any")
    rows, _ = pull(BY_URL, question)
    assert [r.status for r in rows] == [Status.FAILED, Status.OBSERVED]


def test_a_token_that_ends_in_the_middle_is_renewed_once_per_question(ask, world, monkeypatch):
    """Tokens that work three times: eight questions need three tokens and two renewals, and nothing is lost."""
    monkeypatch.setattr("prawcore.sessions.FiniteRetryStrategy._sleep_seconds", lambda _: None)
    question = ask(CONNECTOR, urls=[p.url for p in world.pages[:2]], client_id="short-lived", client_secret="x")
    rows, _ = pull(BY_URL, question)
    assert {r.status for r in rows} == {Status.OBSERVED}
    assert question.meter.requests == 8 + 3 + 2


def test_a_renewed_token_that_is_refused_too_is_an_error(ask, world, monkeypatch):
    """Token, refusal, new token, refusal: then somebody must look at the app, and no other page is asked about."""
    monkeypatch.setattr("prawcore.sessions.FiniteRetryStrategy._sleep_seconds", lambda _: None)
    kinds, _, requests = failures(ask, world, client_id="useless")
    assert (kinds, requests) == ({"AuthError"}, 4)


def test_several_threads_share_one_client(ask, world):
    """More concurrency loses and repeats nothing, and asks for one token."""
    urls = [p.url for p in world.pages[:16]]
    question = ask(CONNECTOR, urls=urls, concurrency=8, **KEYS)
    rows, _ = pull(BY_URL, question)
    assert [r.subject for r in rows] == urls
    assert question.meter.requests == 1 + 4 * len(urls)


def test_a_spent_window_is_rate_limited_with_its_wait(world, ask):
    """The 429 of the twin is HTML without retry-after; a window of another ten minutes is waited for, not longer."""
    app = build_app(world)
    with running(app) as address:
        question = ask(CONNECTOR, urls=[world.pages[0].url], base_url=f"{address}/{{day}}/reddit", retries=0, **KEYS)
        app.state.stage.window("reddit some-client", twin.QUOTA, twin.WINDOW_SECONDS, cost=twin.QUOTA)
        rows, _ = pull(BY_URL, question)
    assert re.fullmatch(r"RateLimited: HTTP 429, .* again in (599|600) seconds", rows[0].error)


# --- settings, praw, twin


def test_a_ready_token_needs_no_id_and_no_secret(ask, world):
    """With a token the connector is complete, and no request is made for another one."""
    page = page_with_posts(world)
    question = ask(CONNECTOR, urls=[page.url], token="hush-hush")
    assert question.settings.missing() == ()
    _, observations = pull(BY_URL, question)
    assert question.meter.requests == 4
    assert any(o.object_id for o in observations)
    assert Settings(_env_file=None).missing() == ("TALLYRANK_REDDIT_CLIENT_ID", "TALLYRANK_REDDIT_CLIENT_SECRET")


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "https://www.reddit.com"),
        ({"base_url": "https://oauth.reddit.com/"}, "https://www.reddit.com"),
        ({"base_url": "http://h/{day}/reddit/"}, "http://h/2026-10-14/reddit"),
        ({"base_url": "http://h", "auth_url": "http://tokens/{day}/"}, "http://tokens/2026-10-14"),
    ],
)
def test_tokens_are_asked_for_where_the_api_is(settings, address):
    """By default at reddit.com; a changed base address changes both, unless auth_url says otherwise."""
    assert Settings(_env_file=None, **settings).auth_url_for(AT.date()) == address


def test_a_praw_ini_changes_nothing(ask, world, tmp_path, monkeypatch):
    """A praw.ini in the folder, or praw_* variables, can neither redirect us nor sign in as somebody."""
    lines = [
        "[DEFAULT]", "oauth_url=http://127.0.0.1:9", "reddit_url=http://127.0.0.1:9", "username=u", "password=p",
        "refresh_token=r", "check_for_updates=True", "ratelimit_seconds=x", "timeout=x", "window_size=1", "[else]",
    ]  # fmt: skip
    (tmp_path / "praw.ini").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("praw.config.Config.CONFIG", None)
    for name, value in {"praw_site": "else", "praw_username": "u", "praw_password": "p", "praw_client_id": "i"}.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning, match="overrides"):
        rows, _ = pull(BY_URL, ask(CONNECTOR, urls=[world.pages[0].url], **KEYS))
    assert rows[0].status is Status.OBSERVED


def test_a_praw_ini_that_cannot_be_read_is_said(ask, world, tmp_path, monkeypatch):
    """praw reads such a file whether we want it or not; a broken one is a matter of configuration."""
    (tmp_path / "praw.ini").write_text("no section\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("praw.config.Config.CONFIG", None)
    kinds, message, requests = failures(ask, world)
    assert (kinds, requests) == ({"ConfigurationError"}, 0)
    assert "praw.ini" in message


def test_finding_the_connector_does_not_load_praw():
    """praw is slow to import; only asking needs it."""
    code = "import sys, connectors.votes.reddit; sys.exit('praw' in sys.modules or 'prawcore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_what_is_missing_is_said_with_where_to_get_it(monkeypatch, tmp_path):
    """A connector without keys names the variables and the place that gives them."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN"):
        monkeypatch.delenv(f"TALLYRANK_REDDIT_{name}", raising=False)
    with pytest.raises(ConfigurationError, match=r"TALLYRANK_REDDIT_CLIENT_ID.*prefs/apps"):
        CONNECTOR.ready()


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ("https://www.a.example/X?b=1", "https://A.example/X?b=1", True),
        ("https://a.example/x#top", "https://a.example/x", True),
        ("a.example/x", "http://a.example/x", True),
        ("http://a.example/x", "https://a.example/x", False),
        ("https://a.example/x", "https://a.example/x/", False),
        ("https://a.example/x", "https://a.example/X", False),
        ("https://a.example/x?b=1", "https://a.example/x", False),
        ("https://a.example/#!x", "https://a.example/", False),
    ],
)
def test_the_twin_compares_addresses_as_reddit_does(left, right, is_same):
    """Literal scheme, path, query and slash; folded www, host and fragment."""
    assert (twin.address(left) == twin.address(right)) is is_same


def test_the_spellings_asked_about_cover_how_people_write_a_page(world):
    """Each submission's own address is, to Reddit, one of the spellings of its page."""
    for post in world.posts("reddit"):
        assert twin.address(post.url) in {twin.address(v) for v in url_variants(post.page.url)}


@pytest.mark.parametrize(("asked", "given_rows"), [({}, 25), ({"limit": "7"}, 7), ({"limit": "500"}, 100)])
def test_the_twin_gives_25_rows_by_default_and_100_at_most(asked, given_rows):
    """Who forgets the limit loses rows, as on Reddit."""
    assert twin._limit(asked) == given_rows


def test_the_twin_answers_in_reddits_shape(world):
    """A listing without a next page, floats as dates, and the window told as a float in text, whole numbers beside."""
    post = next(p for p in world.posts("reddit") if p.exists_at(AT))
    with running(build_app(world)) as address:
        url = f"{address}/2026-10-14/reddit/api/info?id={post.object_id},t3_nosuchid"
        request = urllib.request.Request(url, headers={"Authorization": "bearer any"})
        with urllib.request.urlopen(request) as answer:
            told = [answer.headers[f"x-ratelimit-{name}"] for name in ("used", "remaining", "reset")]
            listing = json.load(answer)
    assert told == ["1", "999.0", "600"]
    assert (listing["kind"], listing["data"]["after"], listing["data"]["dist"]) == ("Listing", None, 1)
    child = listing["data"]["children"][0]
    assert (child["kind"], child["data"]["name"], child["data"]["view_count"]) == ("t3", post.object_id, None)
    assert isinstance(child["data"]["created_utc"], float)
    assert child["data"]["ups"] == child["data"]["score"] == post.votes_at(AT)
