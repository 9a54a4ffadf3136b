"""Reference-free alignment: images that are aligned to their own average.

The flow: `options` (what was asked for) -> `disk` (what of an image is compared) -> `shifts` and `turns` (the best
shift, the best turn) -> `align` (the two parts of the method, over all images) -> `fit` (all of it in order) ->
`result` (what comes out).  `tuning` holds the constants of the method.
"""
