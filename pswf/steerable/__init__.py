"""Whole images in steerable bases on the disk: images (B, L, L) <-> coefficients (B, count), real or complex.

layout: which coefficient is which.
blocks: operators within each angular order.
symmetry: which functions and pixels belong together on the grid.
chebyshev, torus, transform: the fast transforms, from radial functions to pixels.
direct, least_squares: the inverse.
basis, prolate, learned: the bases.
compare: how well each describes given images.
"""
