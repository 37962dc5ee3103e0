"""Exports of other tools: recognised by their header, read as their makers meant them, nothing guessed or lost."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import TallyrankError
from pipelines.docs import sources
from pipelines.files import known
from pipelines.files.aliases import PART, resolved
from pipelines.files.choosing import Choice, Options, Request, choose, unread
from pipelines.files.dialect import DECIMALS, date_format, moment, number
from pipelines.files.fields import Incomplete
from pipelines.files.inbox import import_file
from pipelines.files.plans import Names
from pipelines.files.values import Cells, counts
from pipelines.lake import Lake

DAY = "2026-11-20"
AT = datetime(2026, 11, 20, tzinfo=UTC)
SURE = Options(is_sure=True)


def wrote(folder: Path, text: str, name: str = "export.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def chosen(folder: Path, kind: str, text: str, options: Options = SURE, **constants: str) -> Choice:
    return choose(Request(kind, wrote(folder, text), {}, constants, options), folder)


def rows(choice: Choice, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in choice.found.table.to_pylist()]


def votes(choice: Choice) -> dict[tuple[str, str], list[Any]]:
    """Count, quality and native name of every page's verb."""
    return {(key, verb): rest for key, verb, *rest in rows(choice, "url_key", "verb", "count", "quality", "native")}


SPROUT = """\
Date,Post ID,Network,Profile,Sent by,Link,Post,Linked Content,Impressions,Organic Impressions,Engagements,\
Engagement Rate (per Impression),Reactions,Likes,Love Reactions,Comments,Shares,Saves,Post Link Clicks,\
Post Clicks (All),Video Views,Mystery
10/31/2026 1:05 pm,1_2,Facebook,Shop,Ann,https://facebook.com/1/posts/2,Read,https://a.example/x?utm_source=f,"1,234",\
"1,200",35,2.84%,12,10,2,3,4,-,41,50,-,9
11/02/2026 9:00 am,33,Twitter,Shop,Ann,https://x.com/s/status/33,"By https://twitter.com/ann: https://a.example/y!",,0,0,9,1%,,5,,0,1,,7,8,880,
"""


def test_sprout_social(tmp_path: Path) -> None:
    """Reactions before likes and never both, the page from its column or the text, month before day, doubtful zeros."""
    choice = chosen(tmp_path, "votes", SPROUT, observed_at=DAY)
    assert choice.format and choice.format.name == "sprout_social" and choice.is_proposal
    seen = votes(choice)
    assert seen["a.example/x", "like"] == [12, "exact", "Reactions"]
    assert seen["a.example/y", "like"] == [5, "exact", "Likes"]
    assert seen["a.example/x", "view"] == [1234, "exact", "Impressions"]
    assert seen["a.example/y", "view"] == [880, "exact", "Video Views"]
    assert seen["a.example/y", "comment"] == [0, "default_zero", "Comments"]
    assert seen["a.example/x", "save"] == [None, "exact", "Saves"]
    assert {verb for _, verb in seen} == {"share", "like", "comment", "save", "view", "click"}
    where = set(rows(choice, "platform", "object_id", "basis", "published_at"))
    assert where == {
        ("sprout_social:facebook", "1_2", "post", datetime(2026, 10, 31, 13, 5, tzinfo=UTC)),
        ("sprout_social:x", "33", "post", datetime(2026, 11, 2, 9, tzinfo=UTC)),
    }
    assert {"Mystery", "Sent by", "Engagements", "Love Reactions"} <= {name for name, _ in unread(choice)}
    assert not {"Read", "Ann"} & {cell for row in choice.found.table.to_pylist() for cell in row.values()}


def test_hootsuite(tmp_path: Path) -> None:
    """The three names that are known recognise it; the day in GMT must be written so that it can be read in one way."""
    text = "Date (GMT),Post ID,Post permalink,Post message,Network,Likes,Shares\n{},9,https://x.com/1,see https://a.b/,X,3,1\n"
    choice = chosen(tmp_path, "votes", text.format("2026-11-01 10:00:00"), observed_at=DAY)
    assert choice.format and choice.format.name == "hootsuite"
    assert {key for key, _ in votes(choice)} == {"a.b"}
    with pytest.raises(TallyrankError, match="or give --date-format"):
        chosen(tmp_path, "votes", text.format("01/11/2026 10:00"), observed_at=DAY)
    said = chosen(
        tmp_path, "votes", text.format("01/11/2026 10:00"), Options(date_format="DD/MM/YYYY"), observed_at=DAY
    )
    assert rows(said, "published_at")[0] == (datetime(2026, 11, 1, 10, tzinfo=UTC),)


@pytest.mark.parametrize("name", ["agorapulse", "buffer", "echobox", "loomly", "promorepublic"])
def test_tools_whose_files_were_never_seen(tmp_path: Path, name: str) -> None:
    """They are read by usual names when named, their counts stand under the tool, and they say what was never seen."""
    text = "Published;Network;Text;Shares;Retweets;Reactions\n2026-11-01;LinkedIn;https://a.b/c;4;2;0\n"
    choice = chosen(tmp_path, "votes", text, Options(format=name), observed_at=DAY)
    assert votes(choice)["a.b/c", "share"] == [6, "exact", "Shares + Retweets"]
    assert rows(choice, "platform")[0] == (f"{name}:linkedin",)
    assert choice.format and "never seen in a real file" in " ".join(choice.format.unverified)
    assert votes(choice)["a.b/c", "like"][1] == ("default_zero" if name == "buffer" else "exact")


