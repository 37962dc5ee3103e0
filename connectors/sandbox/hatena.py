"""Twin of Hatena Bookmark's counters: addresses are compared letter by letter and come back exactly as sent."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.sandbox.stage import Twin, day_of, stage_of

MOST_ADDRESSES = 50
LONGEST_QUERY = 16_000
HTTP_SHARE = 10  # one bookmark in ten was made on the http:// address


def bookmarks(request: Request, address: str) -> int:
    """Bookmarks of one address; both schemes of a page together hold what the world says."""
    world = stage_of(request).world
    scheme, _, rest = address.partition("://")
    page = world.page_by_url.get(f"https://{rest}")
    if page is None or scheme not in ("http", "https"):
        return 0
    total = int(world.hatena_bookmarks[world.day_index(day_of(request)), page.index])
    old = total // HTTP_SHARE
    return old if scheme == "http" else total - old


async def count_entries(request: Request) -> Response:
    """`/count/entries`: counts by address."""
    addresses = request.query_params.getlist("url")
    if not request.headers.get("user-agent"):
        return Response(b"")
    if len(addresses) > MOST_ADDRESSES or len(request.url.query) > LONGEST_QUERY:
        return PlainTextResponse("Request-URI Too Large", 414)
    return JSONResponse({address: bookmarks(request, address) for address in addresses})


async def count_entry(request: Request) -> Response:
    """`/count/entry`: one bare number."""
    return PlainTextResponse(str(bookmarks(request, request.query_params.get("url", ""))))


TWIN = Twin("hatena", [Route("/count/entries", count_entries), Route("/count/entry", count_entry)])
