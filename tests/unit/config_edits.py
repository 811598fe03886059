"""Edits of a config in tests."""


def put(config, path, value):
    """Set the entry at a path of keys and list positions, such as ``samples/gaia_rvs/cuts/0/name``."""
    *parents, last = path.split("/")
    for key in parents:
        config = config[int(key) if isinstance(config, list) else key]
    config[last] = value
