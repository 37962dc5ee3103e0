"""The join key of a web address: one spelling for the many under which people share it and engines list it."""

import base64
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from string import ascii_letters, digits
from typing import TypeAlias
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_to_bytes

import can_ada
import tldextract

# host (with a port that is not a default), path without its trailing slash, query without its question mark
Address: TypeAlias = tuple[str, str, str]

MAX_WRAPPERS = 4

# A deny-list, never an allow-list: a parameter nobody knows (`id`, `p`, `q`, `ref`) may carry the page's identity.
_TRACKING = """
    fbclid gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid msclkid yclid ysclid ymclid twclid ttclid scclid
    li_fat_id rdt_cid epik igsh igshid ig_rid ig_mid rcm si srsltid mc_cid mc_eid mc_tc mkt_tok _ga _gl _gac _hsenc
    _hsmi __hssc __hstc __hsfp hsctatracking vero_id vero_conv oly_anon_id oly_enc_id wickedid rb_clickid s_cid s_kwcid
    ef_id irclickid irgwc cjevent awc sscid dm_i ml_subscriber ml_subscriber_hash _kx __s _openstat wt_mc wt.mc_id xtor
    at_medium at_campaign icid ncid ocid cmpid smid smtyp soc_src soc_trk tsrc guccounter guce_referrer
    guce_referrer_sig ref_src ref_url __twitter_impression fb_action_ids fb_action_types fb_source fb_ref fb_comment_id
    mibextid sfnsn _rdr _rdc __tn__ xmt trk trkinfo lipi _branch_match_id _branch_referrer is_from_webapp sender_device
    is_copy_url spm pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content pk_cid jsessionid phpsessid
    amp_js_v amp_gsa amp_lite amp_tf usqp
"""
TRACKING = frozenset(_TRACKING.split())
TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_", "__cft__", "at_custom", "at_link_", "sc_campaign", "ns_campaign")
# Only these values: `amp=5` in a guitar shop is a product.
AMP_FLAGS = frozenset({"amp", "amp=", "amp=1", "amp=true", "outputType=amp"})

# Host, or host and path, of a redirect wrapper -> the parameters that may hold the target, the best first.
WRAPPERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("l.facebook.com", "lm.facebook.com", "facebook.com/l.php", "facebook.com/flx/warn"), ("u",)),
    **dict.fromkeys(("l.instagram.com", "l.threads.com", "l.threads.net", "l.messenger.com"), ("u",)),
    **dict.fromkeys(("out.reddit.com", "slack-redir.net/link", "exit.sc", "medium.com/r"), ("url",)),
    **dict.fromkeys(("linkedin.com/redir/redirect", "linkedin.com/safety/go", "pinterest.com/offsite"), ("url",)),
    **dict.fromkeys(("vk.com/away.php", "away.vk.com"), ("to",)),
    **dict.fromkeys(("tiktok.com/link/v2", "link.zhihu.com"), ("target",)),
    "google.com/url": ("url", "q"),
    "google.com/imgres": ("imgrefurl",),
    "youtube.com/redirect": ("q",),
    "duckduckgo.com/l": ("uddg",),
    "steamcommunity.com/linkfilter": ("url", "u"),
    "t.umblr.com/redirect": ("z",),
}

HOST_ALIASES = {"twitter.com": "x.com"} | {f"{old}.reddit.com": "reddit.com" for old in ("old", "new", "np", "i")}
YOUTUBE_HOSTS = frozenset({"youtube.com", "music.youtube.com", "youtube-nocookie.com", "youtu.be"})
# `tel:911` looks like a host with a port; these names never are one.
OPAQUE_SCHEMES = frozenset(
    {"about", "blob", "callto", "data", "fax", "geo", "javascript", "mailto", "sms", "tel", "urn"}
)

