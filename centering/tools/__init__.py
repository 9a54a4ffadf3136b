"""What the commands beside `run` do: apply, classes, compare, convert, coordinates, datasets, demo."""
