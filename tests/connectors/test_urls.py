"""The join key of a web address and its helpers."""

from base64 import urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.urls import MAX_WRAPPERS, first_outside, host, links_in, registrable_domain, url_key, url_variants

SHARED_KEYS = Path(__file__).parents[2].parent / "shared" / "data" / "reference" / "url_keys.tsv"

VIDEO = "youtube.com/watch?v=dQw4w9WgXcQ"

KEYS = [
    # one page, many spellings
    ("http://www.Example.com:80/A/?utm_source=x&b=2&a=1#frag", "example.com/A?a=1&b=2"),
    ("  https://EXAMPLE.com./A?b=2&&a=1\n", "example.com/A?a=1&b=2"),
    ("\ufeffexample.com/A?b=2&a=1", "example.com/A?a=1&b=2"),
    ("//m.www.example.com/A?a=1&b=2", "example.com/A?a=1&b=2"),
    ("HTTPS://user:secret@mobile.example.com/A?a=1&b=2&UTM_Medium=mail", "example.com/A?a=1&b=2"),
    ("https://example.com", "example.com"),
    ("https://example.com/?", "example.com"),
    ("https://example.com/a/../Guide", "example.com/Guide"),
    ("https://example.com/guide", "example.com/guide"),
    ("https://shop.example.co.uk/p?srsltid=AfmBOo&id=7&ref=home", "shop.example.co.uk/p?id=7&ref=home"),
    ("https://example.com/?u%74m_source=x&q=a+b", "example.com?q=a+b"),
    # ports
    ("http://h:443/", "h"),
    ("https://h:80/", "h"),
    ("https://example.com:8443/a", "example.com:8443/a"),
    ("http://http:8080/x", "http:8080/x"),
    ("http://[::1]:8080/x", "[::1]:8080/x"),
    # path endings
    ("https://example.com/index.html", "example.com"),
    ("https://example.com/a/index.html/index.html/", "example.com/a"),
    ("https://example.com/a/index%2Ehtml//", "example.com/a"),
    ("https://example.com/A/amp/", "example.com/A"),
    ("https://example.com/A/amp/index.html", "example.com/A"),
    ("https://example.com/amp", "example.com/amp"),
    # AMP
    ("https://amp.example.com/A?amp=1", "example.com/A"),
    ("https://example.com/guitars?amp=5", "example.com/guitars?amp=5"),
    ("https://www-example-com.cdn.ampproject.org/v/s/www.example.com/A?id=3&usqp=mq", "example.com/A?id=3"),
    ("https://www.google.co.uk/amp/s/amp.example.com/A", "example.com/A"),
    # hosts that only look mobile
    ("https://www.mobile.de/x", "mobile.de/x"),
    ("https://amp.dev/x", "amp.dev/x"),
    ("https://m.blogspot.com/x", "m.blogspot.com/x"),
    ("https://www.com/x", "www.com/x"),
    ("https://www.gov.uk/x", "gov.uk/x"),
    ("https://en.m.wikipedia.org/wiki/Rust_(fungus)", "en.wikipedia.org/wiki/Rust_(fungus)"),
    # wrappers
    ("https://www.google.de/url?sa=t&url=https%3A%2F%2Fexample.com%2FA&ved=2ah", "example.com/A"),
    ("https://www.google.com/url?q=http://example.com/A&sa=D", "example.com/A"),
    ("https://www.google.com/url?q=cats", "google.com/url?q=cats"),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2FA%3Ffbclid%3Dz&h=AT", "example.com/A"),
    ("https://lm.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2FA", "example.com/A"),
    ("https://l.instagram.com/?u=https%3A%2F%2Fexample.com%2FA&e=x", "example.com/A"),
    ("https://out.reddit.com/t3_abc?url=https%3A%2F%2Fexample.com%2FA&token=x", "example.com/A"),
    ("https://www.youtube.com/redirect?event=d&q=https%3A%2F%2Fexample.com%2FA", "example.com/A"),
    ("https://www.linkedin.com/redir/redirect?url=https%3A%2F%2Fexample.com%2FA", "example.com/A"),
    ("https://duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2FA", "example.com/A"),
    ("https://www.bing.com/ck/a?!&&p=1&u=a1aHR0cHM6Ly9leGFtcGxlLmNvbS9B&ntb=1", "example.com/A"),
    ("https://www.bing.com/ck/a?u=a1!", "bing.com/ck/a?u=a1!"),
    ("https://www.baidu.com/link?url=Opaque-1", "baidu.com/link?url=Opaque-1"),
    # platform permalinks
    ("https://youtu.be/dQw4w9WgXcQ?si=abc&t=3", VIDEO),
    ("https://youtu.be/dQw4w9WgXcQ&feature=share", VIDEO),
    ("https://www.youtube.com/shorts/dQw4w9WgXcQ", VIDEO),
    ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0", VIDEO),
    ("https://m.youtube.com/watch?feature=share&v=dQw4w9WgXcQ", VIDEO),
    ("https://www.youtube.com/watch?v=a%26list%3Db", "youtube.com/watch?v=a%26list%3Db"),
    ("https://www.youtube.com/embed/videoseries?list=PL1", "youtube.com/embed/videoseries?list=PL1"),
    ("https://mobile.twitter.com/jack/status/20?s=20", "x.com/i/status/20"),
    ("https://x.com/i/web/status/20/photo/1", "x.com/i/status/20"),
    ("https://twitter.com/jack", "x.com/jack"),
    ("https://old.reddit.com/r/py/comments/AbC12/title/?ref=share", "reddit.com/comments/abc12"),
    ("https://redd.it/AbC12", "reddit.com/comments/abc12"),
    ("https://redd.it/AMP", "redd.it/AMP"),
    ("https://notreddit.com/comments/AbC12", "notreddit.com/comments/AbC12"),
    ("https://t.co/AbCdEf", "t.co/AbCdEf"),
    # characters
    ("https://example.com/%7Euser/a%2fb", "example.com/~user/a%2Fb"),
    ("https://example.com/%%34%31", "example.com/%2541"),
    ("https://example.com/100%", "example.com/100%25"),
    ("https://example.com/%0A%CC%81", "example.com/%0A%CC%81"),
    ("https://example.com/%e9", "example.com/%E9"),
    ("https://example.com/?a=%CC%B8", "example.com?a=%CC%B8"),
    ("https://en.wikipedia.org/wiki/Cafe%CC%81", "en.wikipedia.org/wiki/Caf%C3%A9"),
    ("https://en.wikipedia.org/wiki/Café au lait", "en.wikipedia.org/wiki/Caf%C3%A9%20au%20lait"),
    ("https://faß.de/x", "xn--fa-hia.de/x"),
    # relative address of the Hacker News data set
    ("item?id=26327717", "item?id=26327717"),
]

