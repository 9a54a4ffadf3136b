"""Landscapes: a number for every candidate centre, least where the centre is best.

`landscape` computes them by name; `grid` says which candidates there are, `score` what is measured.  One method, one
file: `direct` (Algorithm 3.1 line by line), `maps` (coefficient maps by FFT), `fused` (one correlation).  `plan` is
what they share, built once; `correlate` is the correlation with even kernels.  `minimum` finds the best candidate of
a landscape; `peaks`, with the compiled `peak_kernels`, finds it without the landscape, and `pyramid` as RACER does.
`search` takes a stack all the way to its centres, `each` one image after the other, and `lopsided` doubts a centre that
the mass about it contradicts.
"""
