"""What the commands beside ``run`` do.

`apply` (move images by their origins), `check` (what a file is), `classes` (class averages), `comparison` (several
estimators on one stack), `convert` (between formats), `coordinates` (for a new extraction), `datasets` (public data),
`demo`; `scales` compares the pixel sizes of averages and particles.
"""
