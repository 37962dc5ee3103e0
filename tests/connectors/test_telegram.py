"""Telegram against its twin: pages of messages, shortened numbers, redirects, and messages that are gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors import errors
from connectors.base import Ask, Post, Stream, parse_all
from connectors.http import Answer
from connectors.records import Basis, Observation, Quality, Raw, Status, Verb, raw_table
from connectors.sandbox import telegram as twin
from connectors.sandbox.server import build_app, running
from connectors.sandbox.world import World, WorldPost
from connectors.votes.telegram import CONNECTOR, NAME, listed, messages_in, shown, telegram_error, total_of

CHANNEL, BY_POST = CONNECTOR.streams
AT = datetime(2026, 10, 14, 12, tzinfo=UTC)
SOME = "https://www.alder.example/a"
NAMES = ", ".join(f"@{name}" for name in twin.CHANNELS)
Question = Callable[..., Ask]


def told(stream: Stream, question: Ask) -> list[Observation]:
    """Fetch and parse."""
    return [o for o in parse_all(CONNECTOR, stream, list(stream.fetch(question))) if isinstance(o, Observation)]


def messages_at(world: World) -> dict[str, WorldPost]:
    """The messages there are, by id."""
    return {twin.id_of(p): p for p in world.posts(NAME) if p.exists_at(AT)}


def serving(*answers: str | Response) -> Any:
    """A service that gives these pages in turn, the last one for ever."""
    left = [HTMLResponse(a) if isinstance(a, str) else a for a in answers]

    async def respond(_: Request) -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    return running(Starlette(routes=[Route("/{path:path}", respond)]))


def message(number: int, inside: str = "", kind: str = "") -> str:
    """A message, written by hand."""
    return f'<div class="tgme_widget_message {kind}" data-post="chan/{number}">{inside}</div>'


def page(*messages: str) -> str:
    """A channel's page, written by hand."""
    return f'<html><body><main class="a tgme_channel_history b">{"".join(messages)}</main></body></html>'


def seen(text: str) -> str:
    """The views below a message."""
    return f'<span class="tgme_widget_message_views">{text}</span>'


def true_counts(post: WorldPost) -> dict[Verb, tuple[int | None, bool]]:
    """What the page shows of a message: the number, and whether it is exact."""
    views, reactions = twin.views(post, AT), [shown(text) for text in twin.reactions(post, AT)]
    numbers = [r for r in reactions if r]
    like = (sum(n for n, _ in numbers), all(exact for _, exact in numbers)) if numbers else (None, False)
    return {Verb.VIEW: shown(views) or (None, False), Verb.LIKE: like}


