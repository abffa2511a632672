"""Bad input ends in a message on the terminal, an exit code and earlier results as they were."""

import io
import resource
import zipfile

import pytest

pytestmark = pytest.mark.slow

EVENT = "1\t1\t5\t100\n"
ITEM = "1|Toy Story (1995)|01-Jan-1995||http://x" + "|0" * 19 + "\n"


def archive(events: str = EVENT, items: bytes = ITEM.encode()) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("ml-100k/u.data", events)
        file.writestr("ml-100k/u.item", items)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (archive()[:200], "bad.zip: a truncated, damaged or encrypted zip"),
        (archive(events="1\t1\t5\n"), "u.data, line 1: got 3 fields"),
        (archive(events="x\t1\t5\t100\n"), "u.data, line 1: user id is 'x', wanted"),
        (archive(events="1\t9\t5\t100\n"), "line 1"),
        (archive(events=""), "u.data: the file is empty"),
    ],
)
def test_bad_movielens(spoilable, contents, content, told):
    results = spoilable.folder / "results"
    before = contents(results / "demo")
    (spoilable.folder / "bad.zip").write_bytes(content)
    run = spoilable.run("results/ml-100k/examples.parquet", "--config", BAD)
    assert run.returncode != 0
    assert told in run.stdout
    assert "Traceback" not in run.stdout
    [log] = (results / "logs" / "ml-100k" / "check_source").glob("*.log")
    assert f"failed or stopped, see {log.relative_to(spoilable.folder)}" in run.stdout
    assert told in log.read_text()
    assert not list((results / "ml-100k").glob("*.parquet"))
    assert contents(results / "demo") == before


BAD = "data={ml-100k: {path: bad.zip}}"


def test_a_full_disk_is_told_and_harms_nothing_else(spoilable, contents):
    """A limit on the size of files stands in for a disk without room."""
    demo = spoilable.folder / "results" / "demo"
    target = "results/demo/states/sasrec/seed0.parquet"
    before = contents(demo)
    room = len(before["states/sasrec/seed0.parquet"]) // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    run = spoilable.run("--force", target, preexec_fn=limit)
    assert run.returncode != 0
    assert "error: " in run.stdout
    assert "File too large" in run.stdout
    after = contents(demo)
    assert {name: before[name] for name in after} == after
    assert set(before) - set(after) <= {"states/sasrec/seed0.parquet"}
    assert spoilable.run(target).returncode == 0
    assert contents(demo) == before
