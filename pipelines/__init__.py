"""How signals flow: lake, tables, assets, command line. The only folder that knows Dagster."""
