"""Twin of the Graph API as Facebook serves it: the node of a web page, batches, posts of one Page, objects by id.

Tokens choose the behaviour: `expired…`, `malformed…` and `blocked…` are refused; `secured…` asks for a proof;
`new-app…` sees privacy zeros; `small…` belongs to an app with one daily user (200 calls an hour); `blind…` may not read
insights, which come a day after the post. A web page whose
address holds `timeout` is never answered inside a batch, one that holds `timeout-once` is at the second try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import Page, World, WorldPost

PAGE_ID = "1066"
APP_SECRET = "sandbox-app-secret"  # noqa: S105  of the app behind `secured…` tokens; other apps keep theirs to themselves
HOUR = 3600.0
CALLS_PER_USER = 200
MOST_PER_PAGE = 100
MOST_IN_BATCH = 50
MOST_PER_URL = 10
CALLS_BEFORE_HEADERS = 10
INSIGHTS_AFTER = timedelta(days=1)

Body = dict[str, Any]
Params = Mapping[str, str]


class Refusal(Exception):
    """An error envelope on its way out."""

    def __init__(self, code: int, message: str, subcode: int | None = None, status: int = 400) -> None:
        super().__init__(message)
        more = {"error_subcode": subcode} if subcode else {}
        kind = "OAuthException" if code in (100, 104, 190) else "GraphMethodException"
        self.body = {"error": {"message": message, "type": kind, "code": code, **more, "fbtrace_id": "Atwin"}}
        self.status = status


def token_of(request: Request, form: Params) -> str:
    """The token from the header, the address or the form."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.query_params.get("access_token", "") or form.get("access_token", "")


def admit(token: str, proof: str) -> None:
    """Refuses tokens that may not come in, and proofs that do not match."""
    if not token:
        raise Refusal(104, "An access token is needed for this.")
    if token.startswith("expired"):
        raise Refusal(190, "Error validating access token: the session has expired.", 463)
    if token.startswith("malformed"):
        raise Refusal(190, f"Malformed access token {token}")
    if token.startswith("blocked"):
        raise Refusal(368, "This action was found to break a policy.")
    if token.startswith("secured") and not proof:
        raise Refusal(100, "Calls from a server need an appsecret_proof argument.")
    secret = token.partition("|")[2] or (APP_SECRET if token.startswith("secured") else "")
    is_right = proof == hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if proof and not (is_right if secret else re.fullmatch(r"[0-9a-f]{64}", proof)):
        raise Refusal(100, "Invalid appsecret_proof given in the argument.")


