"""From a file of particles to a folder of results: settle every question, centre, write."""
