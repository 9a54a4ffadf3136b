"""Particles that are known exactly: sums of Gaussians, and projections of a volume (`centering.simulate.volumes`)."""

from centering.simulate.gaussians import GaussianParticle, Simulation, particles, rotations

__all__ = ["GaussianParticle", "Simulation", "particles", "rotations"]
