"""The project file, `project.yaml` of the data folder: what it may hold, how it is read, and what follows from it."""

from pipelines.project.parts import Brand, Keyword, Market, Platform, Schedule, Subscription
from pipelines.project.project import NAME, Project, apply, is_within, load, parsed

__all__ = [
    "NAME", "Brand", "Keyword", "Market", "Platform", "Project", "Schedule", "Subscription", "apply", "is_within",
    "load", "parsed",
]  # fmt: skip
