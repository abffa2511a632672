"""One dense progress line, now and then, with the time that is left."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("recinterpreter")


class Ticker:
    """Log `what done/total | figures | rate | ETA`, at most every `every` seconds."""

    def __init__(self, what: str, total: int, done: int = 0, every: float = 5.0) -> None:
        self._what, self._total, self._every = what, total, every
        self._first = done
        self._started = self._last = time.monotonic()

    def tick(self, done: int, **figures: float) -> None:
        """Report that `done` of the total are done; always logs the last one."""
        now = time.monotonic()
        if done < self._total and now - self._last < self._every:
            return
        self._last = now
        rate = (done - self._first) / max(now - self._started, 1e-9)
        left = (self._total - done) / rate if rate > 0 else 0.0
        shown = [f"{self._what} {done}/{self._total}"]
        shown += [f"{name} {value:.4g}" for name, value in figures.items()]
        shown += [f"{rate:.3g}/s", f"ETA {int(left) // 60}:{int(left) % 60:02d}"]
        logger.info(" | ".join(shown))