LANGUAGES = {
    "en": "Published at,Network,Link URL,Shares,Reactions,Likes,Comments,Saves,Impressions,Link clicks",
    "de": "Veröffentlicht am,Netzwerk,Verlinkter Inhalt,Geteilte Inhalte,Reaktionen,Likes,Kommentare,Gespeichert,"
    "Impressionen,Linkklicks",
    "fr": "Date de publication,Réseau,Lien partagé,Partages,Réactions,J’aime,Commentaires,Enregistrements,"
    "Impressions,Clics sur le lien",
    "es": "Fecha de publicación,Red social,Enlace compartido,Compartidos,Reacciones,Me gusta,Comentarios,Guardados,"
    "Impresiones,Clics en el enlace",
    "it": "Data di pubblicazione,Rete,Link condiviso,Condivisioni,Reazioni,Mi piace,Commenti,Salvataggi,"
    "Impressioni,Clic sul link",
    "pt": "Data de publicação,Rede social,Link compartilhado,Compartilhamentos,Reações,Curtidas,Comentários,"
    "Salvamentos,Impressões,Cliques no link",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_tool_in_six_languages(tmp_path: Path, language: str) -> None:
    """Names are found whatever their language, case and accents; every verb comes from its own column."""
    text = f"{LANGUAGES[language]}\n2026-11-01,Facebook,https://a.b/c,1,2,99,3,4,5,6\n"
    choice = chosen(tmp_path, "votes", text, observed_at=DAY)
    assert choice.format and choice.format.name == "any_tool"
    names = ("share", "like", "comment", "save", "view", "click")
    assert {verb: count for (_, verb), (count, *_) in votes(choice).items()} == dict(
        zip(names, range(1, 7), strict=True)
    )
    assert set(rows(choice, "platform", "published_at")) == {("facebook", datetime(2026, 11, 1, tzinfo=UTC))}


def test_numbers_of_other_countries(tmp_path: Path) -> None:
    """With the decimal mark known 1.234 is a thousand; without it the cell is set aside with the option to give."""
    text = "Link URL;Netzwerk;Geteilt;Kommentare;Reaktionen\nhttps://a.b/c;X;1.234;3,4 Mio.;–\nhttps://a.b/d;X;5;1\u202f234;7\n"
    choice = chosen(tmp_path, "votes", text, Options(decimal="comma"), observed_at=DAY)
    seen = votes(choice)
    assert seen["a.b/c", "share"] == [1234, "exact", "Geteilt"]
    assert seen["a.b/c", "comment"] == [3_400_000, "rounded", "Kommentare"]
    assert seen["a.b/c", "like"] == [None, "exact", "Reaktionen"]
    assert seen["a.b/d", "comment"][0] == 1234
    silent = chosen(tmp_path, "votes", text, observed_at=DAY)
    assert [r.reason for r in silent.found.rejects] == [
        "share: '1.234' is no whole number unless you give --decimal comma"
    ]


def test_a_link_alone_is_the_page(tmp_path: Path) -> None:
    """Where only one column holds addresses, it is the page; engagement is never a verb."""
    choice = chosen(tmp_path, "votes", "Link,Engagements,Likes\nhttps://a.b/c,9,4\n", observed_at=DAY, platform="x")
    assert rows(choice, "url_key", "verb", "count", "basis") == [("a.b/c", "like", 4, "page")]
    assert dict(unread(choice))["Engagements"] == "a sum of several verbs, never one of them"


LOOMLY = "Date,Channel,Permalink,Link,Post,Likes\n2026-11-01,X,https://x.com/a/status/1,{},{},4\n"


@pytest.mark.parametrize("options", [SURE, Options(format="loomly")])
def test_a_link_beside_a_permalink_is_the_page(tmp_path: Path, options: Options) -> None:
    """The permalink is the post; where its link is blank, the address in the text is the page."""
    choice = chosen(tmp_path, "votes", LOOMLY.format("https://a.b/c", "Read https://a.b/d"), options, observed_at=DAY)
    assert rows(choice, "url_key", "object_id") == [("a.b/c", "https://x.com/a/status/1")]
    bare = chosen(tmp_path, "votes", LOOMLY.format("", "Read https://a.b/d"), options, observed_at=DAY)
    assert rows(bare, "url_key") == [("a.b/d",)]


def test_a_link_beside_a_text_alone_is_the_post(tmp_path: Path) -> None:
    """Without a permalink, the link may well be that of the post, so the page is what the text names."""
    text = "Date,Channel,Link,Post,Likes\n2026-11-01,X,https://x.com/a/status/1,see https://a.b/d,4\n"
    choice = chosen(tmp_path, "votes", text, observed_at=DAY)
    assert rows(choice, "url_key", "object_id") == [("a.b/d", "https://x.com/a/status/1")]


def test_no_page_anywhere_says_which_column_to_name(tmp_path: Path) -> None:
    """When every row lacks a page, the error ends with the way out; with that it is read."""
    text = "Date,Channel,Link,Post,Likes\n2026-11-01,X,https://a.b/c,Hello,4\n"
    advice = "no web address in column Post; give --format any_tool --map url=COLUMN"
    with pytest.raises(TallyrankError, match=f"its only row cannot be used .*{advice}$"):
        chosen(tmp_path, "votes", text, observed_at=DAY)
    said = Request("votes", wrote(tmp_path, text), {"url": "Link"}, {"observed_at": DAY}, Options(format="any_tool"))
    assert rows(choose(said, tmp_path), "url_key") == [("a.b/c",)]


AHREFS = (
    "Keyword\tCountry\tVolume\tPrevious position\tCurrent position\tCurrent position kind\tCurrent URL\tPrevious URL\t"
    "Current date\r\n"
    "tea\tus\t2.1K\t4\t3\tOrganic\thttps://a.b/tea\thttps://a.b/tea\t2026-11-20\r\n"
    "té, verde\tus\t10\t9\t\t\t\thttps://a.b/green\t2026-11-20\r\n"
    "tea\tus\t2.1K\t4\t1\tAI Overview\thttps://a.b/tea\t\t2026-11-20\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8"])
