"""Downloads that survive broken connections and never leave a wrong file under a right name."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import httpx

from recinterpreter.data.transfer import Interrupted, Part, Unusable, fetch
from recinterpreter.data.verify import problem_of
from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download

logger = logging.getLogger("recinterpreter")

ATTEMPTS = 6
_LONGEST_PAUSE = 60.0
# An attempt that brought so many bytes has got on: only those that did not are counted.
_GOT_ON = 2**20


def download(row: Download, target: Path, *, attempts: int = ATTEMPTS, pause: float = 1.0) -> None:
    """Fetch a file to `target`, which appears only when its bytes are verified.

    Its addresses are tried in turn, each `attempts` times in a row without getting on, `pause`,
    2 `pause`, 4 `pause`, ... seconds apart. What has come so far is kept beside the target
    (`.NAME.part`) and gone on from by the next attempt or the next call, as long as its address has
    the same version of the file. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
    Terms that want to be known are logged first and kept beside the target (`NAME.LICENCE.txt`).
    Raises UserError when no address gives the file that is wanted.
    """
    part = Part(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for line in _terms(row).splitlines():
        logger.info("%s", line)
    if not _has_come(row, part):
        _download(row, part, attempts, pause)
    if row.notice is not None:
        terms = target.with_name(f"{target.name}.LICENCE.txt")
        terms.write_text(_terms(row), encoding="utf-8")
    part.become(target)


def _terms(row: Download) -> str:
    return f"{row.name} from {row.urls[0]}\nLicence: {row.licence}\n{row.notice or ''}"


def _has_come(row: Download, part: Part) -> bool:
    """Whether an earlier run was ended between the last byte and the name."""
    if part.size != row.bytes:
        return False
    if problem_of(row, part.path) is None:
        return True
    part.remove()
    return False


def _download(row: Download, part: Part, attempts: int, pause: float) -> None:
    """Fetch a file from the first address that gives it, and verify it."""
    failures: list[str] = []
    with _client() as client:
        for url in row.urls:
            if failures:
                logger.info("%s; now from %s", failures[-1], url)
            try:
                _verified(client, row, url, part, attempts, pause)
                return
            except Unusable as error:
                failures.append(f"{url}: {error}")
    again = f"run again to go on from {part.path}, or " if part.size else ""
    # in one line, for that is what the end of a run repeats
    raise UserError(
        f"{row.name} is not downloaded: {'; '.join(failures)}; {again}fetch it on a machine with a "
        f"network (a proxy is named by HTTPS_PROXY) and set {row.setting} to where it is"
    )


def _client() -> httpx.Client:
    try:
        return httpx.Client(timeout=httpx.Timeout(30.0), follow_redirects=True)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UserError(
            f"the proxy that the environment names cannot be used ({error}); set HTTP_PROXY, "
            "HTTPS_PROXY and ALL_PROXY to http:// or https:// addresses, or unset them"
        ) from error


def _verified(
    client: httpx.Client, row: Download, url: str, part: Part, attempts: int, pause: float
) -> None:
    """Fetch a file from an address; what came wrong in pieces is fetched once more as a whole."""
    for _ in range(2):
        _persistently(client, row, url, part, attempts, pause)
        problem, glued = problem_of(row, part.path), part.glued
        if problem is None:
            return
        part.remove()  # bytes that are wrong are of no use to the next attempt
        if not glued:
            break
        logger.info("%s: %s; it came in pieces: once more from the start", url, problem)
    raise Unusable(problem)


def _persistently(
    client: httpx.Client, row: Download, url: str, part: Part, attempts: int, pause: float
) -> None:
    """Fetch until all has come, or until attempts in a row have not got on."""
    failed = 0
    while True:
        before = part.size
        try:
            fetch(client, row, url, part)
            return
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
            raise Unusable(str(error)) from error
        except (Interrupted, httpx.TransportError) as error:
            failed = 1 if part.size - before >= _GOT_ON else failed + 1
            words = str(error) or type(error).__name__
            if failed == attempts:
                raise Unusable(f"not downloaded after {attempts} attempts ({words})") from error
            wanted = error.wait if isinstance(error, Interrupted) else 0.0
            logger.info("attempt %d of %d: %s", failed, attempts, words)
            time.sleep(min(max(pause * 2 ** (failed - 1), wanted), _LONGEST_PAUSE))
