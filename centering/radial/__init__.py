"""Radial references: what the rotational average of the particles says about their centres.

The flow: images -> `waves` (coefficients of a few real Fourier waves) -> `posterior` (where the centre may lie, given a
model) -> `learning` (the model, given where the centres may lie).  `templates` holds what the profile looks like at
every candidate, `noise` and `ctf` what the microscope does to it, `selection` chooses radii and numbers of profiles.
"""
