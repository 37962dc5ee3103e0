"""How signals flow: lake, tables, assets, command line. The only folder that knows Dagster."""

import os

# Our matrices are small: the threads of a linear algebra library would only wait for each other.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