NO_KEYS = [
    None, "", " \t\n", "-", "/path", "#top", "?a=1", "a@b.c", "mailto:a@b.c", "javascript:void(0)", "javascript:0",
    "tel:911", "data:text/html,x", "ftp://example.com/", "android-app://com.example", "hello world", "https://", "https://a..b/",
    "https://a.1../", "http://example.com:99999/", "https://\ud800/",
]  # fmt: skip

_PIECES = """
    http:// https:// HTTPS: // / \\ ? # & = : @ % %2 %25 %2f %2E %41 %0A %FF %CC%81 %CC%B8 %E2%84%AA %CD%BE .. . e K é
    www. m. mobile. amp. old. en.m.wikipedia.org google.com google.co.uk/url?q= google.com/amp/s/ l.facebook.com
    /l.php?u= cdn.ampproject.org/c/s/ out.reddit.com ?url= youtube.com /redirect?q= youtu.be /watch?v= dQw4w9WgXcQ
    /shorts/ x.com twitter.com /status/20 reddit.com redd.it /comments/AbC bing.com/ck/a?u=a1 gov.uk co.uk github.io com
    example.com faß.de xn-- :80 :443 :8080 javascript tel http https mailto: data: [::1] 1.2.3.4 0x7f .1 /index.html
    /amp amp=1 utm_source=x si= a=1 + - _ * ~ ; , | " < { \u0301 \u0338 \u200b \xad \ufeff 。 א
"""
PIECES = [*_PIECES.split(), " ", "\n", "\u3000", "\x00", "\ud800"]
web_like = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
wrapped = web_like.map(lambda u: "https://google.com/url?q=" + quote(u, safe="", errors="replace"))
addresses = st.one_of(st.text(), web_like, web_like.map(lambda u: "https://" + u), wrapped)


