"""scipy.linalg itself."""

from scipy.linalg import *  # noqa: F403