def test_ahrefs(tmp_path: Path, encoding: str) -> None:
    """UTF-16 with tabs is read with or without a mark; a lost page is not found; other kinds of result are left out."""
    path = wrote(tmp_path, AHREFS, encoding=encoding)
    choice = choose(Request("rankings", path, {}, {"depth": "100"}, SURE), tmp_path)
    names = ("keyword", "url_key", "position", "found", "depth", "rank_kind", "country", "source")
    assert rows(choice, *names) == [
        ("tea", "a.b/tea", 3.0, True, 100, "organic", "us", "ahrefs"),
        ("té, verde", "a.b/green", None, False, 100, "organic", "us", "ahrefs"),
    ]
    assert "1 rows are left out: their Current position kind is not organic" in choice.found.notes


@pytest.mark.parametrize("name", sorted(f.name for f in known.formats().values() if f.is_blank_absent))
def test_a_page_not_found_needs_a_depth(tmp_path: Path, name: str) -> None:
    """A page not found within nobody knows how many results is set aside, whatever the tool; --depth keeps it."""
    fields = {"url": ("https://a.b/1", "https://a.b/2"), "keyword": ("tea", "tea"), "position": ("3", "")}
    each = known.formats()[name]
    first = {field: str(groups[0]) for field, groups in each.columns.items() if field in fields}
    header = {each.names.get(key, [key])[0]: fields[field] for field, key in first.items()}
    text = "".join(",".join(line) + "\n" for line in [list(header), *zip(*header.values(), strict=True)])
    named = Options(format=name)
    silent = chosen(tmp_path, "rankings", text, named, ranked_at=DAY)
    assert rows(silent, "url", "position", "found") == [("https://a.b/1", 3.0, True)]
    assert [(r.line, "give --depth" in r.reason) for r in silent.found.rejects] == [(3, True)]
    said = chosen(tmp_path, "rankings", text, named, ranked_at=DAY, depth="50")
    assert rows(said, "position", "found", "depth") == [(3.0, True, 50), (None, False, 50)]


SEMRUSH = """\
Keyword,Position,Previous position,Search Volume,Keyword Difficulty,CPC,URL,Traffic,Traffic (%),Timestamp,Position Type
tea,3,4,100,50,0.5,https://a.b/tea,10,1.5,2026-11-14,Organic
tea,1,4,100,50,0.5,https://a.b/tea,10,1.5,2026-11-14,SERP Feature
"""


def test_semrush(tmp_path: Path) -> None:
    """One row for each kind of position: the organic one is kept; the country stands in the file's name."""
    path = wrote(tmp_path, SEMRUSH, "a.b-organic.Positions-us-20261113-2026.csv")
    choice = choose(Request("rankings", path, {}, {}, SURE), tmp_path)
    at = datetime(2026, 11, 14, tzinfo=UTC)
    assert rows(choice, "position", "country", "ranked_at", "engine", "source") == [
        (3.0, "us", at, "google", "semrush")
    ]
    old = (
        SEMRUSH.replace(",Timestamp,Position Type", "")
        .replace(",2026-11-14,Organic", "")
        .replace(",2026-11-14,SERP Feature", "")
    )
    named = choose(Request("rankings", wrote(tmp_path, old, path.name), {}, {}, SURE), tmp_path)
    assert set(rows(named, "ranked_at")) == {(datetime(2026, 11, 13, tzinfo=UTC),)}
    with pytest.raises(Incomplete, match=r"--ranked-at VALUE \(the day of the export\)"):
        chosen(tmp_path, "rankings", old)


SISTRIX = "Keyword;Position;Suchvolumen (Search Volume);Wettbewerb (Competition);CPC;URL\ntee;1,0;1.300;20;0,5;https://a.b/t\n"


def test_sistrix(tmp_path: Path) -> None:
    """Semicolons and German numbers; the day must be given."""
    choice = chosen(tmp_path, "rankings", SISTRIX, ranked_at=DAY, country="de")
    assert rows(choice, "keyword", "position", "ranked_at", "country") == [("tee", 1.0, AT, "de")]
    assert choice.format and choice.format.name == "sistrix"


def test_moz_only_when_named(tmp_path: Path) -> None:
    """Its header is unknown, so it is never recognised; named, it is read by usual names and says so."""
    text = "Keyword,Rank,Landing page,Date\ntea,4,https://a.b/t,2026-11-20\n"
    with pytest.raises(Incomplete):
        chosen(tmp_path, "rankings", text)
    choice = chosen(tmp_path, "rankings", text, Options(format="moz"))
    assert rows(choice, "position", "source") == [(4.0, "moz")]
    assert choice.format and choice.format.unverified


def test_serposcope(tmp_path: Path) -> None:
    """Rank 32767 is not found and never a position; a row that names no page is set aside."""
    text = (
        "date,rank,url,target,keyword,device,country,datacenter,local,custom\n"
        "2026-11-20,3,https://a.b/t,a.b,tea,M,us,,,\n"
        "2026-11-20,32767,https://a.b/u,a.b,tea,D,us,,,\n"
        "2026-11-20,32767,null,a.b,milk,D,us,,,\n"
    )
    choice = chosen(tmp_path, "rankings", text, depth="100")
    seen = rows(choice, "keyword", "position", "found", "device")
    assert seen == [("tea", 3.0, True, "mobile"), ("tea", None, False, "desktop")]
    assert [r.line for r in choice.found.rejects] == [4]


