"""What the presentation of the paper needs.

`experiments` (errors against noise), `figures`, `frechet` (means and medians of points), `silhouettes` (test objects).
"""
