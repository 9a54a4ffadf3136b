"""What the tests of the ASPIRE plug-in simulate and measure; ASPIRE is imported by those who call."""

import functools

import numpy as np

from centering import Centers, simulate

ANGPIX = 1.7


@functools.cache
def volume(size, dtype, seed=3):
    """Return a smooth density without symmetry whose centre of mass is voxel size // 2."""
    from aspire.volume import Volume

    particle = simulate.GaussianParticle.random(size / 5, count=18, seed=seed)
    position = np.stack(np.meshgrid(*[np.arange(size) - size // 2] * 3, indexing="ij"), axis=-1)
    density = np.zeros((size,) * 3)
    for weight, mean, covariance in zip(particle.weights, particle.means, particle.covariances, strict=True):
        offset = position - mean
        distance = np.einsum("...i,ij,...j->...", offset, np.linalg.inv(covariance), offset)
        density += weight / np.sqrt(np.linalg.det(covariance)) * np.exp(-0.5 * distance)
    return Volume(density.astype(dtype), pixel_size=ANGPIX)


def mass(images):
    """Return the centre of mass, exact for images without noise: unlike `CenterOfMass`, with negative pixels too."""
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    moments = np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1)
    zeros = np.zeros(len(images))
    return Centers(moments / images.sum(axis=(1, 2))[:, None], zeros, zeros.astype(np.int64), estimator="mass")


def misplaced(source):
    """Return how far every image's centre of mass is from where its source says, (n, 2), in pixels (x, y)."""
    found = mass(source.images[:].asnumpy()).displacement
    return found[:, ::-1] + source.offsets
