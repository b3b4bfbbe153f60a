"""Side-by-side comparisons, run by hand: `python -m benchmarks.logistic`."""