_EDGES = "".join(map(chr, range(0x21))) + "\x7f\x85\xa0\u1680\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
_HOST_PORT = re.compile(r"[^/?#:@\[\]\\\s]+:\d{1,5}(?:[/?#]|\Z)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_USER_INFO = re.compile(r"[^/?#\\]*@")
_LITERAL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE)
_WIKI_MOBILE = re.compile(r"(.+)\.m\.(wik(?:ipedia|tionary|ibooks|iquote|isource|inews|ivoyage|iversity|imedia)\.org)")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = {f"{ord(c):02X}": c for c in ascii_letters + digits + "-._~"}
# With the letter before it, which may take an accent (`e%CC%81`); never with `=`, which U+0338 would make a U+2260.
# The `A` of `%0A` is no such letter.
_NON_ASCII = re.compile(r"(?:(?<!%)(?<!%[0-9A-F])[A-Za-z])?(?:%[89A-F][0-9A-F])+")
_GOOGLE = re.compile(r"(?:[a-z]+\.)?google\.(?:com?\.)?[a-z]{2,3}")
_AMP_PATH = re.compile(r"/[a-z]+(?:/s)?/([^/]+\.[^/]+(?:/.*)?)")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
# `embed/videoseries` and `embed/live_stream` have eleven letters and are no videos.
_YOUTUBE_PATH = re.compile(r"/(?:shorts|embed|live|v)/(?!videoseries|live_stream)([A-Za-z0-9_-]{11})(?:[/&].*)?")
_STATUS_PATH = re.compile(r"/(?:[^/]+|i/web)/status(?:es)?/([0-9]+)(?:/.*)?")
_COMMENTS_PATH = re.compile(r"(?:/(?:r|u|user)/[^/]+)?/(?:comments|gallery)/([A-Za-z0-9]+)(?:/.*)?")
_REDD_IT_PATH = re.compile(r"/([A-Za-z0-9]+)")
# Ends at CJK punctuation, which no space follows, at the middle of [markdown](links) and between `a,https://b`.
_LINK = re.compile(
    r"https?://(?:[^\s<>\"`{}|\\^\],\u3001-\u3003\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]"
    r"|\](?!\()|,(?!https?://))+",
    re.IGNORECASE,
)
_PUNCTUATION = ".,;:!?'*\u2026\u2019\u201d\xbb"  # no `_` and `-`: a video's id may end in them
_BRACKETS = {")": "(", "]": "["}

# The packaged snapshot: by default the first look-up goes to the network and the answer depends on the day.
_PSL = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


@lru_cache(maxsize=1 << 16)
def url_key(url: str | None) -> str | None:
    """The join key of a web address, or None for what is no http(s) address; a key is its own key."""
    address = _address(url) if url else None
    if address is None:
        return None
    where, path, query = _target(address)
    return _permalink(where, path, query) or (f"{where}{path}?{query}" if query else where + path)


def url_variants(url: str) -> tuple[str, ...]:
    """The given address first, then its spellings by scheme and trailing slash, without fragment."""
    given = _absolute(url)
    pieces = _LITERAL.match(given) if given else None
    if given is None or pieces is None or url_key(given) is None:
        return ()
    scheme, where, path, query = (piece or "" for piece in pieces.groups())
    schemes = ("http", "https") if scheme.lower() == "http" else ("https", "http")
    paths = (path.rstrip("/"), path.rstrip("/") + "/")
    return tuple(dict.fromkeys([given, *(f"{s}://{where}{p}{query}" for s in schemes for p in paths)]))


def host(url: str | None) -> str | None:
    """The host as the address names it (`www.` stays), in lower case and IDNA 2008, without port."""
    parsed = _parse(url) if url else None
    return parsed.hostname.rstrip(".") or None if parsed else None


def registrable_domain(url_or_key: str | None) -> str | None:
    """The site that an address or a key belongs to, private suffixes (`x.github.io`) being sites of their own."""
    key = url_key(url_or_key)
    name = host(key)
    return _site(name) if name else None


def links_in(text: object) -> list[str]:
    """The http(s) addresses in a free text, each once, in order, without the punctuation around them."""
    links = (_without_punctuation(link) for link in _LINK.findall(text if isinstance(text, str) else ""))
    return [link for link in dict.fromkeys(links) if host(link)]


def first_outside(links: Iterable[object], own: Collection[str | None]) -> str | None:
    """The first address that leads to another site than a platform's own ones."""
    texts = (link for link in links if isinstance(link, str))
    return next((link for link in texts if registrable_domain(link) not in (None, *own)), None)


def _without_punctuation(link: str) -> str:
    while True:
        short = link.rstrip(_PUNCTUATION)
        opening = _BRACKETS.get(short[-1:])
        # A bracket that was opened inside belongs to the address: /wiki/Rust_(fungus)
        if opening and short.count(short[-1]) > short.count(opening):
            short = short[:-1]
        if short == link:
            return link
        link = short


def _absolute(url: str) -> str | None:
    """The address with a scheme, or None when it has another one or is no address."""
    text = url.strip(_EDGES)
    if text.startswith(("https://", "http://")):
        return text
    text = text.replace("\t", "").replace("\n", "").replace("\r", "")
    if text.startswith("//"):
        return "https:" + text
    if _HOST_PORT.match(text):
        return "https://" + text
    if scheme := _SCHEME.match(text):
        return text if scheme[0].lower() in ("http:", "https:") else None
    # `/path` and `#top` have no host, `a@b.c` is a person
    return None if text[:1] in ("", "/", "?", "#", "\\") or _USER_INFO.match(text) else "https://" + text


def _parse(url: str) -> can_ada.URL | None:
    absolute = _absolute(url)
    try:
        parsed = can_ada.parse(absolute) if absolute else None
    except (ValueError, TypeError):  # no address; lone surrogates
        return None
    return None if parsed and parsed.port and parsed.hostname.rstrip(".") in OPAQUE_SCHEMES else parsed


def _address(url: str) -> Address | None:
    parsed = _parse(url)
    where = _fold(parsed.hostname) if parsed else None
    if parsed is None or where is None:
        return None
    # The key has no scheme, so both default ports are default: http://h:443/ would lose its port on the second turn.
    if parsed.port not in ("", "80", "443"):
        where = f"{where}:{parsed.port}"
    return where, _trim(_escapes(parsed.pathname)), _sift(_escapes(parsed.search[1:]))


@lru_cache(maxsize=1 << 16)
def _fold(name: str) -> str | None:
    """The desktop host of a mobile, AMP or www one; None for names that DNS cannot hold."""
    if ".." in name or name.startswith("."):  # an empty label hides a number from the IPv4 rule
        return None
    name = name.removesuffix(".")
    while (short := _without_prefix(name)) != name:
        name = short
    # `-` is how tables write "nothing"
    return HOST_ALIASES.get(name, name) if name.strip("-._~*") else None


def _without_prefix(name: str) -> str:
    prefix, _, rest = name.partition(".")
    if prefix == "www" and "." in rest:
        return rest
    # mobile.de, amp.dev and m.blogspot.com are sites of their own: what is left must be one too.
    if prefix in ("m", "mobile", "amp") and _PSL.extract_str(rest).top_domain_under_public_suffix:
        return rest
    wiki = _WIKI_MOBILE.fullmatch(name)
    return f"{wiki[1]}.{wiki[2]}" if wiki else name


@lru_cache(maxsize=1 << 16)
def _site(name: str) -> str | None:
    labels = name.split(".")
    if len(labels) == 1 or labels[-1].isdigit():
        return None
    found = _PSL.extract_str(name)
    if found.suffix and not found.domain:  # gov.uk, whose site is www.gov.uk; the key dropped the www
        return "www." + name
    # An ending the list does not know counts as a suffix: the list's own rule `*`
    return found.top_domain_under_public_suffix or ".".join(labels[-2:])


def _escapes(text: str) -> str:
    """Percent-encoding in one spelling: hex in upper case, unreserved decoded, NFC, a lone `%` encoded."""
    if "%" not in text:
        return text
    return _NON_ASCII.sub(_composed, _ESCAPE.sub(_escape, text))


def _escape(found: re.Match[str]) -> str:
    # A lone `%` left alone would join what follows it: %%34%31 -> %41 -> A
    code = (found[1] or "25").upper()
    return _UNRESERVED.get(code) or "%" + code


def _composed(found: re.Match[str]) -> str:
    try:
        return quote(normalize("NFC", unquote_to_bytes(found[0]).decode()), safe="")
    except UnicodeDecodeError:
        return found[0]


def _trim(path: str) -> str:
    """The path without what may be repeated at its end: slashes, index.html, /amp."""
    while True:
        short = path.rstrip("/").removesuffix("/index.html").removesuffix("/index.htm")
        if len(short) > len("/amp"):  # example.com/amp may be about amplifiers
            short = short.removesuffix("/amp")
        if short == path:
            return path
        path = short


def _sift(query: str) -> str:
    return "&".join(sorted(p for p in query.split("&") if p and not _is_tracking(p))) if query else ""


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES) or parameter in AMP_FLAGS


