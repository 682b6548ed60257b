"""The bench is no part of the installed package, so its tests say where it is."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