@pytest.mark.parametrize(("url", "key"), KEYS)
def test_golden_keys(url: str, key: str) -> None:
    """Every spelling of a page has the key of that page, and no other page has it."""
    assert url_key(url) == key


@pytest.mark.parametrize("url", NO_KEYS)
def test_no_key(url: str | None) -> None:
    """What is no http(s) address has no key, no site and no variants."""
    assert url_key(url) is None
    assert registrable_domain(url) is None
    assert url_variants(url or "") == ()


def test_shared_keys() -> None:
    """Every reference vector of the project's shared data holds; an empty key means none."""
    if not SHARED_KEYS.exists():
        pytest.skip("the folder `shared` does not stand beside this repository")
    rows = [line.split("\t") for line in SHARED_KEYS.read_text("utf-8").splitlines()[1:] if line]
    assert len(rows) > 20
    assert {url: url_key(url) for url, _ in rows} == {url: key or None for url, key in rows}


def _nested(levels: int) -> str:
    url = "https://example.com/A"
    for _ in range(levels):
        url = "https://l.facebook.com/l.php?u=" + quote(url, safe="")
    return url


def test_wrappers_are_opened_to_a_limit() -> None:
    """Four wrappers are opened; of a deeper nest none is, so that the key stays its own key."""
    assert url_key(_nested(MAX_WRAPPERS)) == "example.com/A"
    deep = url_key(_nested(MAX_WRAPPERS + 1))
    assert deep is not None
    assert deep.startswith("l.facebook.com/l.php?u=")
    assert url_key(deep) == deep


def test_wrappers_of_different_kinds_nest() -> None:
    """A wrapper in an AMP viewer in another wrapper leads to the page."""
    code = urlsafe_b64encode(_nested(1).encode()).decode().rstrip("=")
    assert url_key(f"https://www.bing.com/ck/a?u=a1{code}") == "example.com/A"


@given(addresses)
def test_key_is_idempotent_and_clean(url: str) -> None:
    """No text raises; a key is its own key, has no whitespace and is of the same site as its address."""
    key = url_key(url)
    assert registrable_domain(key) == registrable_domain(url)
    if key is not None:
        assert url_key(key) == key
        assert key.isascii()
        assert not any(c.isspace() for c in key)


@given(addresses)
def test_helpers_take_any_text(text: str) -> None:
    """No text raises, and variants are distinct."""
    host(text)
    links_in(text)
    variants = url_variants(text)
    assert len(set(variants)) == len(variants)


@given(st.from_regex(r"https?://[a-z]{1,9}\.(com|de)(/[A-Za-z0-9]{1,4}){0,3}/?(\?[a-z]=[0-9])?", fullmatch=True))
def test_variants_of_a_url_share_its_key(url: str) -> None:
    """The given address comes first, and asking for all variants is asking for one page."""
    variants = url_variants(url)
    assert variants[0] == url
    assert len(variants) == 4
    assert {url_key(v) for v in variants} == {url_key(url)}