class TestChannel:
    """The messages of the channels in the settings."""

    def test_counts_are_the_worlds(self, ask: Question, world: World) -> None:
        """Every message of both channels with what the page shows; what it does not show is hidden, never 0."""
        found, truth = told(CHANNEL, ask(CONNECTOR, channels=NAMES)), messages_at(world)
        assert len(found) == 2 * len(truth)
        for o in found:
            post = truth[str(o.object_id)]
            count, is_exact = true_counts(post)[o.verb]
            assert (o.count, o.status) == (count, Status.HIDDEN if count is None else Status.OBSERVED)
            assert o.quality is (Quality.EXACT if is_exact else Quality.ROUNDED)
            assert (o.url, o.published_at, o.basis) == (post.url, post.published_at, Basis.POST)
        assert {o.quality for o in found if o.count is not None} == {Quality.EXACT, Quality.ROUNDED}
        assert any(o.status is Status.HIDDEN for o in found if o.verb is Verb.LIKE)

    def test_paid_stars_are_not_counted(self, ask: Question, world: World) -> None:
        """Stars stand beside the reactions and are not people."""
        address = ask(CONNECTOR).base_url
        assert "tgme_reaction_paid" in httpx.get(f"{address}/s/{twin.CHANNELS[0]}").text
        starred = {i: p for i, p in messages_at(world).items() if twin.number_of(p) % 2 and twin.reactions(p, AT)}
        likes = {o.object_id: o.count for o in told(CHANNEL, ask(CONNECTOR, channels=NAMES)) if o.verb is Verb.LIKE}
        assert starred
        assert all(likes[i] == true_counts(p)[Verb.LIKE][0] for i, p in starred.items())

    def test_shy_messages_hide_their_views(self, ask: Question) -> None:
        """A message without a number of views is hidden for that verb alone."""
        big = World(seed=7, keywords=30)
        shy = {i for i, p in messages_at(big).items() if p.is_shy}
        with running(build_app(big)) as address:
            question = ask(CONNECTOR, channels=NAMES, base_url=f"{address}/{{day}}/{NAME}", messages_per_channel=9999)
            found = told(CHANNEL, question)
        assert {o.object_id for o in found if o.verb is Verb.VIEW and o.status is Status.HIDDEN} == shy
        assert {o.object_id for o in found} == messages_at(big).keys()
        assert any(o.count is not None for o in found if o.object_id in shy)

    def test_about_twenty_to_a_request(self, ask: Question, world: World) -> None:
        """As many pages as the messages fill, the service message among them."""
        name = twin.CHANNELS[0]
        question = ask(CONNECTOR, channels=name)
        rows = list(CHANNEL.fetch(question))
        assert len(rows) == sum(twin.channel_of(p) == name for p in messages_at(world).values())
        assert question.meter.requests == -(-(len(rows) + 1) // twin.PER_PAGE)

    def test_only_the_newest_are_listed(self, ask: Question, world: World) -> None:
        """No more messages than the settings want, newest first."""
        name = twin.CHANNELS[0]
        rows = list(CHANNEL.fetch(ask(CONNECTOR, channels=name, messages_per_channel=3)))
        newest = [i for i, p in reversed(messages_at(world).items()) if twin.channel_of(p) == name]
        assert [r.subject for r in rows] == newest[:3]

    def test_nothing_is_asked_before_a_channel_is_named(self, ask: Question) -> None:
        """No channel, no request, no row; and the source is off by default."""
        question = ask(CONNECTOR, channels=" , ")
        assert list(CHANNEL.fetch(question)) == []
        assert question.meter.requests == 0
        assert question.settings.enabled is False

    def test_nothing_of_people_is_kept(self, ask: Question) -> None:
        """Texts, titles and names are served and not stored."""
        question = ask(CONNECTOR, channels=NAMES)
        served = httpx.get(f"{question.base_url}/s/{twin.CHANNELS[0]}").text
        assert "Somebody Invented" in served
        assert "@somebody" in served
        rows = list(CHANNEL.fetch(question))
        kept = str(raw_table(rows).to_pydict())
        assert "nvented" not in kept
        assert "somebody" not in kept
        assert {key for r in rows for key in r.payload} == {"published_at", "views", "reactions"}

    @pytest.mark.parametrize("wrong", ["private_one", "a/b", "?x", "два"])
    def test_a_channel_that_cannot_be_read_leaves_the_others(self, ask: Question, wrong: str) -> None:
        """One failed row without an address; the next channel is read."""
        rows = list(CHANNEL.fetch(ask(CONNECTOR, channels=f"{wrong},{twin.CHANNELS[1]}")))
        [bad] = [r for r in rows if r.status is Status.FAILED]
        assert (bad.subject, bad.url) == (wrong, None)
        is_asked = wrong == "private_one"
        assert (bad.error or "").startswith("NotPermitted: HTTP 302: no public preview" if is_asked else "BadRequest: ")
        assert len(rows) > 1

    def test_what_was_read_before_a_failure_is_kept(self, ask: Question) -> None:
        """A page that fails ends in one failed row; the messages before it stay."""
        first = page(*(message(n, seen("5")) for n in range(30, 50)))
        with serving(first, PlainTextResponse("no", 400)) as address:
            rows = list(CHANNEL.fetch(ask(CONNECTOR, channels="chan", base_url=address)))
        assert [r.subject for r in rows] == [*(f"chan/{n}" for n in range(49, 29, -1)), "chan"]
        assert rows[-1].status is Status.FAILED

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "not a page",
            "<html><title>Just a moment</title></html>",
            "</html>",
            "<?xml version='1.0' encoding='utf-8'?><html></html>",
            page(message(7))[:-7],
            page(),
            page('<div class="tgme_widget_message_v2" data-post="chan/7"></div>'),
            page('<div class="tgme_widget_message" data-post-v2="chan/7"></div>'),
            page('<div class="tgme_widget_message" data-post="chan/x"></div>'),
        ],
    )
    def test_other_pages_are_bad_answers(self, ask: Question, text: str) -> None:
        """Half a page, another page, a page whose messages are not known as such: failed, neither empty nor gone."""
        with serving(text) as address:
            asked = ask(CONNECTOR, channels="chan", posts=[Post("chan/7", SOME)], base_url=address)
            rows = [row for stream in (CHANNEL, BY_POST) for row in stream.fetch(asked)]
        assert [(r.error or "").partition(":")[0] for r in rows] == ["BadAnswer"] * 2

    def test_a_page_that_stands_still_ends(self, ask: Question) -> None:
        """A service that gives the same page for ever: what it holds, and a failed row."""
        with serving(page(message(7, seen("5")), message(8, seen("6")))) as address:
            rows = list(CHANNEL.fetch(ask(CONNECTOR, channels="chan", base_url=address)))
        assert [r.status for r in rows] == [Status.OBSERVED, Status.OBSERVED, Status.FAILED]


