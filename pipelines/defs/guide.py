"""What the UI says to somebody who opens it for the first time: groups that read as the flow, and what to do when red.

The UI sorts groups by name, so a number in front puts them in the order of the flow.
"""

from collections.abc import Iterable

from connectors.base import Connector, Stream
from pipelines import sqlfile
from pipelines.evidence import table as evidence

RANKINGS, VOTES = "1_rankings_read", "2_votes_read"
CLEANED, JOINED, EVIDENCE, PUBLISHED = "3_cleaned", "4_joined", "5_evidence", "6_published"
READ = {"rankings": RANKINGS, "votes": VOTES}
OF_LAYER = {"staging": CLEANED, "marts": JOINED}

RED_TABLE = (
    "the table of before stays in place and everything after it waits. The failed check names the rows; most often an "
    "imported file holds something unusual. Put that right and materialise this asset again."
)
RED_MODEL = (
    "the numbers of before stay in place. The run says in words what was wrong; REVIEW on its check only means that "
    "more days, pages or keywords are needed."
)


def of_raw(connector: Connector, stream: Stream) -> str:
    """What was received, for whom, and under which terms."""
    return _text(
        f"What {connector.title} answered, kept as received so that it can be read anew without asking again; names "
        "and words of people are left out.",
        f"{stream.title}, one file a day. {connector.quota} {connector.terms}",
        _red(connector),
    )


def of_parsed(connector: Connector, stream: Stream) -> str:
    """What it says in our words."""
    verbs = "".join(f"\n- *{v.value}* is {m.native}: {m.meaning}" for v, m in connector.verbs.items())
    about = "Where pages stand" if connector.signal == "rankings" else "How many votes pages have"
    return _text(
        f"{about} according to {connector.title}, one row per reading. What could not be read is a row without a "
        "number, never a 0.",
        f"Parsed from the raw answers of: {stream.title}.{verbs}",
        _red(connector),
    )


def _red(connector: Connector) -> str:
    return (
        f"the other sources go on and nothing of this one is taken for a 0. `tallyrank doctor {connector.name}` says "
        "what is missing; then materialise the day again, while it is still today for a counter that is read live."
    )


def of_table(table: sqlfile.SqlTable) -> str:
    """The table's own words, what it is made from, and its grain."""
    made = f"Made from {_names(table.reads)} by pipelines/sql/{table.layer}/{table.name}.sql; one row per "
    return _text(table.header.description, made + ", ".join(table.header.grain) + ".", RED_TABLE)


def of_model(table: evidence.ModelTable) -> str:
    """The model's own words and what it reads."""
    made = f"Made from {_names(table.reads)} by pipelines/evidence/{table.name}.py."
    return _text(table.description, made, RED_MODEL)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing else"


def _text(what: str, made: str, red: str) -> str:
    return f"{' '.join(what.split())}\n\n{made}\n\n**When it is red:** {red}"


RETENTION = _text(
    "Keeps us to what the platforms allow: deletes readings that were kept too long, and forgets posts that were "
    "deleted there.",
    "{limits}",
    "nothing was deleted by mistake: deletions are done file by file. The run says which file could not be rewritten.",
)
WAREHOUSE = _text(
    "The database that analysts open: every table with a comment on every column, in `warehouse.duckdb`.",
    "Built aside from all tables and renamed into place, so nobody sees half a day; opened with "
    '`duckdb.connect("warehouse.duckdb", read_only=True)`. Its metadata says what changed.',
    "the database of before stays in place. The check says whether it opens and whether tables are missing.",
)
REPORT = _text(
    "The page to read first: what failed, then the verdicts and what they rest on.",
    "One self-contained HTML file, `report.html` in the data folder, made from the warehouse alone.",
    "the report of before stays in place; materialise `warehouse` and this asset again.",
)