def test_serpbear(tmp_path: Path) -> None:
    """0 and a dash are not found; a keyword with a comma breaks its own line only; averages are told apart."""
    text = (
        "ID, Keyword, Position, URL, Country, City, Device, Updated, Added, Tags\r\n"
        "1, tea, 3, https://a.b/t, US, , desktop, 2026-11-20, 2026-01-01, x\r\n"
        "2, milk, -, https://a.b/m, US, , mobile, 2026-11-20, 2026-01-01, x\r\n"
        "3, salt, 0, https://a.b/s, US, , mobile, 2026-11-20, 2026-01-01, x\r\n"
        "4, tea, green, 5, https://a.b/g, US, , mobile, 2026-11-20, 2026-01-01, x\r\n"
    )
    choice = chosen(tmp_path, "rankings", text, depth="100")
    seen = rows(choice, "keyword", "position", "found", "rank_kind")
    assert seen == [("tea", 3.0, True, "organic"), ("milk", None, False, "organic"), ("salt", None, False, "organic")]
    assert [(r.line, r.reason) for r in choice.found.rejects] == [(5, "11 fields instead of 10")]
    averages = "ID, Keyword, Position, Impressions, Clicks, CTR, Country, Device\n1, tea, 3.4, 50, 2, 4, US, desktop\n"
    other = chosen(tmp_path, "rankings", averages, url="https://a.b/t", ranked_at=DAY)
    assert rows(other, "position", "rank_kind", "impressions") == [(3.4, "average", 50.0)]


REFUSED = {
    "ahrefs_keywords": "#,Keyword,Country,Difficulty,Volume,Parent Keyword,Traffic potential\n1,tea,us,5,9,tea,4\n",
    "keyword_planner": "Stats\n2026\nKeyword\tCurrency\tAvg. monthly searches\tCompetition\ntea\tEUR\t100\tLow\n",
    "moz_keywords": "# ---\n# List: x\nKeyword,Locale,Min Volume,Max Volume,Organic CTR\ntea,us,1,2,4\n",
    "semrush_tracking": "Project\nKeyword,Tags,*.a.b/*_20261119,*.a.b/*_20261120\ntea,,3,-\n",
    "sistrix_comparison": "Keyword;Position#1;Position#2;URL\ntee;1;2;https://a.b/t\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_exports_without_positions_of_pages_are_refused_with_advice(tmp_path: Path, name: str) -> None:
    """They are recognised, and the reader is told what they hold; nothing of them is taken for a ranking."""
    with pytest.raises(TallyrankError, match=r"it holds") as caught:
        chosen(tmp_path, "rankings", REFUSED[name], ranked_at=DAY)
    assert known.formats()[name].title in str(caught.value)


QUERIES = {
    "en": "Top queries,Clicks,Impressions,CTR,Position\ntea,5,100,5%,3.4\n",
    "de": "Häufigste Suchanfragen,Klicks,Impressionen,CTR,Position\ntea,5,100,5%,3.4\n",
    "fr": "Requêtes les plus fréquentes,Clics,Impressions,CTR,Position\ntea,5,100,5%,3.4\n",
    "cs": 'Nejčastější dotazy;Kliknutí;Zobrazení;CTR;Pozice\ntea;5;100;5 %;"3,4"\n',
}


@pytest.mark.parametrize("language", QUERIES)
def test_search_console_queries(tmp_path: Path, language: str) -> None:
    """Averages, whatever the language; the page must be given, because the file names none."""
    choice = chosen(tmp_path, "rankings", QUERIES[language], url="https://a.b/t", ranked_at=DAY)
    names = ("keyword", "url_key", "position", "rank_kind", "clicks", "impressions", "depth")
    assert rows(choice, *names) == [("tea", "a.b/t", 3.4, "average", 5.0, 100.0, None)]
    with pytest.raises(Incomplete, match="those of a whole site"):
        chosen(tmp_path, "rankings", QUERIES[language], ranked_at=DAY)


def test_search_console_in_an_unknown_language(tmp_path: Path) -> None:
    """Named by the user, the order of the five columns says which is which; it is not recognised by itself."""
    text = "Suosituimmat haut,Klikkaukset,Näyttökerrat,CTR,Sijainti\ntee,5,100,5%,3.4\n"
    with pytest.raises(Incomplete):
        chosen(tmp_path, "rankings", text, url="https://a.b/t", ranked_at=DAY)
    named = Options(format="search_console_queries")
    choice = chosen(tmp_path, "rankings", text, named, url="https://a.b/t", ranked_at=DAY)
    assert rows(choice, "keyword", "position", "clicks", "impressions") == [("tee", 3.4, 5.0, 100.0)]


def archive(folder: Path) -> Path:
    path = folder / "a.b-Performance-on-Search.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Queries.csv", QUERIES["en"])
        file.writestr("Pages.csv", "Top pages,Clicks,Impressions,CTR,Position\nhttps://a.b/t,5,100,5%,7.5\n")
        file.writestr("Chart.csv", "Date,Clicks,Impressions,CTR,Position\n2026-11-18,1,9,5%,4\n2026-11-19,0,9,0%,5\n")
        file.writestr("Countries.csv", "Country,Clicks,Impressions,CTR,Position\nGermany,5,100,5%,3.4\n")
        file.writestr("Filters.csv", "Filter,Value\nSearch type,Web\nDate,Last 28 days\n")
    return path


@pytest.mark.parametrize(
    ("constants", "table", "seen"),
    [
        ({"url": "https://a.b/t", "ranked_at": DAY}, "Queries.csv", [("tea", "a.b/t", 3.4)]),
        ({"keyword": "tea", "ranked_at": DAY}, "Pages.csv", [("tea", "a.b/t", 7.5)]),
        ({"keyword": "tea", "url": "https://a.b/t"}, "Chart.csv", [("tea", "a.b/t", 4.0), ("tea", "a.b/t", 5.0)]),
    ],
)
def test_search_console_archive(tmp_path: Path, constants: dict[str, str], table: str, seen: list[Any]) -> None:
    """Of the tables in the ZIP the one is read that is complete with what was given; its filters are shown."""
    choice = choose(Request("rankings", archive(tmp_path), {}, constants, SURE), tmp_path)
    assert (choice.file.name, rows(choice, "keyword", "url_key", "position")) == (table, seen)
    assert "Filters.csv says Search type: Web; Date: Last 28 days" in choice.found.notes