class TestPage:
    """What is read of a page, by hand-written markup."""

    @pytest.mark.parametrize(
        ("inside", "link"),
        [
            ('<div class="tgme_widget_message_text"><a href="https://a.example/?x=1&amp;y=2">x</a></div>', True),
            (
                '<div class="tgme_widget_message_text"><a href="https://t.me/b">@b</a> <a href="?q=%23c">#c</a> '
                '<a href="https://a.example/?x=1&amp;y=2">x</a> <a href="https://other.example/">y</a></div>',
                True,
            ),
            ('<a class="tgme_widget_message_link_preview" href="https://a.example/?x=1&amp;y=2"></a>', True),
            (
                '<a class="tgme_widget_message_link_preview" href="https://preview.example/"></a>'
                '<div class="tgme_widget_message_text"><a href="https://a.example/?x=1&amp;y=2">x</a></div>',
                True,
            ),
            ('<a class="tgme_widget_message_link_preview" href="https://telegram.me/b"></a>', False),
            ('<div class="tgme_widget_message_text"><a href="tg://user?id=7">x</a><a>y</a></div>', False),
            ('<a class="tgme_widget_message_owner_name" href="https://a.example/">x</a>', False),
            ("", False),
        ],
    )
    def test_the_page_of_a_message(self, inside: str, link: bool) -> None:
        """The first link in the text that leads out of Telegram, else the preview, else none."""
        [found] = messages_in(page(message(7, inside)))
        assert found["link"] == ("https://a.example/?x=1&y=2" if link else None)

    @pytest.mark.parametrize(
        ("reaction", "number"),
        [
            ('<span class="tgme_reaction"><i class="emoji"><b>❤</b></i>184</span>', "184"),
            ('<span class="tgme_reaction"><tg-emoji emoji-id="5"></tg-emoji>55.2K</span>', "55.2K"),
            ('<span class="x tgme_reaction y"><b>1️⃣</b> 3M </span>', "3M"),
            ('<span class="tgme_reaction"><b>7</b></span>', "7"),
            ('<span class="tgme_reaction"><b>❤</b></span>', None),
            ('<span class="tgme_reaction"></span>', None),
        ],
    )
    def test_a_reaction(self, reaction: str, number: str | None) -> None:
        """The number after the emoji; none where none can be read."""
        [found] = messages_in(page(message(7, reaction)))
        assert found["reactions"] == [number]

    def test_times(self) -> None:
        """The time of a message is the one with a moment, not the length of a video."""
        video, date = "<time>0:15</time>", '<time datetime="2026-10-01T12:00:00+02:00">12:00</time>'
        [found] = messages_in(page(message(7, f"{video}{date}")))
        assert found["published_at"] == "2026-10-01T12:00:00+02:00"

    def test_views_that_no_message_shows_are_failed(self, ask: Question) -> None:
        """When a whole page shows no views the mark-up has changed: failed, while reactions are read."""
        reaction = '<span class="tgme_reaction">5</span>'
        with serving(page(message(1, f'<i class="views_v2">9</i>{reaction}'))) as address:
            found = told(CHANNEL, ask(CONNECTOR, channels="chan", base_url=address))
        assert {o.verb: (o.count, o.status) for o in found} == {
            Verb.VIEW: (None, Status.FAILED),
            Verb.LIKE: (5, Status.OBSERVED),
        }

    def test_service_messages_are_passed_over(self, ask: Question) -> None:
        """They are no posts, and do not stop the reading."""
        first = page(message(8, kind="service_message"), message(9, seen("5")))
        with serving(first, page(message(1, seen("7")))) as address:
            rows = list(CHANNEL.fetch(ask(CONNECTOR, channels="chan", base_url=address)))
        assert [r.subject for r in rows] == ["chan/9", "chan/1"]


