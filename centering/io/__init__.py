"""Files in, files out: STAR, MRC and the particles they describe; no numerics.

Reading: `opening` opens a file of particles, `particles` are what it describes; `star` and `star_table`, `cryosparc`
and `mrc` are the formats; `refusal` is what they refuse alike.  Writing: `atomic` files, a whole `output_folder`, and
how complete results take the place of older ones, `publishing`.  `identity` notices files that change meanwhile;
`relion_job` is what RELION wants to see.
"""
