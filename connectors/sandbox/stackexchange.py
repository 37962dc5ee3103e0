"""Twin of Stack Exchange's API 2.3: compressed answers, a quota in the body, error ids, and a search by address that
finds more than was asked for.

Only `stackoverflow` has questions. Beside the question of each post there are strangers: every third post has one that
links to a longer address, every fourth one whose answer links to the page and whose own text does not.
Keys choose the behaviour: `wrong…` is unknown, `spent…` has no quota left, `hurried…` is told to wait at its first
question of a day, `tired…` gets a `backoff` with every answer. Shy questions are of people who left.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import World, WorldPost

SITES = {"stackoverflow": "Stack Overflow", "superuser": "Super User"}
QUOTA, QUOTA_WITH_KEY = 300, 10_000
LAST_PAGE, MOST = 25, 100
SPENT_SECONDS = 70_000
NAMES = {
    400: "bad_parameter", 403: "access_denied", 404: "no_method", 500: "internal_error", 502: "throttle_violation"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """A question: what its own text links to, and what its answers do."""

    number: int
    post: WorldPost
    asked_at: datetime
    link: str | None
    answer_link: str | None


class Refused(Exception):
    """The API's error: an id and words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


def number_of(post: WorldPost) -> int:
    """The id of a post's question; those of strangers beside it follow."""
    return 70_000_000 + 10 * ((int(post.object_id) - 813_744_226_420_000_000) // 1013)


def score(post: WorldPost, moment: datetime) -> int:
    """Up minus down: some questions are disliked."""
    return post.votes_at(moment) // 2 - (4 if number_of(post) % 40 == 0 else 0)


def answers(post: WorldPost, moment: datetime) -> int:
    """One answer for twelve votes."""
    return post.votes_at(moment) // 12


def comments(post: WorldPost, moment: datetime) -> int:
    """One comment for nine votes."""
    return post.votes_at(moment) // 9


def views(post: WorldPost, moment: datetime) -> int:
    """Views, mostly by people who do not vote."""
    return 37 * post.votes_at(moment) + 11


@lru_cache(maxsize=4)
def questions(world: World) -> tuple[Question, ...]:
    """Every question there will ever be, newest first."""
    found = [question for post in world.posts("stackexchange") for question in _questions_of(post)]
    return tuple(sorted(found, key=lambda q: (q.asked_at, q.number), reverse=True))


def _questions_of(post: WorldPost) -> list[Question]:
    number, at = number_of(post), post.published_at
    found = [Question(number, post, at, post.url, None)]
    if number // 10 % 3 == 0:
        found.append(Question(number + 1, post, at + timedelta(hours=1), f"{post.url.rstrip('/')}/part-2", None))
    if number // 10 % 4 == 0:
        found.append(Question(number + 2, post, at + timedelta(hours=2), None, post.url))
    return found


def packed(body: dict[str, Any], status: int = 200) -> Response:
    """Answers are always compressed."""
    content = gzip.compress(json.dumps(body).encode())
    return Response(content, status, {"content-encoding": "gzip"}, "application/json; charset=utf-8")


def answered(endpoint: Callable[[Request], list[dict[str, Any]]]) -> Callable[[Request], Any]:
    """An endpoint whose items are put into the wrapper that all answers have; refusals into theirs."""

    async def respond(request: Request) -> Response:
        try:
            left = _spend(request)
            items, (page, size) = endpoint(request), _paging(request)
        except Refused as refusal:
            name = NAMES[refusal.code]
            return packed({"error_id": refusal.code, "error_message": refusal.words, "error_name": name}, 400)
        key = request.query_params.get("key", "")
        wrapper = {"has_more": page * size < len(items), "quota_max": _quota(key), "quota_remaining": left}
        pause = {"backoff": 10} if key.startswith("tired") else {}
        return packed({"items": items[(page - 1) * size : page * size], **pause, **wrapper})

    return respond


def _quota(key: str) -> int:
    return QUOTA_WITH_KEY if key else QUOTA


def _spend(request: Request) -> int:
    """Requests left for the day after this one."""
    stage, key, day = stage_of(request), request.query_params.get("key", ""), day_of(request)
    if key.startswith("wrong"):
        raise Refused(400, "`key` doesn't match a known application")
    if key.startswith("hurried") and stage.allowance(f"stackexchange hurry {day} {key}", 1) >= 0:
        raise Refused(502, "too many requests from this IP, more requests available in 0 seconds")
    client = key or (request.client.host if request.client else "")
    left = stage.allowance(f"stackexchange {day} {client}", _quota(key))
    if left < 0 or key.startswith("spent"):
        raise Refused(502, f"too many requests from this IP, more requests available in {SPENT_SECONDS} seconds")
    return left


def _paging(request: Request) -> tuple[int, int]:
    asked = request.query_params
    page, size = asked.get("page", "1"), asked.get("pagesize", "30")
    most = 1000 if request.url.path.rstrip("/").endswith("/sites") else MOST
    for name, value in (("page", page), ("pagesize", size)):
        if not value.isdecimal() or int(value) < 1:
            raise Refused(400, name)
    if int(size) > most:
        raise Refused(400, "pagesize")
    if int(page) > LAST_PAGE and not asked.get("key"):
        raise Refused(403, "page above 25 requires access token or app key")
    return int(page), int(size)


def _existing(request: Request) -> list[Question]:
    """The questions of the site asked about, as of now."""
    site = request.query_params.get("site")
    if site not in SITES:
        raise Refused(400, f"No site found for name `{site}`" if site else "site is required")
    moment = moment_of(request)
    known = questions(stage_of(request).world) if site == "stackoverflow" else ()
    return [q for q in known if q.post.exists_at(moment) and q.asked_at <= moment]


def _search(request: Request) -> list[dict[str, Any]]:
    asked = request.query_params
    if not asked.get("url"):
        raise Refused(400, "one of q, title, tagged, url … must be set")
    pattern = re.compile(re.escape(asked["url"]).replace(r"\*", ".*"))
    found = [q for q in _existing(request) if any(pattern.fullmatch(link or "") for link in (q.link, q.answer_link))]
    return [_item(request, q) for q in found]


def _by_ids(request: Request) -> list[dict[str, Any]]:
    ids = request.path_params["ids"].split(";")
    if not all(i.isdecimal() for i in ids) or len(ids) > MOST:
        raise Refused(400, "ids")
    return [_item(request, q) for q in _existing(request) if str(q.number) in ids]


def _sites(_: Request) -> list[dict[str, Any]]:
    return [{"api_site_parameter": site, "name": name, "site_type": "main_site"} for site, name in SITES.items()]


def _item(request: Request, question: Question) -> dict[str, Any]:
    """A question with invented people and words; the text and the comments only where the filter gives them."""
    post, moment, chosen = question.post, moment_of(request), request.query_params.get("filter", "default")
    if chosen not in ("default", "withbody") and not chosen.startswith("!"):
        raise Refused(400, "Invalid filter specified")
    link = f'<a href="{question.link}" rel="noreferrer">this</a>' if question.link else "a page"
    own = {"body": f"<p>Invented words about {link}.</p>"} if chosen != "default" else {}
    more = {"comment_count": comments(post, moment)} if chosen.startswith("!") else {}
    return owner(question) | own | more | {
        "question_id": question.number,
        "title": f"An invented title {question.number}",
        "link": f"https://stackoverflow.com/questions/{question.number}/an-invented-title",
        "score": score(post, moment),
        "view_count": views(post, moment),
        "answer_count": answers(post, moment),
        "is_answered": answers(post, moment) > 0,
        "creation_date": int(question.asked_at.timestamp()),
        "last_activity_date": int(question.asked_at.timestamp()),
        "tags": ["invented"],
        "content_license": "CC BY-SA 4.0",
    }  # fmt: skip


def owner(question: Question) -> dict[str, Any]:
    """Who asked; left out, or nobody any more, where the person left."""
    if not question.post.is_shy:
        return {"owner": {"user_id": question.number % 9973, "display_name": f"Invented {question.number}"}}
    return {"owner": {"user_type": "does_not_exist"}} if question.number // 10 % 2 else {}


ENDPOINTS = {"/2.3/search/advanced": _search, "/2.3/questions/{ids}": _by_ids, "/2.3/sites": _sites}
TWIN = Twin(
    "stackexchange",
    [Route(path + end, answered(endpoint)) for path, endpoint in ENDPOINTS.items() for end in ("", "/")],
    post_id=lambda post: f"stackoverflow:{number_of(post)}",
)