def test_an_archive_of_one_table_is_that_table(tmp_path: Path) -> None:
    """A file of our own in a ZIP is read as if it were unpacked; a damaged archive is said to be one."""
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("votes.csv", "url,platform,verb,observed_at,count\nhttps://a.b,x,like,2026-11-20,5\n")
    choice = choose(Request("votes", path), tmp_path)
    assert rows(choice, "url_key", "count") == [("a.b", 5)] and not choice.is_proposal
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TallyrankError, match="ZIP archive"):
        choose(Request("votes", path), tmp_path)
    with pytest.raises(TallyrankError, match="cannot be unpacked"):
        choose(Request("votes", path / "votes.csv"), tmp_path)


def test_a_blank_network_stays_blank(tmp_path: Path) -> None:
    """The tool's name is set before a network, and never stands alone in place of one."""
    choice = chosen(tmp_path, "votes", SPROUT.replace("Twitter", "-"), observed_at=DAY)
    assert [(r.line, r.reason) for r in choice.found.rejects] == [(3, "platform: is blank")]


def test_archive_says_what_is_missing(tmp_path: Path) -> None:
    """Without a page or a query every table says what it needs; one table can be named by its path."""
    with pytest.raises(TallyrankError) as caught:
        choose(Request("rankings", archive(tmp_path), {}, {"ranked_at": DAY}, SURE), tmp_path)
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("has no table that is complete with what was given:")
    starts = {line.partition(";")[0].strip() for line in lines}
    assert {"Queries.csv: no column for url", "Pages.csv: no column for keyword"} <= starts
    assert all("; give --" in line and "the file has" not in line and len(line) < 240 for line in lines)
    inner = archive(tmp_path) / "Pages.csv"
    choice = choose(Request("rankings", inner, {}, {"keyword": "tea", "ranked_at": DAY}, SURE), tmp_path)
    assert rows(choice, "position") == [(7.5,)]
    with pytest.raises(TallyrankError, match=r"Nope.csv does not exist"):
        choose(Request("rankings", archive(tmp_path) / "Nope.csv", {}, {}, SURE), tmp_path)


def test_one_keyword_for_a_column_of_keywords_is_refused(tmp_path: Path) -> None:
    """A constant never silently replaces what each row says of itself."""
    with pytest.raises(TallyrankError, match="leave out --keyword"):
        chosen(tmp_path, "rankings", QUERIES["en"], url="https://a.b/t", ranked_at=DAY, keyword="milk")


FROG = """\
"Internal - All"
"Address","Content Type","Status Code","Status","Indexability","Canonical Link Element 1","Word Count","Crawl Depth",\
"Inlinks","Redirect URL","Title 1"
"https://a.b/new","text/html","200","OK","Indexable","https://a.b/new","900","1","12","","Tea, 5"
"https://a.b/old","text/html","301","Moved","Non-Indexable","","0","2","3","https://a.b/middle",""
"https://a.b/middle","text/html","302","Found","Non-Indexable","","0","2","3","https://a.b/new",""
"https://a.b/new?sort=1","text/html","200","OK","Non-Indexable","https://a.b/new","880","3","1","",""
"https://a.b/loop1","text/html","301","Moved","Non-Indexable","","0","2","3","https://a.b/loop2",""
"https://a.b/loop2","text/html","301","Moved","Non-Indexable","","0","2","3","https://a.b/loop1",""
"""


def known_aliases(folder: Path) -> dict[str, str]:
    table = pq.read_table(Lake(folder).path(PART), partitioning=None)
    return dict(zip(table["from_key"].to_pylist(), table["to_key"].to_pylist(), strict=True))


def test_screaming_frog(tmp_path: Path) -> None:
    """Pages give covariates, redirects and canonical addresses become aliases, chains end where they lead."""
    path = wrote(tmp_path, FROG)
    import_file(tmp_path, "covariates", path, {}, {}, SURE)
    layer = (tmp_path / "lake" / "covariates").rglob("*.parquet")
    kept = [row for file in layer for row in pq.read_table(file, partitioning=None).to_pylist()]
    assert {(r["url_key"], r["name"]): r["value"] for r in kept} == {
        ("a.b/new", "word_count"): 900.0, ("a.b/new", "crawl_depth"): 1.0, ("a.b/new", "inlinks"): 12.0,
        ("a.b/new?sort=1", "word_count"): 880.0, ("a.b/new?sort=1", "crawl_depth"): 3.0,
        ("a.b/new?sort=1", "inlinks"): 1.0,
    }  # fmt: skip
    assert known_aliases(tmp_path) == {"a.b/old": "a.b/new", "a.b/middle": "a.b/new", "a.b/new?sort=1": "a.b/new"}


def test_aliases_reach_the_join(tmp_path: Path) -> None:
    """Votes for the old address are counted for the page that it leads to."""
    import_file(tmp_path, "covariates", wrote(tmp_path, FROG), {}, {}, SURE)
    text = "url,platform,verb,observed_at,count\nhttps://a.b/old,x,like,2026-11-20,5\n"
    import_file(tmp_path, "votes", wrote(tmp_path, text), {}, {})
    sql = (Path(__file__).parents[3] / "pipelines/sql/staging/stg_observations.sql").read_text()
    with Lake(tmp_path).connect() as con:
        found = con.execute(f"SELECT page_key, url_key, count FROM ({sql.partition('*/')[2]})").fetchall()
    assert found == [("a.b/new", "a.b/old", 5)]


