"""scipy.signal itself."""

from scipy.signal import *  # noqa: F403
