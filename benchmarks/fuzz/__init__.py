"""Mutated ``.cs``, STAR and MRC files through every command that reads them."""
