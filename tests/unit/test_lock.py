"""The lock ends with its process, however that ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter import lock
from recinterpreter.errors import UserError
from recinterpreter.workflow.machine import claim_results, insist_on_links

HOLDER = (
    "import sys, time; from pathlib import Path; from recinterpreter.lock import hold\n"
    "print(hold(Path(sys.argv[1]), wait=False), flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_held", [])


def test_a_lock_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".lock"
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        assert not lock.hold(path, wait=False)
    finally:
        other.kill()
        other.wait()
    assert lock.hold(path, wait=True)


def test_a_turn_that_is_over_in_a_moment_is_not_worth_a_word(tmp_path: Path) -> None:
    path, told = tmp_path / "choosing.lock", []
    short = HOLDER.replace("time.sleep(60)", "time.sleep(float(sys.argv[2]))")
    for seconds, waited in (("0.2", False), ("1.5", True)):
        command = [sys.executable, "-c", short, str(path), seconds]
        other = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        with lock.turn(path, waiting=lambda: told.append("waiting")) as long:
            assert long is waited
            assert bool(told) is waited
        other.wait()


def test_two_runs_do_not_share_results(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / ".lock")], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UserError, match="another run works in"):
            claim_results(tmp_path)
    finally:
        other.kill()
        other.wait()
    claim_results(tmp_path)


def test_results_that_cannot_be_written_to_are_told(tmp_path: Path) -> None:
    (tmp_path / "results").touch()  # a file where the folder should be
    with pytest.raises(UserError, match=r"results cannot be written to .* --directory FOLDER"):
        claim_results(tmp_path / "results")


def test_links_into_a_cache_that_is_gone_are_told(tmp_path: Path) -> None:
    results, cache = tmp_path / "results" / "demo", tmp_path / "cache"
    results.mkdir(parents=True)
    cache.mkdir()
    (cache / "one").touch()
    (results / "items.parquet").symlink_to(cache / "one")
    insist_on_links(tmp_path / "results")
    insist_on_links(tmp_path / "none")
    (cache / "one").unlink()
    with pytest.raises(UserError, match=r"1 files of .* such as .*items.parquet; delete them"):
        insist_on_links(tmp_path / "results")
