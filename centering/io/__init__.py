"""Files in, files out: STAR, MRC and the particles they describe; no numerics."""
