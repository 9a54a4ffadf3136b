"""Landscapes: a number for every candidate centre, least where the centre is best.

One method, one file: `direct` (Algorithm 3.1 line by line), `maps` (coefficient maps by FFT), `fused` (one
correlation).  What they share is built once by `plan`; what a score means stands in `score`.
"""
