"""What the commands beside ``run`` do.

`apply` (move images by their origins), `check` (what a file is), `classes` (class averages, whose scale is known to
`scales`), `comparison` (several estimators on one stack), `convert` (between formats), `coordinates` (for a new
extraction), `datasets` (public data), `demo`.
"""
