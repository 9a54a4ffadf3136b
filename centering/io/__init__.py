"""Files in, files out: STAR, MRC and the particles they describe; no numerics.

Reading: `opening` opens a file of particles, `particles` are what it describes.  `formats` knows the formats, those of
other distributions included; `table` is what each of them has to say.  STAR: `star`, over `star_text` and `star_table`.
cryoSPARC: `cryosparc` and `cs_table`; `star_to_cs` leads from one to the other.  Images: `mrc`, and `stack`, images
alone; `refusal` is what all of them refuse alike, `planar` what is no set of images of single particles.  `places`
knows where names lead, `micrographs` what the pixels of coordinates are.

Writing: `atomic` files, a whole `output_folder`, complete results in the place of older ones (`publishing`), one
program at a time (`locking`).  `identity` notices files that change meanwhile; `relion_job` is what
RELION wants to see.
"""
