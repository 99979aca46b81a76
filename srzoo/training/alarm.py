"""Decides when to report a trouble that comes and goes."""


class Alarm:
    """Goes off once per episode of a trouble: after `begins` calls in a row with it, re-armed by `ends` without."""

    def __init__(self, begins: int, ends: int):
        self._begins, self._ends = begins, ends
        self._on = False
        self._in_a_row = 0

    def __call__(self, trouble: bool) -> bool:
        self._in_a_row = self._in_a_row + 1 if trouble != self._on else 0
        if self._in_a_row < (self._ends if self._on else self._begins):
            return False
        self._on, self._in_a_row = not self._on, 0
        return self._on
