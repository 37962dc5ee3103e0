"""DataForSEO, SERP API v3: Google's result lists, read for you, for money; with places among all elements where
wanted.

**Asked** with HTTP Basic (login and API password) at `https://api.dataforseo.com/v3/serp/google/organic`. By queue
(`standard` or `priority`): `POST task_post` with up to 100 tasks, `GET tasks_ready` until they are listed (up to 1,000
ids a call, 20 calls a minute, tasks of the last three days, each until it is fetched), `GET task_get/advanced/{id}`
(free for 30 days). Or `live`: `POST live/advanced`, one task per call. A task: `keyword` (700 characters; `%` is sent
as %25 and `+` as %2B), `location_code` (or `location_name`), `language_code`, `device`, `os`, `depth` (10 by default,
700 at most), `priority` (1 or 2), `tag`.

**Paid once.** A task that is posted is paid for, and posting is not idempotent. So each task has a `tag` made of the
day and the question; tasks of this day that are ready already (of a run that was stopped) are fetched and not posted
again; and when the answer to a post is lost, the tags are waited for and nothing is posted again. A task that is not
ready after the longest wait is fetched by the next run of the day if it is ready then, else posted, and paid, again.

**Meaning.** `items` holds all elements of the page in about 60 types; types that are not known pass through.
`rank_group` is the place among items of one type: for `organic` that is the organic place. `rank_absolute` is the
place among all elements of the column, and gaps in it are normal; it is kept as readings of kind `absolute` only with
`absolute_ranks` on. Addresses inside news, videos, posts and AI overviews (nested `items` and `references`) then have
the absolute place of what holds them. `position` is the column: only the left one is read, whether places on the right
are counted apart is UNVERIFIED. `url` is kept as it is sent.

**Depth is a wish**: fewer results than asked for are common, so the depth of a list is the last organic place there
is. Below it nothing is known.

**Codes**: HTTP is 200 but for 401, 402 (no money), 404 and 500; `status_code` tells the rest, of the whole and of each
task. 20000 done; 20100 created; 40601 and 40602 in the queue; 40101 is an error of the search engine, not of the
sign-in; 40102 no results (a list of depth 0); 40100 and 40104 sign-in; 40200 and 40210 no money (40210 is UNVERIFIED);
40202 too fast; 40203 your own limit of cost, which resets at an unknown time; 40204 not allowed; 404xx not found
(UNVERIFIED); 5xxxx their failure; every other 4xxxx a wrong question.

**Money.** Per ten results: $0.0006 standard (5 minutes, 45 at most), $0.0012 priority, $0.002 live; each further ten
75 % of that (2026). The reply's `cost` is what was charged: the difference from our reckoning is booked, and it is
kept as `cost_usd`.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import ceil
from time import sleep
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import Ask, Connector, PaidSettings, Stream, ask_in_batches, failed, whole
from connectors.errors import (
    AuthError,
    BadAnswer,
    BadRequest,
    BudgetSpent,
    Gone,
    NotPermitted,
    QuotaExhausted,
    RateLimited,
    SourceError,
    Transient,
    Unavailable,
    WalletEmpty,
)
from connectors.fields import dig, loads, number, objects, plain, text
from connectors.http import Answer, Http, by_status, retrying
from connectors.records import Ranking, RankKind, Raw, Status
from connectors.serp import rankings, refunded, settle

NAME = "dataforseo"
ROOT = "/v3/serp/google/organic"
BATCH = 100
PAGE_SIZE = 10
LONGEST_KEYWORD = 700
FURTHER_PAGE = 0.75  # of the price of the first
ASK_ANYWAY = 10  # every so many polls the tasks are asked for by id: `tasks_ready` holds 1,000 ids and may miss ours
DONE, CREATED, NOTHING_FOUND, WAITING = 20000, 20100, 40102, (40601, 40602)
KINDS: dict[int, type[SourceError]] = {
    40100: AuthError,
    40101: Unavailable,
    40104: AuthError,
    40200: WalletEmpty,
    40202: RateLimited,
    40203: QuotaExhausted,
    40204: NotPermitted,
    40210: WalletEmpty,
}
Item = Mapping[str, Any]


class Settings(PaidSettings):
    """Settings of DataForSEO."""

    model_config = SettingsConfigDict(env_prefix="TALLYRANK_DATAFORSEO_")
    required: ClassVar[tuple[str, ...]] = ("login", "password")

    base_url: str = Field(
        "https://api.dataforseo.com", description="Address of the API; sandbox.dataforseo.com is free."
    )
    login: SecretStr | None = Field(None, description="Login of the API (an e-mail address).")
    password: SecretStr | None = Field(None, description="Password of the API, which is not that of the website.")
    requests_per_second: float = Field(5.0, gt=0, description="Highest pace; 10,000 calls a minute are allowed.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    timeout_seconds: float = Field(120.0, gt=0, description="Give a request up after this long; live ones are slow.")
    queue: Literal["standard", "priority", "live"] = Field(
        "standard", description="How the work is done: standard (cheap, minutes), priority (twice the price) or live."
    )
    polls: int = Field(90, ge=1, description="How often to ask whether queued lists are ready before giving up.")
    poll_seconds: float = Field(30.0, ge=0, description="Longest wait between two such questions.")
    location_code: int = Field(
        2840, description="Where the search is made: 2000 + the country's ISO number, or a city."
    )
    location_name: str = Field("", description="The same as a full name (Berlin,Germany), instead of the code.")
    country: str = Field("us", description="Country that is written to the readings; name the one of the location.")
    language: str = Field("en", description="Language of the search.")
    device: Literal["desktop", "mobile"] = Field("desktop", description="Device of the search.")
    os: str = Field("", description="Operating system (windows, macos; android, ios); empty for the usual one.")
    depth: int = Field(10, ge=1, le=700, description="Results wished for; every ten are paid for.")
    absolute_ranks: bool = Field(False, description="Also keep places among all elements, with news, videos and posts.")
    usd_standard: float = Field(0.0006, ge=0, description="Price of ten results by the standard queue in US dollars.")
    usd_priority: float = Field(0.0012, ge=0, description="Price of ten results by the priority queue in US dollars.")
    usd_live: float = Field(0.002, ge=0, description="Price of ten results at once in US dollars.")

    @property
    def usd_per_list(self) -> float:
        """What one list costs, by queue and depth."""
        first = {"standard": self.usd_standard, "priority": self.usd_priority, "live": self.usd_live}[self.queue]
        return first * (1 + FURTHER_PAGE * (ceil(self.depth / PAGE_SIZE) - 1))


def fetch(ask: Ask) -> Iterator[Raw]:
    """The result list of each keyword, in the order of the keywords."""
    keywords = list(dict.fromkeys(ask.keywords))
    with _service(ask) as http:
        if ask.settings.queue == "live":
            yield from ask_in_batches(ask, keywords, 1, lambda some: [live(ask, http, some[0])])
        elif keywords:
            rows = {row.subject: row for row in queued(ask, http, keywords)}
            yield from (rows[keyword] for keyword in keywords)


def _service(ask: Ask) -> Http:
    """The service behind the sign-in. It tries nothing twice: who may, decides for himself by `retrying`."""
    settings = ask.settings
    login, password = (plain(s) for s in (settings.login, settings.password))
    headers = {"Authorization": f"Basic {b64encode(f'{login}:{password}'.encode()).decode()}"}
    once = replace(ask, settings=settings.model_copy(update={"retries": 0}))
    return Http(NAME, once, classify=dataforseo_error, headers=headers)


def live(ask: Ask, http: Http, keyword: str) -> Raw:
    """A list that is read at once. Each try is paid for: the work is done before the answer is lost."""

    def once() -> Raw:
        ask.meter.spend(NAME, ask.settings.usd_per_list)
        with refunded(ask, ask.settings.usd_per_list):
            answer = http.post(f"{ROOT}/live/advanced", json=[task_for(ask, keyword)]).json()
        [task, *_] = tasks_of(answer) or [{}]
        _reconcile(ask, task)
        row = row_of(ask, keyword, task, _cost(task))
        if row is None:
            raise Unavailable(NAME, "a list that was to be read at once was put in the queue")
        return row

    return retrying(ask.settings)(once)


def queued(ask: Ask, http: Http, keywords: Sequence[str]) -> Iterator[Raw]:
    """Fetch what is ready of an earlier run of the day, post the rest, wait for it, fetch it."""
    try:
        ready = tasks_ready(ask, http)
    except SourceError as error:
        yield from (failed(ask, keyword, error) for keyword in keywords)
        return
    waiting: dict[str, Item] = {k: {} for k in keywords if tag_of(ask, k) in ready}
    fresh = [keyword for keyword in keywords if keyword not in waiting]
    for row in ask_in_batches(ask, fresh, BATCH, partial(post, ask, http)):
        if row.status is Status.FAILED:
            yield row
        else:
            waiting[row.subject] = row.payload
    yield from collected(ask, http, waiting, ready)


def tasks_ready(ask: Ask, http: Http) -> dict[str, str]:
    """The tasks that are done and were not fetched yet: tag -> id."""
    tasks = tasks_of(retrying(ask.settings)(http.get, f"{ROOT}/tasks_ready").json())
    results = [result for task in tasks for result in objects(task.get("result"))]
    return {str(r.get("tag")): str(r["id"]) for r in results if r.get("id")}


def post(ask: Ask, http: Http, keywords: Sequence[str]) -> list[Raw]:
    """Post a batch as far as the budget goes. A row has the id of its task and its cost, or why it is in doubt."""
    rows, paid = [], []
    for keyword in keywords:
        try:
            ask.meter.spend(NAME, ask.settings.usd_per_list)
            paid.append(keyword)
        except BudgetSpent as error:
            rows.append(failed(ask, keyword, error))
    with refunded(ask, len(paid) * ask.settings.usd_per_list):
        answer = _accepted(ask, http, paid) if paid else {}
    return rows + [_posted(ask, keyword, answer) for keyword in paid]


def _accepted(ask: Ask, http: Http, keywords: Sequence[str]) -> dict[str, Any]:
    """The tasks of the answer to a post, by tag. Where it cannot be read, none: they may have been accepted."""

    def once() -> list[Item]:
        try:
            return tasks_of(http.post(f"{ROOT}/task_post", json=[task_for(ask, k) for k in keywords]).json())
        except (Unavailable, BadAnswer) as error:
            return [{"data": {"tag": tag_of(ask, k)}, "doubt": error.message} for k in keywords]

    return {str(dig(task, "data", "tag")): task for task in retrying(ask.settings)(once)}


def _posted(ask: Ask, keyword: str, answer: Mapping[str, Item]) -> Raw:
    task = answer.get(tag_of(ask, keyword), {"doubt": "the answer to the post does not name the task"})
    if doubt := task.get("doubt"):
        return Raw(keyword, ask.observed_at, payload={"doubt": doubt})
    _reconcile(ask, task)
    if problem := problem_of(task):
        return failed(ask, keyword, problem)
    return Raw(keyword, ask.observed_at, payload={"id": str(task.get("id")), "cost_usd": _cost(task)})


def collected(ask: Ask, http: Http, waiting: dict[str, Item], ready: Mapping[str, str]) -> Iterator[Raw]:
    """Fetch tasks as they become ready and take them out of `waiting`; `ready` is known before the first wait."""
    settings = ask.settings
    try:
        for number in range(settings.polls + 1):
            if number:
                sleep(min(settings.poll_seconds, settings.retry_wait_seconds * 2 ** min(number - 1, 20)))
                ready = _look(ask, http)
            ids = _due(ask, waiting, ready, by_id=number > 0 and number % ASK_ANYWAY == 0)
            away = set[str]()
            for row in ask_in_batches(ask, list(ids), 1, partial(_fetched, ask, http, ids, waiting, away)):
                if row.error not in away or number == settings.polls:
                    del waiting[row.subject]
                    yield row
            if not waiting:
                return
        words = f"not ready after {settings.polls} questions; what is ready later, a later run of the day fetches"
        problem: SourceError = Unavailable(NAME, words)
    except SourceError as error:
        problem = error
    yield from (failed(ask, keyword, _with_doubt(problem, task)) for keyword, task in waiting.items())


def _look(ask: Ask, http: Http) -> dict[str, str]:
    """The tasks that are ready; none while the service cannot be reached, for it is asked again."""
    try:
        return tasks_ready(ask, http)
    except Transient:
        return {}


def _due(ask: Ask, waiting: Mapping[str, Item], ready: Mapping[str, str], *, by_id: bool) -> dict[str, str]:
    """Which tasks to fetch now: those that are listed as ready, or all whose id is known."""
    ids = {k: ready.get(tag_of(ask, k)) or (task.get("id") if by_id else None) for k, task in waiting.items()}
    return {keyword: str(task_id) for keyword, task_id in ids.items() if task_id}


def _fetched(
    ask: Ask, http: Http, ids: Mapping[str, str], waiting: Mapping[str, Item], away: set[str], keywords: Sequence[str]
) -> list[Raw]:
    """The row of a task; no row while it is in the queue. The words of an outage go to `away`: it is worth waiting."""
    [keyword] = keywords
    try:
        answer = retrying(ask.settings)(http.get, f"{ROOT}/task_get/advanced/{ids[keyword]}")
    except Transient as error:
        away.add(f"{type(error).__name__}: {error.message}")
        raise
    tasks = tasks_of(answer.json())
    row = row_of(ask, keyword, tasks[0] if tasks else {}, waiting[keyword].get("cost_usd"))
    return [row] if row else []


def _with_doubt(problem: SourceError, task: Item) -> SourceError:
    doubt = task.get("doubt")
    return Unavailable(NAME, f"{problem.message}; it may not have been accepted: {doubt}") if doubt else problem


def task_for(ask: Ask, keyword: str) -> dict[str, Any]:
    """What is asked about a keyword."""
    settings = ask.settings
    asked = {
        "keyword": keyword.replace("%", "%25").replace("+", "%2B"),
        "language_code": settings.language,
        "device": settings.device,
        "os": settings.os,
        "depth": settings.depth,
        "priority": {"standard": 1, "priority": 2}.get(settings.queue),
    }
    asked |= {"location_name": settings.location_name}
    asked |= {"location_code": None if settings.location_name else settings.location_code}
    return {name: value for name, value in asked.items() if value} | {"tag": tag_of(ask, keyword)}


def tag_of(ask: Ask, keyword: str) -> str:
    """A name for the question that another run of the same day finds again."""
    names = ("language", "device", "os", "depth", "location_code", "location_name")
    known = [keyword, *(getattr(ask.settings, name) for name in names)]
    return f"tallyrank-{ask.day}-{hashlib.sha256(repr(known).encode()).hexdigest()[:32]}"


def dataforseo_error(answer: Answer) -> SourceError | None:
    """What an answer says went wrong as a whole: by HTTP status, then by its own code."""
    if answer.status >= 300:
        return by_status(answer)
    body = loads(answer.text)
    return problem_of(body) if isinstance(body, dict) and "status_code" in body else None


def problem_of(part: Item) -> SourceError | None:
    """What the code of an answer, or of one task in it, says went wrong."""
    code = whole(part.get("status_code"))
    if code is None:
        return BadAnswer(NAME, "no `status_code`")
    if code in (DONE, CREATED, NOTHING_FOUND, *WAITING):
        return None
    kind = KINDS.get(code) or (Gone if 40400 <= code < 40500 else Unavailable if code >= 50000 else BadRequest)
    return kind(NAME, f"code {code}: {str(part.get('status_message'))[:160]}")


def tasks_of(answer: Any) -> list[Item]:
    """The tasks of an answer."""
    tasks = dig(answer, "tasks")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise BadAnswer(NAME, "the answer has no list `tasks`")
    return tasks


def _cost(task: Item) -> float | None:
    cost = number(task.get("cost"))
    return cost if cost is not None and cost >= 0 else None


def _reconcile(ask: Ask, task: Item) -> None:
    """Book what differs between our reckoning and the cost that the reply tells."""
    if (cost := _cost(task)) is not None:
        settle(ask, ask.settings.usd_per_list, cost)


def row_of(ask: Ask, keyword: str, task: Item, cost_usd: Any) -> Raw | None:
    """The row of a task that is done; None while it is in the queue."""
    if problem := problem_of(task):
        raise problem
    if whole(task.get("status_code")) in (CREATED, *WAITING):
        return None
    settings, items = ask.settings, _items(task)
    where = settings.location_name or settings.location_code
    facts = {"engine": "google", "device": settings.device, "location": where, "cost_usd": cost_usd}
    facts |= {"country": settings.country.lower() or None, "language": settings.language or None}
    lists: dict[str, Any] = listed([i for i in items if i.get("type") == "organic"], "rank_group")
    if settings.absolute_ranks:
        with suppress(BadAnswer):  # the organic places are good without them
            lists["absolute"] = listed(items, "rank_absolute")
    return Raw(keyword, ask.observed_at, payload=facts | lists)


def _items(task: Item) -> list[Item]:
    """The elements of the left column, those inside others too, each of them with an absolute place."""
    if whole(task.get("status_code")) == NOTHING_FOUND:
        return []
    [result, *_] = objects(task.get("result")) or [{}]
    if not isinstance(result.get("items"), list) and result.get("items_count") != 0:
        raise BadAnswer(NAME, "a list without `items`")
    left = [item for item in objects(result.get("items")) if item.get("position") != "right"]
    if left and not any(text(item.get("type")) for item in left):
        raise BadAnswer(NAME, "no element has a `type`: the field may have been renamed")
    return [one for item in left for one in unfolded(item, item.get("rank_absolute"))]


def unfolded(item: Item, absolute: Any) -> Iterator[Item]:
    """An element and those inside it, which stand where it stands."""
    yield {**item, "rank_absolute": absolute}
    for inner in (*objects(item.get("items")), *objects(item.get("references"))):
        yield from unfolded({**inner, "type": f"in {item.get('type')}"}, absolute)


def listed(items: Sequence[Item], rank: str) -> dict[str, Any]:
    """The addresses with their places, each once at its best one, and the last place there is."""
    places = [whole(item.get(rank)) for item in items]
    best: dict[str, int] = {}
    for item, place in zip(items, places, strict=True):
        if (url := text(item.get("url"))) and place is not None and place >= 1:
            best[url] = min(place, best.get(url, place))
    if items and not best:
        raise BadAnswer(NAME, f"no result has a `url` and a `{rank}`: a field may have been renamed")
    results = [{"url": url, "position": place} for url, place in sorted(best.items(), key=lambda pair: pair[1])]
    return {"depth": max((place for place in places if place is not None), default=0), "results": results}


def parse(rows: Sequence[Raw]) -> Iterator[Ranking]:
    """The organic results of each list, and the places among all elements where they were asked for."""
    yield from rankings(NAME, rows, RankKind.ORGANIC)
    for row in rows:
        absolute = dig(row.payload, "absolute")
        if isinstance(absolute, dict):
            payload = {**row.payload, "results": None, "depth": None, **absolute}
            yield from rankings(NAME, [replace(row, payload=payload)], RankKind.ABSOLUTE)


def price(settings: Any, n: int) -> float:
    """What the lists of n keywords cost in US dollars."""
    return float(n * settings.usd_per_list)


CONNECTOR = Connector(
    name=NAME,
    title="DataForSEO (Google)",
    signal="rankings",
    settings=Settings,
    streams=(
        Stream(
            name="organic",
            title="Organic results of keywords",
            asks="keywords",
            requests="10 to ask for and 1,000 to fetch; 1,000 when live",
            fetch=fetch,
            parse=parse,
            batch=BATCH,
            usd=price,
        ),
    ),
    quota="10,000 calls a minute, 20 of them for the list of ready tasks; 100 tasks a call.",
    terms="Google does not welcome that its lists are read by programs; DataForSEO sells that at its own risk.",
    rank_kinds=(RankKind.ORGANIC, RankKind.ABSOLUTE),
    keys_from="Sign up at https://dataforseo.com and copy login and password from https://app.dataforseo.com/api-access.",
    cost="$0.60 (standard), $1.20 (priority) or $2.00 (live) per 1,000 keywords for ten results; minimum deposit $50.",
    verified=(
        "Nothing against real answers: written from the documentation and the models of the official client. Code "
        "40210 and places of the right column are unverified."
    ),
)
