"""Stacks that are centred as they arrive in a folder.

`arrivals` knows which files are written to the end, `watch` centres their stacks, `finished` is what is known of those;
`folder` is where all of it goes.
"""
