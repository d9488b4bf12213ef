"""The shared package of the course: import from where a thing lives, e.g. `from utils.train import fit`.

Importing any part of it does no work: no download, no device probe, no seed, no plotting defaults.
"""
