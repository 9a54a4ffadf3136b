"""Reference-free alignment, its steps: what is compared, the best shift, the best turn, the loop over the images."""