def _value(query: str, names: tuple[str, ...]) -> str:
    pairs = [p.partition("=") for p in query.split("&")]
    return next((value for wanted in names for name, _, value in pairs if name == wanted and value), "")


def _target(address: Address) -> Address:
    """The address inside all wrappers; a deeper nest than anybody builds is left as it is."""
    inner = address
    for _ in range(MAX_WRAPPERS + 1):
        text = _wrapped(*inner)
        found = _address(text) if text else None
        # Without a dot it is no web address (google.com/url?q=cats): the wrapper stays.
        if found is None or "." not in found[0]:
            return inner
        inner = found
    return address


def _wrapped(where: str, path: str, query: str) -> str:
    if "google." in where and _GOOGLE.fullmatch(where):
        where = "google.com"
    if names := WRAPPERS.get(where) or WRAPPERS.get(where + path):
        return unquote(_value(query, names))
    is_viewer = where in ("google.com", "bing.com") and path.startswith("/amp/")
    if is_viewer or where.endswith(("cdn.ampproject.org", ".bing-amp.com")):
        found = _AMP_PATH.fullmatch(path)
        return f"https://{found[1]}?{query}" if found else ""
    if where == "bing.com" and path == "/ck/a":
        return _bing_target(_value(query, ("u",)))
    return ""


