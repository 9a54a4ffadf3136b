"""Particles that are known exactly: `gaussians` (sums of Gaussians), and `volumes` (projections of a density map)."""

from centering.simulate.gaussians import GaussianParticle, Simulation, particles, rotations

__all__ = ["GaussianParticle", "Simulation", "particles", "rotations"]
