"""One estimator, one file; every estimator is a callable ``(B, n, n) -> Centers``."""
