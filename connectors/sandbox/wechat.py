"""Twin of WeChat's figures for official accounts: tokens, articles by day of publishing, the list of published ones.

Everything is refused with HTTP 200 and an `errcode`. The account owns every post of the world; a quarter of them was
mass-sent, which is what the older figures hold and the list of published articles leaves out. Shy articles have too few
readers, so their list of days is empty. Figures end with yesterday, as Beijing counts days.

Switches, by AppID: `nobody` does not exist, `elsewhere` is asked from an address that is not listed, `unverified` may
not read figures, `listless` may not list published articles, `late` has figures that are not ready, `short-lived` gets
tokens that work three times, `useless` tokens that never do, `spent` a quota of two a day;
AppSecret `wrong` is refused.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of
from connectors.sandbox.world import WorldPost

BEIJING = timezone(timedelta(hours=8))
DAYS_OF = {"getarticletotaldetail": 30, "getarticletotal": 7}
FIRST_DAY = {"getarticletotaldetail": date(2025, 11, 1), "getarticletotal": date(2014, 12, 1)}
TOKEN_USES = {"short-lived": 3, "useless": 0}
QUOTA = 5000
FAULTS_OF_APPS = {
    "nobody": (40013, "invalid appid"),
    "elsewhere": (40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"),
}


def msgid(post: WorldPost) -> str:
    """The id of an article: its message and its place in it."""
    return f"{int(post.object_id) % 10**10}_{1 + post.page.index % 3}"


def is_mass_sent(post: WorldPost) -> bool:
    """Whether an article was pushed to all followers."""
    return post.page.index % 4 == 0


def has_source(post: WorldPost) -> bool:
    """Whether an article has a "read the original" link that anybody can list."""
    return not is_mass_sent(post) and post.page.index % 5 != 0


def article_address(post: WorldPost) -> str:
    """The article's own address."""
    mid, idx = msgid(post).split("_")
    return f"https://mp.weixin.qq.com/s?__biz=MzA5dHdpbg==&mid={mid}&idx={idx}&sn=0f0f{mid}"


def publish_day(post: WorldPost) -> date:
    """The day of publishing in Beijing."""
    return post.published_at.astimezone(BEIJING).date()


def figures(post: WorldPost, day: date) -> dict[str, int]:
    """What the account's figures say of an article at the end of a Beijing day."""
    end = datetime.combine(day + timedelta(days=1), time(), BEIJING).astimezone(UTC)
    votes = post.votes_at(end)
    return {
        "read_user": 25 * votes + 3,
        "share_user": votes // 2,
        "like_user": votes - votes // 4,
        "zaikan_user": votes // 4,
        "comment_count": votes // 6,
        "collection_user": votes // 3,
    }


