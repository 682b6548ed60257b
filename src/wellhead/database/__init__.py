"""The only place with SQL: schema, migrations, and the statements of each table."""

import os

# numpy's linear algebra, which nothing here uses, would start a thread for every core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
