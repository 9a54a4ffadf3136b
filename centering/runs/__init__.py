"""From a file of particles to a folder of results.

`prepare` settles every question, `learning` learns references, `run` centres, `evidence` asks the images about the
centres (with the `noise` that they have, by the `rings` of their spectra), `verdict` says what follows, and `outputs`
writes.
"""
