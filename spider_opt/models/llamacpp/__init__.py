"""Models of the catalog computed by llama.cpp in this process."""
