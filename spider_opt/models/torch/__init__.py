"""Models of the catalog computed by torch, which what tunes them uses too."""