def spend(request: Request, token: str, name: str) -> tuple[int, float]:
    """One call of the app's rolling hour: the percent used and the seconds until calls come free."""
    limit = CALLS_PER_USER * (1 if token.startswith("small") else 5000)
    left, reset = stage_of(request).window(f"{name}:{day_of(request)}:{token}", limit, HOUR)
    if left < 0:
        raise Refusal(4, "Application request limit reached")
    return (100 * (limit - left) // limit if limit - left > CALLS_BEFORE_HEADERS else -1), reset


def usage_headers(percent: int, reset: float, kind: str) -> dict[str, str]:
    """The usage headers; none before enough calls were made (percent below 0)."""
    if percent < 0:
        return {}
    gauge = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    owner = {"type": kind, **gauge, "estimated_time_to_regain_access": 0 if percent < 100 else int(reset // 60) + 1}
    return {"X-App-Usage": json.dumps(gauge), "X-Business-Use-Case-Usage": json.dumps({PAGE_ID: [owner]})}


def chosen(fields: str, all_fields: Mapping[str, Callable[[], Any]], kind: str) -> Body:
    """An object with the fields asked for; a field that there is but that has no value is left out."""
    found: Body = {"id": all_fields["id"]()}
    for field in _split(fields):
        name = re.split(r"[.{(]", field, maxsplit=1)[0]
        if name not in all_fields:
            raise Refusal(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")
        value = all_fields[name]()
        found |= {} if value is None else {name: value}
    return found


def _split(fields: str) -> list[str]:
    """Fields between the commas that stand outside of braces and brackets."""
    parts, depth = [""], 0
    for letter in fields:
        depth += (letter in "{(") - (letter in "})")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def paged(
    request: Request, params: Params, published: Sequence[WorldPost], render: Callable[[WorldPost], Body | None]
) -> Body:
    """One page of an edge. What was deleted leaves a gap, so pages may be short or empty before the last one."""
    limit = int(params.get("limit") or 25)
    if limit > MOST_PER_PAGE:
        raise Refusal(1, "Please reduce the amount of data you're asking for, then retry your request", status=500)
    start = int(base64.urlsafe_b64decode(params["after"])) if params.get("after") else 0
    data = [item for post in published[start : start + limit] if (item := render(post)) is not None]
    body: Body = {"data": data, "paging": {"cursors": {"before": _cursor(start), "after": _cursor(start + limit)}}}
    if start + limit < len(published):
        asked = dict(params) | {"access_token": token_of(request, {}), "after": _cursor(start + limit)}
        body["paging"]["next"] = f"{request.url.replace(query='')}?{urlencode(asked)}"
    return body


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def page_of(world: World, url: str) -> Page | None:
    """The page an address stands for: `og:url` unifies scheme, trailing slash, query and fragment."""
    rest = re.split(r"[?#]", url, maxsplit=1)[0].rstrip("/").partition("://")[2]
    return world.page_by_url.get(f"https://{rest}")


def url_node(request: Request, token: str, url: str, fields: str) -> Body:
    """What Facebook knows about a web page; only the id when it never saw it."""
    left, _ = stage_of(request).window(f"facebook:{day_of(request)}:{token}:{url}", MOST_PER_URL, HOUR)
    if left < 0:
        raise Refusal(613, "Calls to this api have exceeded the rate limit.")
    world = stage_of(request).world
    page = page_of(world, url)
    shares = int(world.facebook_shares[world.day_index(day_of(request)), page.index]) if page else 0
    counts = {"reaction_count": 5 * shares // 2, "comment_count": 2 * shares // 5, "share_count": shares}
    engagement = {**counts, "comment_plugin_count": shares // 50}
    if token.startswith("new-app"):
        engagement = dict.fromkeys(engagement, 0)
    total = {"count": sum(counts.values()), "social_sentence": "Somebody Invented and others like this."}
    known: dict[str, Callable[[], Any]] = {
        "id": lambda: url,
        "engagement": lambda: engagement if page else None,
        "og_object": lambda: {"engagement": total, "id": str(9000 + page.index)} if page else None,
    }
    return chosen(fields, known, "URL")


@lru_cache(maxsize=8)
def _published(world: World) -> tuple[WorldPost, ...]:
    """The posts of the Page, newest first."""
    return tuple(reversed(world.posts("hackernews")))


def post_counts(post: WorldPost, votes: int) -> dict[str, int]:
    """Counters of a post of the Page."""
    return {"reactions": votes, "comments": votes // 6, "shares": votes // 5}


def insight_counts(votes: int) -> dict[str, int]:
    """Insights of a post of the Page, by metric; the impressions and the reach are no more."""
    return {"post_media_view": 60 * votes, "post_total_media_view_unique": 40 * votes, "post_clicks": 3 * votes}


def attached_url(post: WorldPost) -> str:
    """What a post shows: the page, or for one post in ten a photo on Facebook."""
    return f"https://www.facebook.com/{PAGE_ID}/photos/{post.object_id}" if post.object_id[-1] == "4" else post.url


def post_node(request: Request, post: WorldPost, fields: str) -> Body | None:
    """A post of the Page, None when there is none at this moment."""
    if not post.exists_at(moment_of(request)):
        return None
    count, link = post_counts(post, post.votes_at(moment_of(request))), attached_url(post)
    shim = f"https://l.facebook.com/l.php?u={quote(link, safe='')}&h=AT0"
    known: dict[str, Callable[[], Any]] = {
        "id": lambda: f"{PAGE_ID}_{post.object_id}",
        "created_time": lambda: f"{post.published_at:%Y-%m-%dT%H:%M:%S+0000}",
        "message": lambda: f"Somebody Invented recommends {link}",
        "from": lambda: {"name": "Somebody Invented", "id": "4"},
        "permalink_url": lambda: f"https://www.facebook.com/{PAGE_ID}/posts/{post.object_id}",
        "attachments": lambda: {"data": [{"unshimmed_url": link, "url": shim}]},
        "shares": lambda: {"count": count["shares"]} if count["shares"] else None,
        "reactions": lambda: {"data": [], "summary": {"total_count": count["reactions"]}},
        "comments": lambda: {"data": [], "summary": {"order": "ranked", "total_count": count["comments"]}},
    }
    return chosen(fields, known, "Post")


def listed(params: Params, name: str) -> list[str]:
    """A parameter that holds a list, with commas or as JSON."""
    text = params.get(name, "")
    return [str(part) for part in json.loads(text)] if text.startswith("[") else text.split(",")


def insights(request: Request, token: str, params: Params) -> Body:
    """Insights of a post. One name that is no metric fails the whole question; young posts have none yet."""
    page, _, name = request.path_params["post"].partition("_")
    post = stage_of(request).world.post("hackernews", name) if page == PAGE_ID else None
    if post is None or not post.exists_at(moment_of(request)):
        raise Refusal(100, "Unsupported get request. Object does not exist, or permissions are missing.", 33)
    if token.startswith("blind"):
        raise Refusal(200, "(#200) The permission read_insights is needed for this.", status=403)
    counts, metrics = insight_counts(post.votes_at(moment_of(request))), listed(params, "metric")
    if not set(metrics) <= set(counts):
        raise Refusal(100, "(#100) The value must be a valid insights metric")
    is_young = moment_of(request) - post.published_at < INSIGHTS_AFTER
    return {"data": [] if is_young else [_insight(post, metric, counts[metric]) for metric in metrics], "paging": {}}


def _insight(post: WorldPost, name: str, count: int) -> Body:
    words = {"title": "Somebody Invented", "description": "Words."}
    known = {"name": name, "period": "lifetime", "values": [{"value": count}], **words}
    return known | {"id": f"{PAGE_ID}_{post.object_id}/insights/{name}/lifetime"}


def nodes(request: Request, ids: Sequence[str], fields: str) -> Body:
    """Posts by id; those that are gone are left out, and what is no id at all fails the question."""
    if len(ids) > MOST_IN_BATCH:
        raise Refusal(100, f"(#100) Too many IDs. Maximum: {MOST_IN_BATCH}")
    if strange := [i for i in ids if not re.fullmatch(r"\d+_\d+", i)]:
        raise Refusal(803, f"(#803) Some of the aliases you requested do not exist: {','.join(strange)}")
    world = stage_of(request).world
    posts = {i: world.post("hackernews", i.partition("_")[2]) for i in ids if i.startswith(f"{PAGE_ID}_")}
    found = {i: post_node(request, post, fields) for i, post in posts.items() if post}
    return {i: body for i, body in found.items() if body is not None}


def root(request: Request, token: str, params: Params) -> Body:
    """`GET /`: a web page by `id`, or posts by `ids`."""
    if "id" in params:
        return url_node(request, token, params["id"], params.get("fields", ""))
    if "ids" in params:
        return nodes(request, params["ids"].split(","), params.get("fields", "created_time,message"))
    raise Refusal(100, "(#100) Neither id nor ids is given.")


def batch(request: Request, token: str, text: str) -> list[Body | None]:
    """Each item answered by itself, as text; null for one that takes too long."""
    asked = json.loads(text)
    if len(asked) > MOST_IN_BATCH:
        raise Refusal(-3, f"Too many requests in batch message. Maximum batch size is {MOST_IN_BATCH}")
    return [_batch_item(request, token, item["relative_url"]) for item in asked]


def _batch_item(request: Request, token: str, relative: str) -> Body | None:
    params = dict(parse_qsl(relative.partition("?")[2], keep_blank_values=True))
    url = params.get("id", "")
    if "timeout-once" in url:
        if stage_of(request).allowance(f"facebook-timeout:{day_of(request)}:{token}:{url}", 1) >= 0:
            return None
    elif "timeout" in url:
        return None
    try:
        spend(request, token, "facebook")
        return {"code": 200, "body": json.dumps(root(request, token, params))}
    except Refusal as refusal:
        return {"code": refusal.status, "body": json.dumps(refusal.body)}


async def graph(request: Request, name: str, answer: Callable[[Request, str, dict[str, str]], Any]) -> Response:
    """The frame of every Graph answer: token, proof, quota, usage headers, error envelope."""
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    params = form | dict(request.query_params)
    token = token_of(request, form)
    headers: dict[str, str] = {}
    try:
        admit(token, params.pop("appsecret_proof", ""))
        params.pop("access_token", None)
        headers = usage_headers(*spend(request, token, name), "pages" if name == "facebook" else name)
        return JSONResponse(answer(request, token, params), headers=headers)
    except Refusal as refusal:
        if refusal.body["error"]["code"] == 4:
            headers = usage_headers(100, HOUR / 2, "pages" if name == "facebook" else name)
        return JSONResponse(refusal.body, refusal.status, headers=headers)


async def _root(request: Request) -> Response:
    def answer(request: Request, token: str, params: dict[str, str]) -> Any:
        return batch(request, token, params["batch"]) if "batch" in params else root(request, token, params)

    return await graph(request, "facebook", answer)


async def _insights(request: Request) -> Response:
    return await graph(request, "facebook", insights)


async def _published_posts(request: Request) -> Response:
    def answer(request: Request, token: str, params: dict[str, str]) -> Body:
        if request.path_params["page"] != PAGE_ID:
            raise Refusal(100, "Unsupported get request. Object does not exist, or permissions are missing.", 33)
        fields = params.get("fields", "created_time,message")
        past = [p for p in _published(stage_of(request).world) if p.published_at <= moment_of(request)]
        return paged(request, params, past, lambda post: post_node(request, post, fields))

    return await graph(request, "facebook", answer)


TWIN = Twin(
    "facebook",
    [
        Route("/{version}", _root, methods=["GET", "POST"]),
        Route("/{version}/", _root, methods=["GET", "POST"]),
        Route("/{version}/{page}/published_posts", _published_posts),
        Route("/{version}/{page}/posts", _published_posts),
        Route("/{version}/{page}/feed", _published_posts),
        Route("/{version}/{post}/insights", _insights),
    ],
    post_id=None,
    keys={"pages": PAGE_ID},
)
