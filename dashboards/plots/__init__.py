"""Pictures as PNG, for places that run no scripts (the Dagster UI); interactive ones are in dashboards/charts.py."""
