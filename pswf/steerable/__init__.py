"""Whole images in steerable bases on the disk: real images (B, L, L) <-> coefficients (B, count)."""
