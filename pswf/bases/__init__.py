"""Radial bases on [0, 1] behind one interface, `pswf.RadialBasis`.

base: the interface.
series: what the bases here share, coordinates in the Zernike functions.
prolate, zernike, bessel, dini: one basis each.
constant, combination: any basis, and the constant; combinations of its functions.
"""
