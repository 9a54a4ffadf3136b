"""One estimator, one file; every estimator is a callable ``(B, n, n) -> Centers``, as `base` says.

`surrogate` (the surrogate centre of mass), `radial_reference`, `reference_free` (alignment to the average), `mass`,
`median`, `phase`, `self_convolution`.  A `spec` says what each is called and which options it has; `registry` finds
it by name, in this package or in another one.
"""
