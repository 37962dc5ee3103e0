"""Where signals come from: one file per platform or source of rankings. No Dagster, no DuckDB."""
