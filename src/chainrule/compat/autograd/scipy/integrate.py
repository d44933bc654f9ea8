"""scipy.integrate itself."""

from scipy.integrate import *  # noqa: F403
