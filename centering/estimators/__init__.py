"""One estimator, one file; every estimator is a callable ``(B, n, n) -> Centers``, as `base` says.

`surrogate` (the surrogate centre of mass), `radial_reference`, `reference_free` (alignment to the average), `mass`,
`median`, `phase`, `self_convolution`; `each` is the loop that those share that look at one image after the other.
"""