def test_aliases_of_several_files(tmp_path: Path) -> None:
    """The last import wins, chains go on over files, and the same file again writes nothing."""
    first = wrote(tmp_path, "from,to\nhttps://a.b/1,https://a.b/2\n,https://a.b/9\n", "one.csv")
    second = wrote(
        tmp_path, "from,to,kind\nhttps://a.b/2,https://a.b/3,canonical\nhttps://a.b/4,https://A.b/4/,\n", "two.csv"
    )
    import_file(tmp_path, "aliases", first, {}, {})
    import_file(tmp_path, "aliases", second, {}, {})
    assert known_aliases(tmp_path) == {"a.b/1": "a.b/3", "a.b/2": "a.b/3"}
    before = Lake(tmp_path).path(PART).stat().st_mtime_ns
    import_file(tmp_path, "aliases", second, {}, {})
    assert Lake(tmp_path).path(PART).stat().st_mtime_ns == before
    assert len(list((tmp_path / "rejects").glob("one.csv.*"))) == 1


KEY = st.sampled_from("abcdefg")


@given(st.dictionaries(KEY, st.tuples(KEY, st.just("redirect")), max_size=7))
def test_chains_end_and_circles_are_left_out(pairs: dict[str, tuple[str, str]]) -> None:
    """No target is itself redirected, nothing leads to itself, and every key is resolved or counted."""
    found, n_loops = resolved(pairs)
    assert len(found) + n_loops == len(pairs)
    assert all(source != target and target not in found for source, (target, _) in found.items())


def grouped(whole: int, mark: str) -> str:
    return f"{whole:,}".replace(",", mark)


@given(
    st.integers(0, 10**12),
    st.integers(0, 99),
    st.sampled_from(["point", "comma"]),
    st.sampled_from(["own", " ", "\xa0", "\u202f", "'"]),
)
def test_numbers_in_both_spellings(whole: int, part: int, decimal: str, mark: str) -> None:
    """Any number with any thousands mark is the same number when the decimal mark is known."""
    point = DECIMALS[decimal]
    own = {".": ",", ",": "."}[point]
    text = f"{grouped(whole, own if mark == 'own' else mark)}{point}{part:02d}"
    assert float(number(text, point)) == float(f"{whole}.{part:02d}")
    assert number(f"{text} %", point) == number(text, point) + "%"


@given(st.text(st.sampled_from("0123456789.,' \xa0%KkMio-+–eE"), max_size=12), st.sampled_from(["", ".", ","]))
def test_a_number_is_never_invented(text: str, decimal: str) -> None:
    """Whatever a cell holds, it is read as the digits that it shows, or not at all."""
    parsed, _ = counts(Cells.same(number(text, decimal), 1))
    value = parsed.values[0].as_py()
    digits = "".join(c for c in text if c.isdigit())
    assert value is None or not value or str(value).strip("0") in digits or "e" in text.casefold()


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["DD.MM.YYYY", "MM/DD/YYYY", "YYYY/MM/DD", "D-M-YYYY hh:mm am"]),
)
def test_days_in_a_given_order(day: date, words: str) -> None:
    """A day written in a format is read as that day, and in no other order."""
    codes = date_format(words)
    assert moment(day.strftime(codes), (codes,))[:10] == day.isoformat()


@pytest.mark.parametrize("words", ["", "DD.MM", "soon", "%d.%m", "MM/YYYY", "%Q"])
def test_bad_date_formats(words: str) -> None:
    """A format without year, month or day is refused with an example."""
    with pytest.raises(TallyrankError, match=r"looks like DD.MM.YYYY"):
        date_format(words)


def test_half_past_noon() -> None:
    """The twelve-hour clock is read with or without dots."""
    codes = date_format("MM/DD/YYYY hh:mm am")
    assert moment("03/04/2026 12:30 p.m.", (codes,)) == "2026-03-04T12:30:00"
    assert moment("13/04/2026 12:30 pm", (codes,)) == "13/04/2026 12:30 pm"


def test_names_in_brackets_and_accents() -> None:
    """Brackets are dropped only where no column bears the whole name, and a name of two columns is nobody's."""
    names = Names(["Date (GMT)", "Impressions", "Impressions (paid)", "Clicks (a)", "Clicks (b)", "Réactions"])
    assert names.find(["date"]) == "Date (GMT)"
    assert names.find(["impressions"]) == "Impressions"
    assert names.find(["clicks"]) is None
    assert names.find(["nope", "reactions"]) == "Réactions"


class TestMappings:
    """What was agreed to once is used again without asking."""

    @pytest.fixture
    def saved(self, tmp_path: Path) -> Path:
        """A data folder with the mapping `weekly`."""
        file = wrote(tmp_path, SPROUT)
        import_file(tmp_path, "votes", file, {}, {"observed_at": DAY}, Options(save_mapping="weekly", is_sure=True))
        return tmp_path

    def test_the_same_reading(self, saved: Path) -> None:
        """A mapping reads the file as the format did, and is no proposal any more."""
        by_format = chosen(saved, "votes", SPROUT, observed_at=DAY)
        by_mapping = chosen(saved, "votes", SPROUT, Options(mapping="weekly"), observed_at=DAY)
        assert by_mapping.found.table.equals(by_format.found.table)
        assert by_mapping.found.import_id == by_format.found.import_id
        assert not by_mapping.is_proposal

    def test_the_day_is_never_remembered(self, saved: Path) -> None:
        """The next export is of another day, so it must be given again."""
        assert DAY not in known.mapping_path(saved, "weekly").read_text()
        with pytest.raises(Incomplete, match="--observed-at"):
            chosen(saved, "votes", SPROUT, Options(mapping="weekly"))

    def test_a_changed_file_is_refused(self, saved: Path) -> None:
        """A column that is gone is named; another kind of file is sent to its own command."""
        with pytest.raises(TallyrankError, match="lacks columns of the mapping 'weekly': Shares"):
            chosen(saved, "votes", SPROUT.replace(",Shares,", ",Reshares,"), Options(mapping="weekly"), observed_at=DAY)
        with pytest.raises(TallyrankError, match="is a format of votes: tallyrank import votes"):
            chosen(saved, "rankings", SPROUT, Options(mapping="weekly"))

    def test_plain_columns_can_be_saved(self, tmp_path: Path) -> None:
        """What was mapped by hand is remembered too, with its constants."""
        file = wrote(tmp_path, "Page,Up\nhttps://a.b/c,5\n")
        said = {"platform": "x", "observed_at": DAY}
        import_file(tmp_path, "votes", file, {"url": "Page", "like": "Up"}, said, Options(save_mapping="mine"))
        choice = choose(Request("votes", file, {}, {"observed_at": DAY}, Options(mapping="mine")), tmp_path)
        assert rows(choice, "url", "platform", "verb", "count") == [("https://a.b/c", "x", "like", 5)]

    @pytest.mark.parametrize(
        ("text", "message"), [("columns: [", "no readable YAML"), ("5", "no list of fields"), ("kind: votes", "title")]
    )
    def test_a_damaged_mapping(self, tmp_path: Path, text: str, message: str) -> None:
        """A file that people have broken is named with what is wrong."""
        known.mapping_path(tmp_path, "bad").parent.mkdir()
        known.mapping_path(tmp_path, "bad").write_text(text)
        with pytest.raises(TallyrankError, match=message):
            chosen(tmp_path, "votes", SPROUT, Options(mapping="bad"))

    @pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x" * 99])
    def test_names_are_no_paths(self, tmp_path: Path, name: str) -> None:
        """A mapping's name cannot lead out of the folder."""
        with pytest.raises(TallyrankError, match="cannot name a mapping"):
            known.mapping_path(tmp_path, name)


