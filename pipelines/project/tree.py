"""YAML as people mean it: every plain word is kept as it is written, and every entry knows its line.

Readers of YAML 1.1 make `no` (Norway) false, 17:30 the number 1050 and 1984 no word; here they stay what they are,
and the models of the project say what is to be a number. A key that stands twice is refused with both lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from connectors.errors import TallyrankError

Where: TypeAlias = tuple[int | str, ...]

NOTHING = ("", "~", "null", "Null", "NULL")
TAGS = [f"tag:yaml.org,2002:{n}" for n in ("str", "int", "float", "bool", "null", "timestamp", "merge", "map", "seq")]
QUOTED = re.compile(r"""(['"])(?!<).{3,}?\1""")
TAB = "a tab stands where YAML wants spaces; put two spaces in its place"


@dataclass(frozen=True)
class Tree:
    """What a file holds: mappings, lists, texts and None; `lines` (from 1) by the way that leads to each entry."""

    value: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The line of an entry, or of the nearest one around it that is there."""
        return self.lines[where] if where in self.lines or not where else self.line(where[:-1])


def read(content: bytes, path: Path) -> Tree:
    """The entries of a file; TallyrankError with file, line and hint where it is no YAML that we read."""
    text = _decoded(content, path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _fault(path, mark.line + 1 if mark else 1, _syntax(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _fault(path, line, "an invisible control character; delete it") from None
    except RecursionError:
        raise TallyrankError(
            f"{path} is nested too deeply; see project.example.yaml for what it may look like"
        ) from None
    if node is None or _is_nothing(node):
        return Tree({}, {(): 1})
    if not isinstance(node, yaml.MappingNode):
        raise _fault(path, 1, "must begin with names such as `keywords:`; project.example.yaml shows them all")
    lines: dict[Where, int] = {(): 1}
    return Tree(_Walk(path, lines).value(node, ()), lines)


@dataclass(frozen=True)
class _Walk:
    """From nodes to values, noting lines on the way."""

    path: Path
    lines: dict[Where, int]

    def value(self, node: yaml.Node, where: Where, above: tuple[int, ...] = ()) -> Any:
        self.lines.setdefault(where, node.start_mark.line + 1)
        if node.tag not in TAGS:
            raise self.fault(node, "a text that begins with ! must stand in quotes; tags are not read here")
        if id(node) in above:
            raise self.fault(node, "an entry that refers to itself; write it out")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, where, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            parts = enumerate(node.value)
            return [self.value(part, (*where, n), (*above, id(node))) for n, part in parts]
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, where: Where, above: tuple[int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key, part in node.value:
            name = self.scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                raise self.fault(key, "a name before the colon is missing, or is a list")
            line = key.start_mark.line + 1
            if name in found:
                raise self.fault(key, f"{name!r} stands on line {first[name]} already; put both under one")
            first[name] = self.lines[*where, name] = line
            found[name] = self.value(part, (*where, name), above)
        return found

    def scalar(self, node: yaml.Node) -> str | None:
        return None if _is_nothing(node) else str(node.value)

    def fault(self, node: yaml.Node, words: str) -> TallyrankError:
        return _fault(self.path, node.start_mark.line + 1, words)


def _is_nothing(node: yaml.Node) -> bool:
    """Whether nothing was written, or a word for it, without quotes."""
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in NOTHING


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _fault(path, line, "not text in UTF-8; save the file with the encoding UTF-8") from None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """What is wrong with the spelling, without quoting the line: it may hold what nobody should read."""
    problem = " ".join(str(error.problem or "cannot be read").split())
    if r"'\t'" in problem:
        return TAB
    if "mapping values are not allowed" in problem:
        return "a colon too many, or a line too far to the right; put texts that hold `: ` in quotes"
    if "'@'" in problem or "'`'" in problem or "'%'" in problem:
        return "a text that begins with such a sign must stand in quotes"
    if "expected a single document" in (error.context or ""):
        return "a second document begins here; delete the line ---"
    if "undefined alias" in problem:
        return "a text that begins with * must stand in quotes"
    problem = QUOTED.sub("a text", problem)
    return f"is not YAML: {problem}; look for missing quotes, colons and spaces here and just above"


def _fault(path: Path, line: int, words: str) -> TallyrankError:
    return TallyrankError(f"{path}, line {line}: {words}")
