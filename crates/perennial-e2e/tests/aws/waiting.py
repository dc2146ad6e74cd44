"""Waiting for a condition, a minute at most."""

import time

PATIENCE = 60


def until(look, what):
    """Asks again and again; answers what is found, and fails with `what` when nothing is in time."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)
    return found