VOTES = "url,count\nhttps://a.b/1,5\nhttps://a.b/2,\n"
OF_X = {"platform": "x", "verb": "like", "observed_at": DAY}


class TestTheSameFileAgain:
    """A correction takes the place of what was imported before; another day of the same bytes does not."""

    @pytest.fixture
    def told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
        """Imports the same text and returns what was said."""

        def again(kind: str, text: str, options: Options = SURE, **constants: str) -> str:
            import_file(tmp_path, kind, wrote(tmp_path, text), {}, constants, options)
            return " ".join(capsys.readouterr().out.split())

        return again

    @staticmethod
    def kept(folder: Path, layer: str, *names: str) -> list[tuple[Any, ...]]:
        """The rows of a layer."""
        with Lake(folder).connect(layer) as con:
            return sorted(con.execute(f"SELECT {', '.join(names)} FROM {layer}").fetchall(), key=str)

    def test_a_correction_replaces(self, told: Any, tmp_path: Path) -> None:
        """Ahrefs without depth, then with it: one import stays, with no trace of what was set aside before."""
        assert "takes its place" not in told("rankings", AHREFS)
        assert len(list((tmp_path / "rejects").iterdir())) == 1
        assert "imported before with other options: this import takes its place" in told(
            "rankings", AHREFS, depth="100"
        )
        seen = self.kept(tmp_path, "rankings", "position", "found", "depth")
        assert seen == [(3.0, True, 100), (None, False, 100)]
        assert not list((tmp_path / "rejects").iterdir())

    def test_back_and_forth(self, told: Any, tmp_path: Path) -> None:
        """The last word counts, also when it is the first one again."""
        for depth in ("50", "100", "50"):
            told("rankings", AHREFS, depth=depth)
            assert {row[0] for row in self.kept(tmp_path, "rankings", "depth")} == {int(depth)}

    def test_a_correction_of_a_correction_writes_nothing_twice(self, told: Any, tmp_path: Path) -> None:
        """The same file with the same options, after it replaced another, changes no file."""
        told("rankings", AHREFS)
        told("rankings", AHREFS, depth="100")
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
        words = told("rankings", AHREFS, depth="100")
        assert "already in the lake" in words and "takes its place" not in words
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before

    @pytest.mark.parametrize(
        "other",
        [{"observed_at": "2026-11-21"}, {"platform": "reddit"}, {"verb": "comment"}],
        ids=lambda o: next(iter(o)),
    )
    def test_the_same_bytes_of_another_day_stay(self, told: Any, tmp_path: Path, other: dict[str, str]) -> None:
        """When no count has moved, two days have the same bytes; both stay and both are told, until --replace."""
        told("votes", VOTES, **OF_X)
        words = told("votes", VOTES, **OF_X | other)
        assert "both are kept" in words and "--replace" in words and next(iter(other)) in words
        assert len(self.kept(tmp_path, "observations", "url")) == 4
        assert "takes its place" in told("votes", VOTES, Options(is_replacing=True), **OF_X | other)
        said = {**OF_X, **other}
        seen = self.kept(tmp_path, "observations", "platform", "verb", "CAST(observed_at AS VARCHAR)[:10]")
        assert seen == [(said["platform"], said["verb"], said["observed_at"])] * 2

    def test_another_spelling_of_the_same_day_replaces(self, told: Any, tmp_path: Path) -> None:
        """A moment, a platform's name and a page mean the same in any spelling."""
        told("votes", VOTES, **OF_X)
        assert "takes its place" in told("votes", VOTES, **OF_X | {"observed_at": f"{DAY}T00:00:00Z", "platform": "X"})
        assert len(self.kept(tmp_path, "observations", "url")) == 2

    def test_what_was_not_said_before_is_a_correction(self, told: Any, tmp_path: Path) -> None:
        """A country added later replaces the import without one; another country is another list."""
        told("rankings", SISTRIX, ranked_at=DAY)
        assert "takes its place" in told("rankings", SISTRIX, ranked_at=DAY, country="de")
        assert "both are kept" in told("rankings", SISTRIX, ranked_at=DAY, country="at")
        assert self.kept(tmp_path, "rankings", "country") == [("at",), ("de",)]

    def test_other_verbs_of_the_same_file_stay(self, tmp_path: Path) -> None:
        """Likes first and comments later are two readings of one file, none of which replaces the other."""
        file = wrote(tmp_path, "url,up,talk\nhttps://a.b/1,5,7\n")
        for verb, column in (("like", "up"), ("comment", "talk")):
            import_file(tmp_path, "votes", file, {verb: column}, {"platform": "x", "observed_at": DAY})
        assert self.kept(tmp_path, "observations", "verb", "count") == [("comment", 7), ("like", 5)]

    def test_another_file_stays(self, told: Any, tmp_path: Path) -> None:
        """Only the very same bytes are the same file, and only within one kind."""
        told("votes", VOTES, **OF_X)
        assert "same file" not in told("votes", VOTES.replace("5", "6"), **OF_X)
        assert "same file" not in told("covariates", VOTES)
        assert len(self.kept(tmp_path, "observations", "url")) == 4


