"""The numbers that the radial reference was tuned with, and why they have the values they have."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TUNING", "Tuning"]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Constants of the method; none of them is an option of `RadialReference`."""

    # the images that decide how to begin
    smallest_box: int = 8
    """Pixels.  Least side of an image: a smaller one has no room for a disk, a few waves, and corners."""
    sample_images: int = 512
    """Images that decide the start, the noise spectrum, the radius, the number of profiles and the structure."""
    sample_pieces: int = 16
    """Parts of the sample that are learned from or judged together: two halves of eight each."""
    sample_bytes: int = 256 * 2**20
    """Bytes of images that are kept for the sample, whatever their number."""
    kept_bytes: int = 512 * 2**20
    """Bytes of coefficients that are kept between the iterations instead of being computed again."""
    block_images: int = 32
    """Images at a time: what passes between the steps stays in the processor's cache."""

    # waves and noise
    finest_wave: float = 4.0
    """Pixels.  Shortest wavelength kept, half the Nyquist frequency: a profile has hardly anything beyond."""
    waves_per_radius: int = 16
    """A rotational average over a disk of radius R has no use for waves shorter than R divided by this."""
    noise_lags: int = 6
    """Correlations of the noise are followed over the box size divided by this: no finer detail is resolved."""
    least_noise: float = 0.05
    """Least power of the noise, as a part of its median: no frequency is trusted without limit."""

    # the model to start from
    start_rounds: int = 4
    """EM iterations of a start between two looks at it."""
    start_laps: int = 3
    """Looks at a start at most: where transfer functions hide what is large, bright and dark come apart slowly."""
    start_stride: float = 1.8
    """Of an M-step, how much of it a start takes: with less than 2 it goes the same way, twice as fast."""
    start_settled: float = 0.001
    """A start has settled when the last iteration gained less than this part of its evidence."""
    start_hopeless: float = 0.3
    """It is given up when its evidence is below this part of that of another."""
    start_present: float = 0.95
    """Fraction of the images that show a particle, before it is learned."""
    start_scale_deviation: float = 0.2
    """Standard deviation of the scale of the images about 1, before it is learned."""
    start_shift_box: float = 0.25
    """Standard deviation of the displacement before it is learned, as a part of the box."""
    clustering_rounds: int = 10
    """Rounds of Lloyd's clustering that splits a profile into several."""

    # E-step
    variance_sweeps: int = 3
    """Times that noise variance and posterior of an image are computed from one another."""
    sharp_deviation: float = 0.6
    """Pixels.  Posteriors narrower than this are followed between the candidates, which are too coarse for them."""
    sharp_steps: int = 3
    """Steps of Newton's method from the best candidate to the maximum: each doubles the digits."""
    sampling_deviation: float = 0.003
    """Pixels.  Standard deviation always left: what pixels make of a sharp edge, no correlation can tell."""
    least_variance: float = 1e-6
    """Least part of the power of an image that is taken for noise."""

    # M-step
    least_scale_deviation: float = 0.02
    """Least standard deviation of the scales: images are never all alike."""
    least_shift_deviation: float = 1.0
    """Pixels.  Least standard deviation of the displacements: candidates are whole pixels."""
    present_range: tuple[float, float] = (0.5, 0.999)
    """Fraction of images with a particle: at least half of them show what the profile was learned from."""
    solvable: float = 1e-6
    """Directions whose eigenvalue is below this part of the largest are left out: the data hardly show them."""

    # structure
    structure_passes: int = 2
    """Times that structure and model are learned from one another."""
    structure_rounds: int = 3
    """EM iterations after each pass."""
    ring_weights: tuple[float, float] = (0.25, 0.5)
    """Weights of the rings beside a ring of frequencies, and of itself: the disk allows no finer detail."""
    least_structure: float = 0.4
    """Least structure, as a part of the most: it is not so regular that a frequency would be free of it."""
    quiet_part: float = 0.2
    """Part of the coefficients, those with the least residual, that are taken to hold no structure."""

    # the choice of a radius and of a number of profiles
    smallest_radius: int = 12
    """The smallest radius that is tried is the box size divided by this."""
    radius_step: float = 1.1
    """Ratio of neighbouring radii that are tried."""
    trial_box: int = 128
    """Pixels.  Radii are tried on images binned to about this side: the profiles have no finer waves."""
    trial_radius: float = 0.35
    """Radius, as a part of the box, of the first model, which tells where the particles are while radii are tried."""
    radius_rounds: int = 5
    """EM iterations for every radius."""
    profile_rounds: int = 12
    """EM iterations for every number of profiles, which have to come apart first."""
    most_profiles: int = 4
    """Largest number of profiles that is tried."""
    free_deficit: float = 0.002
    """A smaller radius, or fewer profiles, may cost this part of the best evidence."""
    deficit_errors: float = 2.0
    """They may also cost so many standard errors of the difference."""
    largest_deficit: float = 0.02
    """However uncertain the evidence of few images is, they may not cost more than this part of it."""

    # flags and warnings
    few_images: int = 100
    """A profile learned from fewer images than this is not taken for one."""
    learned_evidence: float = 1.0
    """Least median log-likelihood ratio of a particle to none for which something was learned."""
    few_scale_deviation: float = 0.2
    """Least standard deviation of the scales where few images were learned from: they do not tell it."""
    ambiguous_ratio: float = 4.0
    """Two maxima are about equal when one is at most so many times as probable as the other."""
    ambiguous_distance: float = 0.25
    """They are separated when they lie farther apart than this part of the radius (and than 2 pixels)."""
    neighbour_part: float = 0.25
    """A second particle explains at least this part of what the first explains (in log-likelihood)."""
    neighbour_margin: float = 3.0
    """Its log-likelihood ratio exceeds what the best of all candidates may reach by chance by this much."""
    outlier_part: float = 0.2
    """An image that is explained by less than this part of the typical log-likelihood ratio is like no other."""
    outlier_deviations: float = 3.0
    """But only if noise does not explain that: the ratio's root lies below the typical one by so many deviations."""
    clear_ratio: float = 30.0
    """Structure to noise from which on an image shows the shape of its particle."""
    elongated_ratio: float = 1.5
    """A particle is elongated that is longer than this many times its width."""
    faint_density: float = 0.1
    """Density counts for the shape that is more than this part of the highest."""
    shape_reach: float = 1.3
    """It counts up to this many radii of a typical particle."""
    shape_blur: float = 0.05
    """Standard deviation of the blur before, in such radii."""
    drawn_depth: float = 15.0
    """Logarithms of the posterior below its maximum that a picture can tell apart."""


TUNING = Tuning()
"""The values in use."""
