"""The three words of every check: PASS, REVIEW (somebody should look) and FAIL (something is wrong), with advice."""

from enum import StrEnum
from typing import Any

import dagster as dg


class Grade(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105  no password
    REVIEW = "REVIEW"
    FAIL = "FAIL"


def graded(
    key: dg.AssetKey, check: str, grade: Grade, words: str, advice: str = "", metadata: dict[str, Any] | None = None
) -> dg.AssetCheckResult:
    """A check's result: REVIEW is a warning, FAIL an error, which is mailed; `advice` is left out where it passed."""
    said = f"{grade}: {words}"
    if grade is not Grade.PASS and advice:
        said = f"{said.rstrip('.')}. What to do: {advice}"
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=key,
        passed=grade is Grade.PASS,
        severity=dg.AssetCheckSeverity.WARN if grade is Grade.REVIEW else dg.AssetCheckSeverity.ERROR,
        description=said,
        metadata=metadata or {},
    )
