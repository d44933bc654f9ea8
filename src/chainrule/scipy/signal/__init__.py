"""Twins of scipy.signal: convolutions, recursive filters and their responses, smoothing, resampling, spectra, peaks."""

from chainrule.scipy.signal import convolutions, peaks, recursive, resampling, responses, smoothing, spectra

__all__ = ["convolutions", "peaks", "recursive", "resampling", "responses", "smoothing", "spectra"]
