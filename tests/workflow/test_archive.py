"""`snakemake --report`: an archive that is made and read without a network."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import Workflow

pytestmark = pytest.mark.slow

REMOTE = re.compile(
    r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?https?:"""
)


def without_network() -> list[str]:
    """Words before a command that cut it off from the network, where one may do that."""
    cut = ["unshare", "--net"]
    if shutil.which("unshare") and subprocess.run([*cut, "true"], check=False).returncode == 0:
        return cut
    return []


def report(workflow: Workflow, target: Path) -> None:
    run = subprocess.run(
        [*without_network(), *workflow.command("--report", str(target))],
        cwd=workflow.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def archive(finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive."""
    folder = tmp_path_factory.mktemp("archive")
    report(finished, folder / "report.zip")
    with zipfile.ZipFile(folder / "report.zip") as packed:
        packed.extractall(folder)
    return folder / "report"


def test_the_archive_holds_the_page(archive: Path, finished: Workflow) -> None:
    (page,) = archive.glob("data/raw/*/index.html")
    assert page.read_bytes() == (finished.folder / "results/report/index.html").read_bytes()
    text = (archive / "report.html").read_text(encoding="utf-8")
    assert str(page.relative_to(archive)) in text
    assert "Everything that was measured" in text  # the caption
    assert "a frozen LLM is made to say in words" in text  # the first words


def test_nothing_is_loaded_from_elsewhere(archive: Path) -> None:
    pages = list(archive.rglob("*.html"))
    assert len(pages) == 2
    for page in pages:
        # svg's name space is a name
        found = REMOTE.findall(page.read_text(encoding="utf-8").replace("http://www.w3.org", ""))
        assert found == [], page


def test_one_file_holds_all_as_well(finished: Workflow, tmp_path: Path) -> None:
    report(finished, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Everything that was measured" in text
    assert "data:text/html;charset=utf8;filename=index.html" in text


def test_it_opens_from_disk_in_a_browser(archive: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs chromium, to look at the archive as a reader does")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom"]
    shown = subprocess.run(
        [*without_network(), chromium, *options, (archive / "report.html").as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    body = shown.partition("<body")[2]
    for word in ("Workflow", "Statistics", "Results"):
        assert re.search(rf">{word}<", body), f"the browser does not show {word}"
    assert "a frozen LLM is made to say in words" in body
