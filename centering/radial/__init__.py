"""The radial reference: the rotational average of the particles, learned from the images that it centres.

The flow: `batches` (where images come from) -> `waves` (coefficients of a few real Fourier waves) -> `posterior` (the
E-step: where the centre may lie, given a model; `sharp`: where that is known better than to a pixel) -> `learning`
(the M-step: the model, given where the centres may lie).  `templates` holds what a profile looks like at every
candidate, `noise` the spectrum of the noise, `structure` that of what particles have beyond their profile.

`options` is what was asked for; `fit` is the way from images to a reference: `start` makes the first model,
`selection` chooses a radius and a number of profiles, `few` is for references that were learned from few images.
`fitted` is the reference; `flags` and `shape` say what is suspicious about an image, `drawing` shows what was learned.
`tuning` holds the constants of the method.
"""