def test_after_the_preview_only_the_result_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was shown is not said again: after the table and what is unsure comes one line, in the singular for one."""
    import_file(tmp_path, "rankings", wrote(tmp_path, SISTRIX), {}, {"ranked_at": DAY}, SURE)
    text = capsys.readouterr().out
    assert "read as" not in text.split("1 rankings of 1 row; 0 rows cannot be used")[1]
    assert text.splitlines()[-1] == "1 rankings kept over 1 day"
    import_file(tmp_path, "rankings", wrote(tmp_path, AHREFS), {}, {}, SURE)
    text = capsys.readouterr().out
    assert text.count("rows are left out") == text.count("give --depth to keep this row") == 1
    assert "such rows are set aside unless you give --depth" in text


def test_nothing_is_kept_without_agreement(tmp_path: Path) -> None:
    """A proposal that is turned down writes nothing, neither into the lake nor as a mapping."""
    file = wrote(tmp_path, SPROUT)
    with pytest.raises(TallyrankError, match="nobody agreed"):
        import_file(tmp_path, "votes", file, {}, {"observed_at": DAY}, Options(save_mapping="x"), agree=lambda: False)
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


def test_a_file_of_another_kind_is_sent_to_its_command(tmp_path: Path) -> None:
    """Rankings among votes are named with the command to use."""
    with pytest.raises(TallyrankError, match="which holds rankings: tallyrank import rankings"):
        chosen(tmp_path, "votes", SEMRUSH)


def test_plain_files_are_no_proposals(tmp_path: Path) -> None:
    """Our own names need nobody's agreement; a tool's export read so is told of its format."""
    text = "url,platform,verb,observed_at,count\nhttps://a.b,x,like,2026-11-20,5\n"
    choice = chosen(tmp_path, "votes", text)
    assert choice.format is None and not choice.is_proposal
    whole = SEMRUSH.replace("Timestamp", "ranked_at")
    plain = chosen(tmp_path, "rankings", whole)
    assert not plain.is_proposal and "--format semrush knows more of it" in plain.found.notes[-1]


def test_an_export_that_constants_complete_is_read_by_its_format(tmp_path: Path) -> None:
    """Given the day, a tool's file would do as our own, averages taken for ranks; so the format has the word."""
    choice = chosen(tmp_path, "rankings", SEMRUSH, ranked_at=DAY)
    assert choice.is_proposal and len(rows(choice, "position")) == 1


def test_plain_files_take_a_spelling(tmp_path: Path) -> None:
    """--date-format and --decimal serve files with our own names too."""
    text = "url;platform;verb;observed_at;count\nhttps://a.b;x;like;20.11.2026;1.234\n"
    said = Options(date_format="DD.MM.YYYY", decimal="comma")
    choice = chosen(tmp_path, "votes", text, said)
    assert rows(choice, "observed_at", "count") == [(AT, 1234)] and not choice.is_proposal


@pytest.mark.parametrize("name", sorted(known.formats()))
def test_every_format_is_sound(name: str) -> None:
    """Its fields are fields of its kind, its header is recognised as its own, and the page of sources tells of it."""
    each = known.formats()[name]
    fields = {"votes": known.PER_FILE, "rankings": known.PER_FILE}
    assert each.title in sources() and f'<a id="format-{name}">' in sources()
    assert set(each.fallback) <= set(each.columns) and each.kind in (*fields, "covariates")
    assert bool(each.columns) != bool(each.refuse)
    if each.kind == "rankings" and not each.refuse:
        assert each.constants["rank_kind"] in ("organic", "average") and each.constants["source"]
    if not each.recognised:
        assert each.unverified, "a format that is never recognised says why"
    for group in each.recognised:
        header = [each.names.get(key, [key])[0] for key in group]
        header += ["a_20261120"] if each.pattern else []
        assert name in [f.name for f in known.recognise([header])]


def test_unknown_format(tmp_path: Path) -> None:
    """A name that is none is answered with the command that lists them."""
    with pytest.raises(TallyrankError, match="tallyrank import formats"):
        chosen(tmp_path, "votes", SPROUT, Options(format="nope"))
    with pytest.raises(TallyrankError, match="--format or --mapping"):
        chosen(tmp_path, "votes", SPROUT, Options(format="buffer", mapping="x"))


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6) | st.sampled_from(
    ["5", "-", "1.2K", "1.234", "https://a.b/c", "x", "2026-11-01"]
)


@given(st.lists(st.lists(CELL, min_size=7, max_size=7), min_size=1, max_size=6))
def test_only_our_error(tmp_path_factory: pytest.TempPathFactory, table: Sequence[Sequence[str]]) -> None:
    """Arbitrary cells below a known header are read or set aside; nothing else is raised, no unknown becomes 0."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["Link URL", "Network", "Shares", "Retweets", "Reactions", "Likes", "Text"], *table])
    try:
        choice = chosen(tmp_path_factory.mktemp("any"), "votes", text.getvalue(), observed_at=DAY)
    except TallyrankError as error:
        assert "\n" not in str(error)
    else:
        for row in choice.found.table.to_pylist():
            assert (row["count"] is None) == (row["status"] == "hidden")
