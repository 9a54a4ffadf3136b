"""From a file of particles to a folder of results.

`prepare` settles every question, `learning` learns references, `run` centres, `outputs` writes.
"""
