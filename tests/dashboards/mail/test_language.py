"""The languages of the mail: every sentence in every catalogue, numbers and days as people there write them."""

from __future__ import annotations

from datetime import date
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from connectors.errors import TallyrankError
from dashboards.mail.language import FOLDER, LOCALES, Span, catalogue_path, filled, plain, tongue
from dashboards.mail.writer import VOCABULARY
from tests.conftest import REPOSITORY

TRANSLATED = [code for code in LOCALES if code != "en"]
KEYWORDS = {"say": None, "line": None, "counted": (1, 2)}


def sentences() -> set[str | tuple[str, ...]]:
    """Every sentence that the code of the mail can say."""
    found = extract_from_dir(str(REPOSITORY / "dashboards" / "mail"), [("**.py", "python")], keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found} | set(VOCABULARY)


def catalogue(code: str) -> Catalog:
    """A catalogue as it is kept."""
    with catalogue_path(code).open("rb") as file:
        return read_po(file, locale=LOCALES[code], abort_invalid=True)


def names(template: str) -> set[str]:
    """The placeholders of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_the_reader_of_sentences_finds_them() -> None:
    """Sentences, and pairs of one and many, are found in the code."""
    assert {"No verdict changed.", ("{n} page moved", "{n} pages moved"), "supports"} <= sentences()
    assert len(sentences()) > 80


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_sentence_is_translated(code: str) -> None:
    """Each catalogue holds exactly the sentences of the code, none blank, none marked as doubtful."""
    found = {m.id: m for m in catalogue(code) if m.id}
    assert found.keys() == sentences()
    texts = [t for m in found.values() for t in ((m.string,) if isinstance(m.string, str) else m.string)]
    assert all(t.strip() for t in texts)
    assert not any(m.fuzzy for m in found.values())


@pytest.mark.parametrize("code", TRANSLATED)
def test_placeholders_are_the_same(code: str) -> None:
    """A translation names the same values as its sentence, whichever form of number it is for."""
    for message in catalogue(code):
        if not message.id:
            continue
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        asked = message.id[-1] if isinstance(message.id, tuple) else message.id
        assert all(names(each) == names(asked) for each in said), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_plurals_have_all_their_forms(code: str) -> None:
    """As many forms as the catalogue says its language has."""
    kept = catalogue(code)
    pairs = [m for m in kept if isinstance(m.id, tuple)]
    assert pairs
    assert all(len(m.string) == kept.num_plurals for m in pairs)


def test_there_is_no_catalogue_that_nobody_can_choose() -> None:
    """Folders and languages agree."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(TRANSLATED)


@pytest.mark.parametrize(
    ("code", "number", "signed", "day"),
    [
        ("en", "1,234.5", "-0.40", "Oct 14, 2026"),
        ("de", "1.234,5", "-0,40", "14.10.2026"),
        ("es", "1.234,5", "-0,40", "14 oct 2026"),
        ("zh", "1,234.5", "-0.40", "2026年10月14日"),
        ("ms", "1,234.5", "-0.40", "14 Okt 2026"),
    ],
)
def test_numbers_and_days(code: str, number: str, signed: str, day: str) -> None:
    """Marks and months are those of the language."""
    t = tongue(code)
    assert (t.number(1234.5, 1), t.signed(-0.4), t.day(date(2026, 10, 14))) == (number, signed, day)


@pytest.mark.parametrize("code", LOCALES)
def test_unknown_is_a_word(code: str) -> None:
    """What is not known is said to be so in every language, never 0 and never nan."""
    t = tongue(code)
    assert {t.number(None), t.signed(float("nan")), t.percent(None), t.percent(float("inf"))} == {t.say("unknown")}


def test_a_small_share_is_no_zero() -> None:
    """Below a tenth of a per cent it says so; a true zero stays one."""
    t = tongue("en")
    assert (t.percent(0.0002), t.percent(0.0), t.percent(0.045)) == ("<\u00a00.1\u00a0%", "0.0\u00a0%", "4.5\u00a0%")


def test_plural_of_a_language() -> None:
    """One and many are told apart where the language does."""
    said = [plain(tongue(c).counted("{n} page moved", "{n} pages moved", n)) for c in ("de", "zh") for n in (1, 2)]
    assert said == ["1 Seite in Bewegung", "2 Seiten in Bewegung", "1 个页面排名变动", "2 个页面排名变动"]


def test_values_are_never_templates() -> None:
    """Braces in a text from outside stay what they are."""
    assert plain(filled("{page} rose", {"page": Span("{0.__class__} {now}")})) == "{0.__class__} {now} rose"


@pytest.mark.parametrize("values", [{}, {"day": "x", "more": "y"}])
def test_a_sentence_with_other_values_is_refused(values: dict[str, str]) -> None:
    """A missing value, and one that is not used, are faults, not blanks."""
    with pytest.raises(TallyrankError, match=r"day|more"):
        filled("on {day}", dict(values))


def test_an_unknown_language_is_refused() -> None:
    """With the ones there are."""
    with pytest.raises(TallyrankError, match="en, de, es, zh, ms"):
        tongue("fr")
