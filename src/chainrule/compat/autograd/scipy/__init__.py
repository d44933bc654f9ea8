"""SciPy itself."""