@pytest.mark.parametrize(
    ("url", "variants"),
    [
        (
            "http://Example.com/A/?b=2",
            ("http://Example.com/A/?b=2", "http://Example.com/A?b=2", "https://Example.com/A?b=2", "https://Example.com/A/?b=2"),
        ),
        ("example.com", ("https://example.com", "https://example.com/", "http://example.com", "http://example.com/")),
        (
            "https://e.com/a#x",
            ("https://e.com/a#x", "https://e.com/a", "https://e.com/a/", "http://e.com/a", "http://e.com/a/"),
        ),
    ],
)  # fmt: skip
def test_variants(url: str, variants: tuple[str, ...]) -> None:
    """Variants are literal: host case and query stay; only scheme and slash vary, the fragment goes."""
    assert url_variants(url) == variants


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://shop.example.co.uk/p", "example.co.uk"),
        ("blog.example.com/p?q=1", "example.com"),
        ("https://x.github.io/a", "x.github.io"),
        ("https://www.gov.uk/x", "www.gov.uk"),
        ("gov.uk/x", "www.gov.uk"),
        ("https://youtu.be/dQw4w9WgXcQ", "youtube.com"),
        ("https://a.site1.example:8080/x", "site1.example"),
        ("http://127.0.0.1:8000/", None),
        ("http://[::1]/", None),
        ("item?id=26327717", None),
    ],
)
def test_registrable_domain(url: str, site: str | None) -> None:
    """An address and its key are of one site, also when the host is a public suffix itself."""
    assert registrable_domain(url) == site
    assert registrable_domain(url_key(url)) == site


def test_host_is_the_one_named() -> None:
    """The host is not folded: `www.` stays; port, user and the final dot go."""
    assert host("https://u:p@WWW.Faß.de.:8080/x") == "www.xn--fa-hia.de"
    assert host("example.com/A") == "example.com"
    assert host("mailto:a@b.c") is None
    assert host(None) is None


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Read https://a.com/x, then (http://b.com/y).", ["https://a.com/x", "http://b.com/y"]),
        ("https://a.com/b_(c) (see https://a.com/d_(e))", ["https://a.com/b_(c)", "https://a.com/d_(e)"]),
        ("twice https://a.com https://a.com!", ["https://a.com"]),
        ("[https://a.com/x](https://a.com/y) **https://b.com/z**", ["https://a.com/x", "https://a.com/y", "https://b.com/z"]),
        ("https://youtu.be/abcdefghij_ https://youtu.be/abcdefghij-", ["https://youtu.be/abcdefghij_", "https://youtu.be/abcdefghij-"]),
        ("見て https://a.com/x。次 https://b.com/?a[]=1,2", ["https://a.com/x", "https://b.com/?a[]=1,2"]),
        ("https://a.com/x,https://b.com", ["https://a.com/x", "https://b.com"]),
        ("https://... http:// example.com mailto:a@b.c", []),
        ("", []),
    ],
)  # fmt: skip
def test_links_in(text: str, links: list[str]) -> None:
    """Links come once each, in order, with the brackets they opened and without the punctuation around them."""
    assert links_in(text) == links


@pytest.mark.parametrize("value", [None, 7, ["https://a.example"], b"https://a.example"])
def test_what_is_no_text_holds_no_links(value: object) -> None:
    """Fields of answers that should hold a text may hold anything."""
    assert links_in(value) == []


@pytest.mark.parametrize(
    ("links", "found"),
    [
        (["https://m.vk.com/x", "https://vk.com", "https://a.example/p", "https://b.example"], "https://a.example/p"),
        ([None, 7, "no address", "mailto:a@b.example", "https://a.example"], "https://a.example"),
        (["https://vk.com/x"], None),
        ([], None),
    ],
)
def test_the_first_address_outside(links: list[object], found: str | None) -> None:
    """A platform's own addresses, and what is no address, do not count as what a post links to."""
    assert first_outside(links, ["vk.com", None]) == found