class TestByPost:
    """Messages that are known."""

    def test_counts_are_the_truth(self, ask: Question, world: World) -> None:
        """A known message has what the page shows; one that is not there (yet, any more) is not found."""
        posts = [Post(twin.id_of(p), p.url, p.published_at) for p in world.posts(NAME)]
        question = ask(CONNECTOR, posts=posts)
        found, alive = told(BY_POST, question), messages_at(world)
        assert len(found) == 2 * len(posts) > 2 * len(alive)
        for o in found:
            if post := alive.get(str(o.object_id)):
                assert (o.count, o.url) == (true_counts(post)[o.verb][0], post.url)
            else:
                assert (o.status, o.count) == (Status.NOT_FOUND, None)
            assert o.published_at is not None
        assert question.meter.requests <= 2 + len(posts) // twin.PER_PAGE + 2

    def test_deleted_messages_are_not_found(self, ask: Question) -> None:
        """A message that was there and was deleted is not found."""
        big = World(seed=7, keywords=30)
        gone = [p for p in big.posts(NAME) if p.deleted_day and p.published_at < AT and p.deleted_day <= AT.date()]
        assert gone
        with running(build_app(big)) as address:
            posts = [Post(twin.id_of(p), p.url) for p in gone]
            found = told(BY_POST, ask(CONNECTOR, posts=posts, base_url=f"{address}/{{day}}/{NAME}"))
        assert {o.status for o in found} == {Status.NOT_FOUND}

    @given(data=st.data())
    def test_any_messages_are_answered(self, data: st.DataObject, world: World, _sandbox: Any) -> None:
        """Any choice of known, deleted and invented numbers: each is answered once, and rightly."""
        alive = messages_at(world)
        numbers = [int(i.partition("/")[2]) for i in alive]
        chosen = data.draw(st.sets(st.sampled_from(numbers) | st.integers(1, max(numbers) + 9), min_size=1))
        ids = [f"{twin.CHANNELS[n % 2]}/{n}" for n in chosen]
        settings = CONNECTOR.settings(
            _env_file=None,  # type: ignore[call-arg]
            base_url=f"{_sandbox[0]}/{{day}}/{NAME}",
            requests_per_second=1e6,
        )
        question = Ask(settings, AT.date(), AT, posts=tuple(Post(i, SOME) for i in ids))
        rows = list(BY_POST.fetch(question))
        assert sorted(r.subject for r in rows) == sorted(ids)
        there = {*alive, *(f"{name}/1" for name in twin.CHANNELS)}
        assert {r.subject for r in rows if r.status is Status.OBSERVED} == there & set(ids)
        assert {r.status for r in rows} <= {Status.OBSERVED, Status.NOT_FOUND}

    def test_a_channel_that_fails_fails_its_messages(self, ask: Question, world: World) -> None:
        """Each message of a closed channel fails with the same words, after one request; the others are answered."""
        known = next(iter(messages_at(world)))
        question = ask(CONNECTOR, posts=[Post("private_one/7", SOME), Post(known, SOME), Post("private_one/900", SOME)])
        rows = {r.subject: r for r in BY_POST.fetch(question)}
        assert {r.error for i, r in rows.items() if i != known} == {
            "NotPermitted: HTTP 302: no public preview; the channel is private, restricted, a group or not there"
        }
        assert {r.url for r in rows.values()} == {SOME}
        assert rows[known].status is Status.OBSERVED
        assert question.meter.requests == 2

    def test_a_page_that_fails_later_keeps_what_came(self, ask: Question) -> None:
        """Messages above the page that failed are answered, those below it fail."""
        with serving(page(message(90, seen("5"))), PlainTextResponse("no", 400)) as address:
            posts = [Post(f"chan/{n}", SOME) for n in (7, 90, 95)]
            rows = {r.subject: r.status for r in BY_POST.fetch(ask(CONNECTOR, posts=posts, base_url=address))}
        assert rows == {"chan/95": Status.NOT_FOUND, "chan/90": Status.OBSERVED, "chan/7": Status.FAILED}

    def test_a_page_above_what_was_asked_is_a_bad_answer(self, ask: Question) -> None:
        """A service that overlooks `before` does not make old messages look deleted."""
        with serving(page(message(90, seen("5")))) as address:
            [row] = BY_POST.fetch(ask(CONNECTOR, posts=[Post("chan/7", SOME)], base_url=address))
        assert (row.error or "").startswith("BadAnswer: no message at or below number 7")

    @pytest.mark.parametrize("wrong", ["", "7", "chan/", "chan/x", "a/b/7", "../7"])
    def test_what_is_no_id_fails_alone(self, ask: Question, world: World, wrong: str) -> None:
        """An id of another make fails in words and is not sent."""
        known = next(iter(messages_at(world)))
        question = ask(CONNECTOR, posts=[Post(wrong, SOME), Post(known, SOME)])
        rows = {r.subject: r for r in BY_POST.fetch(question)}
        assert (rows[wrong].error or "").startswith("BadRequest: not the id of a message")
        assert rows[known].status is Status.OBSERVED
        assert question.meter.requests == 1


