"""Lets the tests import the modules that they share, such as `catalogue`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