def _bing_target(code: str) -> str:
    """Bing writes `a1` and the address in URL-safe base64 without padding."""
    try:
        return base64.urlsafe_b64decode(code.removeprefix("a1") + "==").decode()
    except ValueError:
        return ""


def _permalink(where: str, path: str, query: str) -> str | None:
    """The id form of a post or video that has several addresses on its own platform."""
    if where in YOUTUBE_HOSTS:
        return _video(where, path, query)
    if where == "x.com" and (found := _STATUS_PATH.fullmatch(path)):
        return f"x.com/i/status/{found[1]}"
    post = _REDD_IT_PATH if where == "redd.it" else _COMMENTS_PATH if f".{where}".endswith(".reddit.com") else None
    found = post.fullmatch(path) if post else None
    name = found[1].lower() if found else "amp"
    return None if name == "amp" else f"reddit.com/comments/{name}"  # /comments/amp would be trimmed on the next turn


def _video(where: str, path: str, query: str) -> str | None:
    if path in ("", "/watch"):
        # As written: decoding a `v` that is no id would let `%26` become a separator
        found = _YOUTUBE_ID.fullmatch(_value(query, ("v",)))
        return f"youtube.com/watch?v={found[0]}" if found else None
    found = _YOUTUBE_PATH.fullmatch("/v" + path if where == "youtu.be" else path)
    return f"youtube.com/watch?v={found[1]}" if found else None
