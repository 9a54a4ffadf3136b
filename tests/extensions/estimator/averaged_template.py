"""An estimator for centering that learns a template: the average of the images, moved to where they look like it."""

from dataclasses import dataclass

import numpy as np

from centering import Centers, Flag, plot
from centering.estimators.spec import EstimatorSpec, Option
from centering.radial.batches import batches
from centering.stack import check_stack


@dataclass(frozen=True)
class Template:
    """Learns from a random part of the images, which it goes through once for every sweep."""

    radius: int | None = None
    sweeps: int = 3
    learn_from: int | None = 1000
    seed: int = 0
    correction = needs_ctf = ""  # it takes no contrast transfer functions

    def fit(self, images, *, ctf=None, progress=None):
        """Return the template that was learned."""
        average = None
        for sweep in range(self.sweeps):
            advance = progress(f"averaging, sweep {sweep + 1}", None) if progress else lambda n: None
            count, total = 0, 0.0
            for stack, _ in batches(images, None)():
                axis = np.arange(stack.shape[-1]) - stack.shape[-1] // 2
                width = stack.shape[-1] / 6 if self.radius is None else self.radius / 2
                if average is None:  # begin with a blob
                    average = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * width**2))
                found, _ = look(stack, average)
                total += sum(np.roll(image, -shift, (0, 1)) for image, shift in zip(stack, found, strict=True))
                count += len(stack)
                advance(len(stack))
            average = total / count
        return FittedTemplate(average, count, self)


@dataclass(frozen=True, repr=False)
class FittedTemplate:
    """Finds every image where it looks most like the template, by whole pixels.  Uncertainty: none."""

    average: np.ndarray
    images: int
    options: Template

    @property
    def radius(self):
        return self.options.radius

    @property
    def warnings(self):
        return ["a template of fewer than 20 images is noise"] if self.images < 20 else []

    def __call__(self, images):
        stack, finite = check_stack(images)
        displacement, score = look(stack, self.average)
        flat = np.ptp(stack, axis=(1, 2)) == 0
        displacement[flat] = 0
        flags = np.where(finite, flat * int(Flag.FLAT), int(Flag.NONFINITE))
        return Centers(displacement.astype(float), np.where(finite, score, np.nan), flags, None, repr(self))

    def __repr__(self):
        return f"FittedTemplate({self.options})"

    def describe(self):
        return {"images": self.images, "peak": float(self.average.max())}

    def sentences(self):
        return [f"a template averaged from {self.images} images in {self.options.sweeps} sweeps"]

    def drawings(self, others=()):
        figure, ax = plot.axes()
        ax.imshow(self.average, cmap="gray")
        return [plot.Drawing(figure, "The template", "The average of the images that it was learned from.")]


def look(stack, average):
    """Return where the images look most like the average, (row, column) in pixels, and how clearly."""
    size = average.shape[-1]
    template = np.fft.rfft2(np.fft.ifftshift(average - average.mean()))
    surface = np.fft.irfft2(np.fft.rfft2(stack) * template.conj(), (size, size)).reshape(len(stack), -1)
    place = np.stack(np.divmod(surface.argmax(axis=1), size), axis=1) - size // 2
    return place, surface.max(axis=1) / np.maximum(surface.std(axis=1), 1e-30)


ESTIMATOR = EstimatorSpec(
    name="template",
    title="averaged template",
    make=Template,
    options=(
        Option(name="sweeps", kind=int, help="a number of sweeps over the images"),
        Option(name="learn_from", kind=int, help="a number of images to learn from"),
    ),
    learns=True,
)
