"""How far from the truth every estimator is: ``make accuracy``.

The flow: `data` (images whose centres are known) -> `measure` and `sections` (errors, as numbers that JSON holds) ->
`figures` and `page` (docs/accuracy.md, of nothing but those numbers).
"""
