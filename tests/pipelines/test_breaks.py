"""The calendar of breaks: the shipped file is sound, and a wrong one is told by file and entry."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from connectors.base import discover
from connectors.errors import TallyrankError
from models.guards.breaks import segments
from pipelines.breaks import SHIPPED, calendar_of, load

GOOD = {
    "id": "ours",
    "kind": "measurement",
    "first_day": date(2026, 1, 5),
    "engines": ["google"],
    "what": "Our tracker changed its depth.",
    "source": "Its changelog.",
}


def written(folder: Path, *entries: object) -> Path:
    """A file of entries."""
    path = folder / "breaks.yaml"
    path.write_text(yaml.safe_dump({"breaks": list(entries)}), encoding="utf-8")
    return path


def refused(folder: Path, *entries: object) -> str:
    """What is said about a file of entries."""
    with pytest.raises(TallyrankError) as error:
        load(written(folder, *entries))
    assert "\n" not in str(error.value)
    return str(error.value)


# --- the file that comes with the project


def test_the_shipped_file_is_valid_and_sorted() -> None:
    """It loads, its entries stand by first day, and each says what changed and whence we know."""
    found = load()
    raw = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["breaks"]
    days = [entry["first_day"] for entry in raw]
    assert len(found) == len(raw) > 20
    assert days == sorted(days)
    assert all(b.what.endswith(".") and len(b.source) > 10 for b in found)


def test_the_shipped_file_knows_the_breaks_of_the_reports() -> None:
    """num=100 cuts all positions of Google in September 2025, the logging error averages only, new views YouTube."""
    found = load()

    def is_cut(before: date, after: date, **scope: str) -> bool:
        one, other = segments([before, after], found, kinds=("measurement",), **scope)
        return bool(one != other)

    september = (date(2025, 9, 1), date(2025, 9, 30))
    assert is_cut(*september, engine="google", rank_kind="organic")
    assert not is_cut(*september, engine="bing", rank_kind="organic")
    spring = (date(2026, 4, 27), date(2026, 4, 28))
    assert is_cut(*spring, engine="google", rank_kind="average")
    assert not is_cut(*spring, engine="google", rank_kind="organic")
    assert is_cut(date(2025, 3, 30), date(2025, 3, 31), platform="youtube", verb="view")
    assert not is_cut(date(2025, 1, 1), date(2026, 11, 1), platform="youtube", verb="like")


def test_overlapping_shipped_breaks_keep_what_lies_in_both_apart() -> None:
    """num=100 lies within the August 2025 spam update: before it, in it and after it are three."""
    days = [date(2025, 9, 9), date(2025, 9, 12), date(2025, 9, 15)]
    assert len(set(segments(days, load(), engine="google", rank_kind="organic").tolist())) == 3


def test_dates_told_by_connectors_are_in_the_file() -> None:
    """YouTube's connector tells of two steps of its views; both are breaks here."""
    found = [b.first_day.isoformat() for b in load() if b.concerns(platform="youtube", verb="view")]
    assert found == ["2025-03-31", "2026-08-24"]


# --- files of people


def test_own_breaks_are_read_in_any_order(tmp_path: Path) -> None:
    """Entries come out by first day; one day is enough; a platform of the connectors may be named with verbs."""
    later = GOOD | {"id": "later", "first_day": date(2026, 3, 1), "last_day": date(2026, 3, 4)}
    votes = {k: v for k, v in GOOD.items() if k != "engines"} | {
        "id": "votes",
        "platforms": ["reddit"],
        "verbs": ["like"],
    }
    first, second, third = load(written(tmp_path, later, GOOD, votes))
    assert (first.id, second.id, third.id) == ("ours", "votes", "later")
    assert first.last_day == first.first_day
    assert (second.platforms, second.verbs) == (("reddit",), ("like",))


def test_an_empty_calendar_is_a_calendar(tmp_path: Path) -> None:
    """Who wants no breaks leaves the list empty."""
    assert load(written(tmp_path)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"platforms": ["youtbue"], "engines": []},
            "platforms: 'youtbue' is no platform we know; the nearest is 'youtube'",
        ),
        ({"engines": ["Gogle"]}, "engines: 'Gogle' is no engine we know; the nearest is 'google'"),
        ({"platforms": ["reddit"]}, "engines or platforms, and not both"),
        ({"engines": []}, "engines or platforms"),
        ({"engines": [], "platforms": ["x"], "verbs": ["retweet"]}, "verbs.0: Input should be 'share', 'like'"),
        ({"verbs": ["like"]}, "verbs belong to platforms"),
        ({"engines": [], "platforms": ["x"], "rank_kinds": ["average"]}, "rank_kinds belong to engines"),
        ({"rank_kinds": ["mean"]}, "rank_kinds.0: Input should be 'organic'"),
        ({"last_day": date(2025, 1, 1)}, "before it begins on 2026-01-05"),
        ({"first_day": "soon"}, "first_day: Input should be a valid date"),
        ({"kind": "rumour"}, "kind: Input should be 'measurement' or 'update'"),
        ({"source": " "}, "source: String should have at least 1 character"),
        ({"what": ""}, "what: String should have at least 1 character"),
        ({"until": "2026"}, "until: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """The error names the file, the number and id of the entry, the field and what is wrong."""
    words = refused(tmp_path, GOOD, GOOD | {"id": "wrong"} | change)
    assert words.startswith(f"{tmp_path / 'breaks.yaml'}: entry 2 (wrong): ")
    assert said in words


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Two wrong entries and an id used twice: three complaints in one error."""
    nameless = {k: v for k, v in GOOD.items() if k != "id"}
    words = refused(tmp_path, GOOD, GOOD, nameless, "num=100", GOOD | {"id": "Not A Name"})
    assert "entry 2 (ours): another entry has the same id" in words
    assert "entry 3: id: Field required" in words
    assert "entry 4: " in words
    assert "entry 5 (Not A Name): id: String should match pattern" in words


@pytest.mark.parametrize("text", ["", "- a\n- b", "breaks: 3", "breaks: []\nmore: []", "breaks: [", "\tbreaks: []"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    """The error says what the file must hold, or that it is no YAML."""
    path = tmp_path / "breaks.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TallyrankError, match=r"breaks\.yaml.*(`breaks:`|not YAML)"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Who names a file that is not there is told so."""
    with pytest.raises(TallyrankError, match=r"none\.yaml cannot be read"):
        load(tmp_path / "none.yaml")


def test_names_of_connectors_and_of_imports_are_known(tmp_path: Path) -> None:
    """Every platform with a connector may be named, and so may one that only an import brought, if it is told."""
    votes = [name for name, connector in discover().items() if connector.signal == "votes"]
    entry = {k: v for k, v in GOOD.items() if k != "engines"}
    assert load(written(tmp_path, entry | {"platforms": votes}))[0].platforms == tuple(votes)
    path = written(tmp_path, entry | {"platforms": ["ourforum"]})
    with pytest.raises(TallyrankError, match="'ourforum' is no platform we know"):
        load(path)
    assert load(path, more_platforms=["ourforum"])[0].platforms == ("ourforum",)


def test_the_data_folder_comes_before_the_project(tmp_path: Path) -> None:
    """A data folder's own file is used; without one, the shipped file."""
    assert calendar_of(tmp_path) == SHIPPED
    own = written(tmp_path, GOOD)
    assert calendar_of(tmp_path) == own