class TestNumbers:
    """Numbers as they are shown."""

    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("0", (0, True)),
            ("845", (845, True)),
            (" 999 ", (999, True)),
            ("1.2K", (1200, False)),
            ("55.2k", (55_200, False)),
            ("7.03K", (7030, False)),
            ("1,5K", (1500, False)),
            ("3M", (3_000_000, False)),
            ("1.1 M", (1_100_000, False)),
            ("2.5B", (2_500_000_000, False)),
        ],
    )
    def test_shown(self, text: str, number: tuple[int, bool]) -> None:
        """Digits are exact, letters stand for thousands, millions, billions."""
        assert shown(text) == number

    @pytest.mark.parametrize(
        "text", ["", "K", "1.2", "1,234", "-5", "1.2KK", "many", "²", "1.K", None, 7, True, [], {}]
    )
    def test_what_is_no_number(self, text: Any) -> None:
        """Anything else is no number, and never 0."""
        assert shown(text) is None

    @given(st.integers(0, 10**11))
    def test_shortening_loses_a_tenth_at_most(self, number: int) -> None:
        """What the twin shortens is read back as at most the number, and more than nine tenths of it."""
        read = shown(twin.short(number))
        assert read is not None
        assert 0.9 * number <= read[0] <= number
        assert read[1] == (number < 1000)

    @pytest.mark.parametrize(
        ("texts", "total"),
        [
            (["5", "7"], (12, Quality.EXACT)),
            (["5", "1.2K"], (1205, Quality.ROUNDED)),
            (["5", None], (None, Quality.ROUNDED)),
            ([], (None, Quality.ROUNDED)),
            ("5", (None, Quality.ROUNDED)),
        ],
    )
    def test_sums(self, texts: Any, total: tuple[int | None, Quality]) -> None:
        """A sum is rounded when a part is, and unknown when a part is."""
        count, quality = total_of(texts)
        assert count == total[0]
        assert count is None or quality is total[1]


