"""Radial bases on [0, 1] behind one interface, `pswf.RadialBasis`."""
