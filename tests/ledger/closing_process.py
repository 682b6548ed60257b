"""Closes the days of the books at a URL before one, again and again, and says after each time how many.

python closing_process.py URL DAY
"""

import os
import sys

from wellhead.database.engine import make_engine
from wellhead.ledger.closing import close

engine = make_engine(sys.argv[1])
while True:
    count = close(engine, int(sys.argv[2]), rest=lambda _: None)
    os.write(sys.stdout.fileno(), b"%d\n" % count)
