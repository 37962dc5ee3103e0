"""The pictures of the report, section by section, as pieces of HTML that share one copy of plotly's script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dashboards import charts
from dashboards.words import Row, label

MOST_PATHS = 24  # small pictures in a section; the others stand in the warehouse


@dataclass(frozen=True)
class Drawn:
    """Pieces of HTML by section, how many paths were left out in each, and the script that draws them all."""

    pieces: dict[str, list[Markup]]
    left_out: dict[str, int]

    @property
    def script(self) -> Markup:
        """plotly.js where anything is drawn, else nothing."""
        if not any(self.pieces.values()):
            return Markup("")
        return Markup("<script>{}</script>").format(Markup(get_plotlyjs()))  # noqa: S704  a script of the library


def figures(correlations: Sequence[Row], verdicts: Sequence[Row], rows: Callable[[str], list[Row]]) -> Drawn:
    """Every picture that the rows give; `rows` gives those of a table."""
    single = {
        "verdicts": charts.estimates(verdicts),
        "association": charts.forest(correlations),
        "adjusted": charts.odds(rows("adjusted")),
        "prediction": charts.ndcg(rows("prediction")),
        "replication": charts.replication(rows("replication")),
        "placebos": charts.placebos(rows("timing")),
    }
    many = {"timing": "votes came", "quasi_experiment": "the burst of votes"}
    found = {name: [figure] for name, figure in single.items() if figure is not None}
    found |= {table: _paths(rows(table), event) for table, event in many.items()}
    left_out = {table: max(len(_with_path(rows(table))) - MOST_PATHS, 0) for table in many}
    return Drawn({name: _pieces(name, drawn) for name, drawn in found.items()}, left_out)


def _paths(rows: Sequence[Row], event: str) -> list[go.Figure]:
    return [charts.path(r, label(r, rows), event) for r in _with_path(rows)[:MOST_PATHS]]


def _with_path(rows: Sequence[Row]) -> list[Row]:
    return [r for r in rows if r["path"]]


def _pieces(name: str, drawn: Sequence[go.Figure]) -> list[Markup]:
    """Each figure as a div without the script; plotly's JSON leaves no `<` in it."""
    options = {"full_html": False, "include_plotlyjs": False, "config": charts.CONFIG, "default_width": "100%"}
    pieces = [plotly.io.to_html(f, div_id=f"{name}-{n}", **options) for n, f in enumerate(drawn)]
    return [Markup(piece) for piece in pieces]  # noqa: S704
