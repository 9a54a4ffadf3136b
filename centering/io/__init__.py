"""Files in, files out: STAR, MRC and the particles they describe; no numerics.

Reading: `opening` opens a file of particles, `particles` are what it describes.  `formats` knows the formats, those of
other distributions included; `table` is what each of them has to say, `facts` decides what its pixel size is.  STAR:
`star` and `star_facts`, over `star_text`, `star_table`, `star_cells` and `star_images`.  cryoSPARC: `cryosparc`, over
`cs_table` (and `cs_compressed`), `cs_alignments` and `cs_passthrough`; `star_to_cs` (with `star_in_cs`) and
`cs_to_star` lead from one to the other.  Images: `mrc`, `stack`, images alone, and `image_names`; `places` finds stacks
by their names, `micrographs` says their pixel sizes.  `planar` refuses what is no set of images of single particles,
`refusal` is what all of them refuse alike.

Writing: `atomic` files, a whole `output_folder`, complete results in the place of older ones (`publishing`), one
program at a time (`locking`).  `absolute_names` lead to the images from everywhere.  `identity` notices files that
change meanwhile; `relion_job` is what RELION wants to see.
"""
