"""Data sets: one module each, all offline at scale `sample`; `python -m utils.datasets` lists them."""