class TestParse:
    """Reading stored rows, without a network."""

    def read(self, payload: Any, status: Status = Status.OBSERVED) -> dict[Verb, tuple[int | None, Status]]:
        """What one hand-written row says of each verb."""
        return {o.verb: (o.count, o.status) for o in CHANNEL.parse([Raw("chan/7", AT, status, SOME, payload)])}

    @pytest.mark.parametrize(
        ("payload", "view", "like"),
        [
            ({"views": "0", "reactions": ["1", "2"]}, (0, Status.OBSERVED), (3, Status.OBSERVED)),
            ({"views": None, "reactions": []}, (None, Status.HIDDEN), (None, Status.HIDDEN)),
            ({"reactions": ["x"]}, (None, Status.FAILED), (None, Status.FAILED)),
            ({"views": "lots", "reactions": [None]}, (None, Status.FAILED), (None, Status.FAILED)),
            ({"views": "5"}, (5, Status.OBSERVED), (None, Status.FAILED)),
        ],
    )
    def test_numbers_and_their_absence(self, payload: Any, view: Any, like: Any) -> None:
        """Not shown is hidden, not readable is failed, each verb by itself."""
        assert self.read(payload) == {Verb.VIEW: view, Verb.LIKE: like}

    def test_gone(self) -> None:
        """A message that vanished is not found for both verbs."""
        assert set(self.read({"published_at": None}, Status.NOT_FOUND).values()) == {(None, Status.NOT_FOUND)}

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-10-01T12:00:00+02:00", datetime(2026, 10, 1, 10, tzinfo=UTC)),
            ("2026-10-01T12:00:00", datetime(2026, 10, 1, 12, tzinfo=UTC)),
            ("0001-01-01T00:00:00+23:00", None),
            ("soon", None),
            (7, None),
        ],
    )
    def test_times(self, text: Any, at: datetime | None) -> None:
        """Moments are UTC; what is no moment is none."""
        assert {o.published_at for o in CHANNEL.parse([Raw("chan/7", AT, payload={"published_at": text})])} == {at}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.NotPermitted),
        (302, errors.NotPermitted),
        (401, errors.AuthError),
        (402, errors.WalletEmpty),
        (403, errors.NotPermitted),
        (404, errors.Gone),
        (429, errors.RateLimited),
        (500, errors.Unavailable),
    ],
)
def test_refusals(status: int, kind: type[Exception]) -> None:
    """A redirect is a channel without a preview; other statuses mean what they usually do."""
    assert type(telegram_error(Answer(NAME, status, {"retry-after": "3"}, ""))) is kind
    assert telegram_error(Answer(NAME, 200, {}, "")) is None


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 9), st.integers(1, 70))
def test_paging_loses_and_repeats_nothing(numbers: set[int], size: int, most: int) -> None:
    """Any numbers with any gaps, any page size: the newest messages come exactly once, newest first."""
    asked: list[int | None] = []

    def part(before: int | None) -> list[dict[str, int]]:
        asked.append(before)
        below = sorted(n for n in numbers if before is None or n < before)
        return [{"number": n} for n in below[-size:]]

    assert [m["number"] for m in listed(part, most)] == sorted(numbers, reverse=True)[:most]
    assert len(asked) <= -(-min(most, len(numbers)) // size) + 1


class TestTwin:
    """The twin behaves as the contract says."""

    def get(self, sandbox: str, path: str, **params: Any) -> httpx.Response:
        """A plain request to the twin."""
        return httpx.get(f"{sandbox}/2026-10-14/telegram/{path}", params=params)

    def test_newest_last_and_twenty_at_most(self, sandbox: str, world: World) -> None:
        """A page ends with the newest message; `before` goes back."""
        name = twin.CHANNELS[1]
        numbers = [1] + [twin.number_of(p) for p in messages_at(world).values() if twin.channel_of(p) == name]
        first = [m["number"] for m in messages_in(self.get(sandbox, f"s/{name}").text)]
        assert first == numbers[-twin.PER_PAGE :]
        older = [m["number"] for m in messages_in(self.get(sandbox, f"s/{name}", before=numbers[3]).text)]
        assert older == numbers[:3]

    def test_other_names_are_redirected(self, sandbox: str) -> None:
        """To a page without messages."""
        answer = self.get(sandbox, "s/private_one")
        assert (answer.status_code, answer.headers["location"]) == (302, "/private_one")
        assert "tgme_widget_message" not in self.get(sandbox, "private_one").text

    def test_the_service_message(self, sandbox: str) -> None:
        """The first message of a channel says that it was made, and has no views."""
        [first] = messages_in(self.get(sandbox, f"s/{twin.CHANNELS[0]}", before=2).text)
        assert (first["number"], first["is_service"], "views" in first) == (1, True, False)
