"""Stacks that are centred as they arrive in a folder.

`arrivals` knows which files are written to the end, `watch` centres their stacks, `finished` is what the folder of the
results says of those, and whose it is.
"""
