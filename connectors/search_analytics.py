"""What Search Console counts, whether it comes from its API or from its bulk export: rows, days, countries.

A row has `keys` in the order of the dimensions asked for, and metrics. Google keeps at most 50,000 rows per day, search
type and property, the most clicked ones. Days are Pacific. Countries are three lower-case letters (ISO 3166-1, with
`zzz` for unknown); here they become two, as everywhere else, and codes beyond the standard stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from connectors.base import Ask, failed
from connectors.errors import BadAnswer, NotPermitted
from connectors.fields import moment_of_day
from connectors.google import PACIFIC
from connectors.records import Raw, Status

MOST_ROWS_A_DAY = 50_000

_COUNTRIES = """
abwaw afgaf agoao aiaai alaax albal andad areae argar armam asmas ataaq atftf atgag ausau autat azeaz bdibi belbe
benbj besbq bfabf bgdbd bgrbg bhrbh bhsbs bihba blmbl blrby blzbz bmubm bolbo brabr brbbb brnbn btnbt bvtbv bwabw
cafcf canca cckcc chech chlcl chncn civci cmrcm codcd cogcg cokck colco comkm cpvcv cricr cubcu cuwcw cxrcx cymky
cypcy czecz deude djidj dmadm dnkdk domdo dzadz ecuec egyeg erier esheh espes estee ethet finfi fjifj flkfk frafr
frofo fsmfm gabga gbrgb geoge ggygg ghagh gibgi gingn glpgp gmbgm gnbgw gnqgq grcgr grdgd grlgl gtmgt gufgf gumgu
guygy hkghk hmdhm hndhn hrvhr htiht hunhu idnid imnim indin iotio irlie irnir irqiq islis isril itait jamjm jeyje
jorjo jpnjp kazkz kenke kgzkg khmkh kirki knakn korkr kwtkw laola lbnlb lbrlr lbyly lcalc lieli lkalk lsols ltult
luxlu lvalv macmo mafmf marma mcomc mdamd mdgmg mdvmv mexmx mhlmh mkdmk mliml mltmt mmrmm mneme mngmn mnpmp mozmz
mrtmr msrms mtqmq musmu mwimw mysmy mytyt namna nclnc nerne nfknf ngang nicni niunu nldnl norno nplnp nrunr nzlnz
omnom pakpk panpa pcnpn perpe phlph plwpw pngpg polpl pripr prkkp prtpt prypy pseps pyfpf qatqa reure rouro rusru
rwarw sausa sdnsd sensn sgpsg sgsgs shnsh sjmsj slbsb slesl slvsv smrsm somso spmpm srbrs ssdss stpst sursr svksk
svnsi swese swzsz sxmsx sycsc syrsy tcatc tcdtd tgotg thath tjktj tkltk tkmtm tlstl tonto ttott tuntn turtr tuvtv
twntw tzatz ugaug ukrua umium uryuy usaus uzbuz vatva vctvc venve vgbvg virvi vnmvn vutvu wlfwf wsmws yemye zafza
zmbzm zwezw
"""


class Day(NamedTuple):
    """The rows of one property and day, whether Google's cap was met, and the first unfinished day (ISO), if told."""

    rows: list[dict[str, Any]]
    is_capped: bool
    unfinished_from: str | None


def all_rows(source: str, query: Callable[[int], Mapping[str, Any]], row_limit: int, n_keys: int) -> Day:
    """Every row of a day, page by page (`query` takes startRow), each once by its `n_keys` keys."""
    seen: dict[tuple[str, ...], dict[str, Any]] = {}
    unfinished_from = None
    for start in range(0, MOST_ROWS_A_DAY, row_limit):
        answer = query(start)
        unfinished_from = unfinished_from or _unfinished_from(answer)
        page = entries(source, answer, "rows")
        for row in page:
            seen.setdefault(_keys(source, row, n_keys), row)
        if len(page) < row_limit:
            return Day(list(seen.values()), start + len(page) >= MOST_ROWS_A_DAY, unfinished_from)
    return Day(list(seen.values()), True, unfinished_from)


def entries(source: str, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of an answer; the key is absent when it has no entries, so a list by another name is a renamed one."""
    found = answer.get(name)
    if found is None and (others := [other for other, value in answer.items() if value and isinstance(value, list)]):
        raise BadAnswer(source, f"no `{name}` in the answer, but a list {others[0]!r}")
    if found is not None and not (isinstance(found, list) and all(isinstance(entry, dict) for entry in found)):
        raise BadAnswer(source, f"`{name}` is not a list of objects")
    return found or []


def settled(source: str, ask: Ask, rows: list[Raw]) -> list[Raw]:
    """The rows of a day on its last look; where a property failed, the others' are not kept: the look before stands."""
    trouble = [r for r in rows if _is_failure(r)]
    if not trouble:
        return rows
    lost = ", ".join(dict.fromkeys(r.payload["site"] for r in trouble))
    error = BadAnswer(source, f"not kept on this last look at the day, because {lost} failed: the look before stands")
    read = {r.subject: (r.payload["site"], r.payload["date"]) for r in rows if r.status is not Status.FAILED}
    untold = [told(failed(ask, subject, error), *about) for subject, about in read.items()]
    return [r for r in rows if r.status is Status.FAILED] + untold


def told(row: Raw, site: str, day: date | str, **more: bool) -> Raw:
    """A failed row that says which property and day it is about."""
    return replace(row, url=None, payload={"site": site, "date": str(day), **more})


def _is_failure(row: Raw) -> bool:
    """Whether a property could not be read that could be read on other days; the cap and a refusal are none."""
    is_refusal = (row.error or "").startswith(NotPermitted.__name__)
    return row.status is Status.FAILED and not is_refusal and not row.payload.get("capped")


def start_of(day: Any) -> datetime | None:
    """The moment (UTC) at which a Pacific day, written as ISO, begins; None for what is no day."""
    return moment_of_day(day, PACIFIC)


def country(code: Any) -> str | None:
    """A country in two lower-case letters where it has them, else as Google writes it; None for what is no text."""
    if not isinstance(code, str) or not code:
        return None
    return _two_letters().get(code.lower(), code.lower())


@cache
def _two_letters() -> dict[str, str]:
    return {code[:3]: code[3:] for code in _COUNTRIES.split()}


def _keys(source: str, row: Mapping[str, Any], n_keys: int) -> tuple[str, ...]:
    keys = row.get("keys")
    if not isinstance(keys, list) or len(keys) != n_keys or not all(isinstance(key, str) for key in keys):
        raise BadAnswer(source, f"a row without its {n_keys} keys")
    return tuple(keys)


def _unfinished_from(answer: Mapping[str, Any]) -> str | None:
    """Google's own description spells it one way, its prose another."""
    told = answer.get("metadata")
    if not isinstance(told, dict):
        return None
    found = (told.get(name) for name in ("firstIncompleteDate", "first_incomplete_date"))
    return next((day for day in found if isinstance(day, str)), None)