def older_figures(post: WorldPost, day: date) -> dict[str, int]:
    """The same in the older words: people, and how often."""
    new = figures(post, day)
    counts = {"int_page_read": new["read_user"], "share": new["share_user"], "add_to_fav": new["collection_user"]}
    counts["ori_page_read"] = new["read_user"] // 10
    users = {f"{name}_user": n for name, n in counts.items()}
    return users | {f"{name}_count": n + n // 5 for name, n in counts.items()}


def refuse(code: int, message: str) -> Response:
    """WeChat's envelope of errors, always as HTTP 200."""
    return JSONResponse({"errcode": code, "errmsg": f"{message} rid: 6a0f-twin"})


async def token(request: Request) -> Response:
    """`GET /cgi-bin/token` and `POST /cgi-bin/stable_token`."""
    asked = await _body(request) if request.method == "POST" else dict(request.query_params)
    if asked is None or asked.get("grant_type") != "client_credential":
        return refuse(40002, "invalid grant_type")
    app = str(asked.get("appid") or "")
    if not app or app in FAULTS_OF_APPS:
        return refuse(*FAULTS_OF_APPS.get(app, (41002, "appid missing")))
    if asked.get("secret") in (None, "", "wrong"):
        return refuse(40125, "invalid appsecret")
    number = stage_of(request).allowance("wechat tokens", 10**9) if app in TOKEN_USES else 0
    return JSONResponse({"access_token": f"twin.{app}.{number}", "expires_in": 7200})


async def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def stop(request: Request, question: str) -> Response | None:
    """The refusal that a token meets, if any."""
    told = request.query_params.get("access_token", "")
    kind, app, _ = [*told.split("."), "", ""][:3]
    stage, uses = stage_of(request), TOKEN_USES.get(app)
    if not told:
        return refuse(41001, "access_token missing")
    if kind != "twin" or app == "useless":
        return refuse(40001, f"invalid credential, access_token {told} is invalid or not latest")
    if uses is not None and stage.allowance(f"wechat {told}", uses) < 0:
        return refuse(42001, "access_token expired")
    if app == ("listless" if question == "batchget" else "unverified"):
        return refuse(48001, "api unauthorized")
    if stage.allowance(f"wechat:{day_of(request)}:{app}:{question}", 2 if app == "spent" else QUOTA) < 0:
        return refuse(45009, "reach max api daily quota limit")
    return None


async def datacube(request: Request) -> Response:
    """`/datacube/getarticletotaldetail` and `/datacube/getarticletotal`: the articles of one day of publishing."""
    question = request.path_params["question"]
    if question not in DAYS_OF:
        return refuse(47009, "this api is offline, please use the new api")
    if refusal := stop(request, question):
        return refusal
    asked = await _body(request) or {}
    try:
        first, last = (date.fromisoformat(str(asked.get(name))) for name in ("begin_date", "end_date"))
    except ValueError:
        return refuse(61500, "date format error")
    yesterday = moment_of(request).astimezone(BEIJING).date() - timedelta(days=1)
    if not FIRST_DAY[question] <= last <= yesterday or first > last:
        return refuse(61500, "date format error")
    if first != last:
        return refuse(61501, "date range error")
    is_late = request.query_params["access_token"].split(".")[1] == "late"
    answer: dict[str, Any] = {"list": [] if is_late else _list(request, question, first, yesterday)}
    return JSONResponse(answer if question == "getarticletotal" else answer | {"is_delay": is_late})


def _list(request: Request, question: str, day: date, yesterday: date) -> list[dict[str, Any]]:
    moment = moment_of(request)
    posts = [p for p in stage_of(request).world.posts("wechat") if p.exists_at(moment) and publish_day(p) == day]
    if question == "getarticletotal":
        return [_older_article(p, yesterday) for p in posts if is_mass_sent(p)]
    return [_article(p, yesterday) for p in posts]


def _article(post: WorldPost, yesterday: date) -> dict[str, Any]:
    return {
        "ref_date": publish_day(post).isoformat(),
        "msgid": msgid(post),
        "publish_type": int(not is_mass_sent(post)),
        "title": f"Somebody Invented on the {post.page.title}",
        "content_url": article_address(post),
        "detail_list": [_detail(post, day) for day in _days(post, yesterday, 30)],
    }


def _detail(post: WorldPost, day: date) -> dict[str, Any]:
    found = figures(post, day)
    sources = [{"user_count": found["read_user"] // 2, "scene_desc": "invented scene"}]
    rates = {"read_delivery_rate": 0.12, "read_finish_rate": 0.61, "read_avg_activetime": 48.2}
    others = {"praise_money": 0, "read_subscribe_user": 7, "read_jump_position": []}
    return {"stat_date": day.isoformat(), **found, "read_user_source": sources, **rates, **others}


def _older_article(post: WorldPost, yesterday: date) -> dict[str, Any]:
    days = [
        {"stat_date": day.isoformat(), "target_user": 261917, **older_figures(post, day)}
        for day in _days(post, yesterday, 7)
    ]
    title = f"Somebody Invented on the {post.page.title}"
    return {"ref_date": publish_day(post).isoformat(), "msgid": msgid(post), "title": title, "details": days}


def _days(post: WorldPost, yesterday: date, most: int) -> list[date]:
    """The days with figures, in no order that could be relied on; none for a shy article."""
    first = publish_day(post)
    count = 0 if post.is_shy else min((yesterday - first).days + 1, most)
    days = [first + timedelta(days=n) for n in range(count)]
    return days[::-1] if post.page.index % 2 else days


async def batchget(request: Request) -> Response:
    """`/cgi-bin/freepublish/batchget`: published articles with their links, 20 at most."""
    if refusal := stop(request, "batchget"):
        return refusal
    asked = await _body(request) or {}
    offset, count = asked.get("offset"), asked.get("count")
    if not isinstance(offset, int) or not isinstance(count, int) or offset < 0 or not 1 <= count <= 20:
        return refuse(40097, "invalid args")
    moment = moment_of(request)
    posts = [p for p in stage_of(request).world.posts("wechat") if p.exists_at(moment) and not is_mass_sent(p)]
    items = [_published(p, bool(asked.get("no_content"))) for p in posts[::-1][offset : offset + count]]
    return JSONResponse({"total_count": len(posts), "item_count": len(items), "item": items})


def _published(post: WorldPost, is_bare: bool) -> dict[str, Any]:
    article = {
        "title": f"Somebody Invented on the {post.page.title}",
        "author": "Somebody Invented",
        "digest": "Invented words",
        "content": "" if is_bare else "<p>Invented words</p>",
        "content_source_url": post.url if has_source(post) else "",
        "thumb_media_id": "invented",
        "url": article_address(post),
        "is_deleted": False,
    }
    when = int(post.published_at.timestamp())
    return {"article_id": f"a{msgid(post)}", "content": {"news_item": [article]}, "update_time": when}


TWIN = Twin(
    "wechat",
    [
        Route("/cgi-bin/token", token, methods=["GET"]),
        Route("/cgi-bin/stable_token", token, methods=["POST"]),
        Route("/cgi-bin/freepublish/batchget", batchget, methods=["POST"]),
        Route("/datacube/{question}", datacube, methods=["POST"]),
    ],
    keys={"app_id": "wx0f0f"},
    post_id=None,
)
