"""Twin of DataForSEO's Google organic lists: a queue that takes its time, elements around the results, cost per task.

A task waits for two looks (one with priority), is then handed over once (40601), and is ready at the next; a look is a
question for the list of ready tasks or for the task itself. It stays listed until it is fetched. Passwords choose the
behaviour: `wrong…` is refused, `broke…` has no money by HTTP and `poor…` by code, `capped…` has met its limit of cost,
`hurried…` is too fast at its first question of a day, `barred…` is not allowed, `slow…` never gets a task done. A
keyword `engine error` fails inside, `elsewhere` is not found.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, moment_of, stage_of

PRICES: dict[Any, float] = {"live": 0.002, 1: 0.0006, 2: 0.0012}
MOST_TASKS, MOST_READY, PAGE_SIZE = 100, 1000, 10
LOOKS = {1: 2, 2: 1}  # by priority
FEATURES_BEFORE = 2  # elements above the first organic result
MESSAGES = {
    20000: "Ok.",
    20100: "Task Created.",
    40000: "You can set only one task at a time.",
    40006: "You can set only 100 tasks at a time.",
    40100: "You are not authorized to access this resource.",
    40101: "Internal SE Server Error.",
    40102: "No Search Results.",
    40200: "Payment Required.",
    40202: "The rate limit per minute has been exceeded.",
    40203: "The cost limit per day has been exceeded.",
    40204: "Access denied.",
    40400: "Not Found.",
    40501: "Invalid Field.",
    40601: "Task Handed.",
    40602: "Task In Queue.",
}
REFUSALS = {"poor": 40200, "capped": 40203, "barred": 40204}


@dataclass
class Task:
    """A task of the queue: who posted it, what it asks, how often it was looked at, whether it was fetched."""

    owner: str
    asked: dict[str, Any]
    looks: int = 0
    is_fetched: bool = False

    @property
    def code(self) -> int:
        """How it stands."""
        patience = LOOKS[self.asked.get("priority", 1)]
        if self.looks <= patience or "slow" in self.owner:
            return 40602
        return 40601 if self.looks == patience + 1 else 20000


def tasks_here(request: Request) -> dict[str, Task]:
    """The queue of this server."""
    state = request.app.state
    if not hasattr(state, "dataforseo"):
        state.dataforseo = {}
    found: dict[str, Task] = state.dataforseo
    return found


def envelope(code: int, tasks: list[dict[str, Any]] | None = None, status: int = 200) -> Response:
    """The answer around tasks."""
    listed = tasks or []
    cost = round(sum(task["cost"] for task in listed), 6)
    errors = sum(task["status_code"] >= 40000 for task in listed)
    body = {"version": "0.1.20261001", "status_code": code, "status_message": MESSAGES[code], "time": "0.21 sec."}
    body |= {"cost": cost, "tasks_count": len(listed), "tasks_error": errors, "tasks": tasks}
    return JSONResponse(body, status)


def told(number: str, code: int, asked: dict[str, Any], result: Any = None, cost: float = 0) -> dict[str, Any]:
    """One task of an answer."""
    more = {"path": ["v3", "serp", "google", "organic"], "data": {"api": "serp", "se": "google", **asked}}
    count = len(result) if result else 0
    known = {"id": number, "status_code": code, "status_message": MESSAGES[code], "time": "0.1 sec.", "cost": cost}
    return known | {"result_count": count, **more, "result": result}


def owner_of(request: Request) -> tuple[str, str]:
    """Login and password."""
    scheme, _, code = request.headers.get("authorization", "").partition(" ")
    try:
        login, _, password = base64.b64decode(code).decode().partition(":")
    except ValueError:
        return "", ""
    return (login, password) if scheme == "Basic" else ("", "")


def stop(request: Request) -> Response | None:
    """The refusal that a sign-in meets, if any."""
    login, password = owner_of(request)
    if not login or not password or password.startswith("wrong"):
        return envelope(40100, status=401)
    if password.startswith("broke"):
        return envelope(40200, status=402)
    for start, code in REFUSALS.items():
        if password.startswith(start):
            return envelope(code)
    is_hurried = password.startswith("hurried")
    if is_hurried and stage_of(request).allowance(f"dataforseo:{day_of(request)}:{password}", 1) >= 0:
        return envelope(40202)
    return None


def complaint(asked: Any) -> int | None:
    """The code that a task is refused with, if any."""
    if not isinstance(asked, dict) or not 0 < len(str(asked.get("keyword", ""))) <= 700:
        return 40501
    has_place = "location_code" in asked or "location_name" in asked or "location_coordinate" in asked
    has_language = "language_code" in asked or "language_name" in asked
    depth, device, os = asked.get("depth", 10), asked.get("device", "desktop"), asked.get("os", "")
    systems = ("", "windows", "macos") if device == "desktop" else ("", "android", "ios")
    is_fine = has_place and has_language and 1 <= depth <= 700 and device in ("desktop", "mobile") and os in systems
    return None if is_fine and len(asked.get("tag", "")) <= 255 else 40501


def cost_of(asked: dict[str, Any], kind: Any) -> float:
    """The first ten results at full price, every further ten at three quarters."""
    pages: int = ceil(asked.get("depth", PAGE_SIZE) / PAGE_SIZE)
    return round(PRICES[kind] * (1 + 0.75 * (pages - 1)), 6)


async def task_post(request: Request) -> Response:
    """`task_post`: up to 100 tasks, each accepted or refused by itself."""
    if refusal := stop(request):
        return refusal
    posted = await request.json()
    if not isinstance(posted, list):
        return envelope(40501)
    queue = tasks_here(request)
    answers = []
    for n, asked in enumerate(posted):
        number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{day_of(request)} {len(queue)}"))
        code = 40006 if n >= MOST_TASKS else complaint(asked)
        if code is None:
            queue[number] = Task(f"{day_of(request)} {owner_of(request)}", asked)
            cost = cost_of(asked, asked.get("priority", 1))
        answers.append(told(number, code or 20100, asked, cost=0 if code else cost))
    return envelope(20000, answers)


async def tasks_ready(request: Request) -> Response:
    """`tasks_ready`: what is done and was not fetched yet."""
    if refusal := stop(request):
        return refusal
    owner = f"{day_of(request)} {owner_of(request)}"
    mine = {number: task for number, task in tasks_here(request).items() if task.owner == owner}
    for task in mine.values():
        task.looks += 1
    done = [n for n, task in mine.items() if task.code == 20000 and not task.is_fetched][:MOST_READY]
    at = f"{moment_of(request):%Y-%m-%d %H:%M:%S} +00:00"
    listed = [
        {"id": n, "se": "google", "se_type": "organic", "date_posted": at, "tag": mine[n].asked.get("tag", "")}
        | {"endpoint_advanced": f"/v3/serp/google/organic/task_get/advanced/{n}"}
        for n in done
    ]
    return envelope(20000, [told("ready", 20000, {"function": "tasks_ready"}, listed)])


async def task_get(request: Request) -> Response:
    """`task_get/advanced/<id>` and `task_get/regular/<id>`: free, and off the list of ready ones."""
    if refusal := stop(request):
        return refusal
    number = request.path_params["number"]
    task = tasks_here(request).get(number)
    if task is None:
        return envelope(20000, [told(number, 40400, {})])
    task.looks += 1
    if task.code != 20000:
        return envelope(20000, [told(number, task.code, task.asked)])
    task.is_fetched = True
    code, result = outcome(request, task.asked)
    return envelope(20000, [told(number, code, task.asked, result)])


async def live(request: Request) -> Response:
    """`live/advanced` and `live/regular`: one task, done at once."""
    if refusal := stop(request):
        return refusal
    posted = await request.json()
    if not isinstance(posted, list) or len(posted) != 1:
        return envelope(20000, [told("live", 40000, {})])
    [asked] = posted
    if code := complaint(asked):
        return envelope(20000, [told("live", code, asked)])
    code, result = outcome(request, asked)
    return envelope(20000, [told("live", code, asked, result, 0 if code == 40101 else cost_of(asked, "live"))])


def outcome(request: Request, asked: dict[str, Any]) -> tuple[int, Any]:
    """What became of a task: its code, and its result where there is one."""
    keyword = unquote(asked["keyword"])
    if keyword == "engine error":
        return 40101, None
    if keyword == "elsewhere":
        return 40400, None
    pages = stage_of(request).world.results(keyword, day_of(request))
    if not pages:
        return 40102, None
    items = elements([page.url for page in pages[: asked.get("depth", 10)]])
    if "regular" in request.url.path:
        items = [item for item in items if item["type"] in ("organic", "paid")]
    known = {"keyword": keyword, "type": "organic", "se_domain": "google.com", "spell": None, "se_results_count": 231}
    known |= {"datetime": f"{moment_of(request):%Y-%m-%d %H:%M:%S} +00:00", "items_count": len(items)}
    return 20000, [known | {"item_types": sorted({item["type"] for item in items}), "items": items}]


def elements(urls: list[str]) -> list[dict[str, Any]]:
    """A page of elements: a snippet and an unknown element first, posts after the third result, a box on the right."""
    found: list[dict[str, Any]] = [
        {"type": "featured_snippet", "url": urls[-1], "title": "An invented title"},
        {"type": "invented_box", "url": None, "items": None},
    ]
    for n, url in enumerate(urls):
        found += [{"type": "organic", "url": url, "title": "An invented title", "description": "Somebody Invented"}]
        found += [posts()] if n == 2 else []
    counts: dict[str, int] = {}
    for absolute, item in enumerate(found, 1):
        counts[item["type"]] = counts.get(item["type"], 0) + 1
        item |= {"rank_group": counts[item["type"]], "rank_absolute": absolute, "page": 1, "position": "left"}
    right = {"type": "knowledge_graph", "rank_group": 1, "rank_absolute": 1, "position": "right"}
    return [*found, right | {"url": "https://right.example/", "items": None}]


def posts() -> dict[str, Any]:
    """An element that holds addresses inside, one of them two levels down."""
    inner = [{"type": "discussions_and_forums_element", "url": "https://www.reddit.com/r/a/comments/1abc/"}]
    deep = {
        "type": "ai_overview_element",
        "references": [{"type": "ai_overview_reference", "url": "https://x.com/a/status/1"}],
    }
    return {"type": "discussions_and_forums", "items": [*inner, {**deep, "author": "Somebody Invented"}]}


ROOT = "/v3/serp/google/organic"
TWIN = Twin(
    "dataforseo",
    [
        Route(f"{ROOT}/task_post", task_post, methods=["POST"]),
        Route(f"{ROOT}/tasks_ready", tasks_ready),
        Route(f"{ROOT}/task_get/{{kind}}/{{number}}", task_get),
        Route(f"{ROOT}/live/{{kind}}", live, methods=["POST"]),
    ],
    post_id=None,
)
