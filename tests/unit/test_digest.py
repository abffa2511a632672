"""The digest of a stage: what must change it, and what must not."""

import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter.workflow.digest import PACKAGE, closure_digest, code_digest, import_closure

SOURCES = {
    "__init__.py": '"""A package."""\n',
    "stages/__init__.py": "",
    "stages/train.py": "from pack.models.sasrec import build\n\ndef train():\n    return build()\n",
    "stages/other.py": "import pack.tables\n",
    "models/__init__.py": "",
    "models/sasrec.py": (
        '"""SASRec."""\n'
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from pack.types import Model\n"
        "def build():\n"
        '    """Build."""\n'
        "    from pack.attention import attend  # late\n"
        "    return attend(1)\n"
    ),
    "attention.py": "def attend(x):\n    return x\n",
    "types.py": "Model = int\n",
    "tables.py": "WIDTH = 3\n",
    "models/words/nouns.txt": "moon\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        file = tmp_path / "src" / "pack" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "src" / "pack"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_closure_holds_what_a_stage_can_load(package: Path) -> None:
    closure = import_closure([package / "stages" / "train.py"], package)
    assert {str(file.relative_to(package)) for file in closure} == {
        "__init__.py",
        "stages/__init__.py",
        "stages/train.py",
        "models/__init__.py",
        "models/sasrec.py",
        "attention.py",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("models/sasrec.py", '"""SASRec."""', '"""Self-attention."""'),
        ("models/sasrec.py", '    """Build."""\n', ""),
        ("models/sasrec.py", "  # late", "  # on purpose"),
        ("models/sasrec.py", "attend(1)", "attend( 1 )\n\n"),
        ("types.py", "int", "str"),
        ("tables.py", "3", "4"),
    ],
)
def test_words_layout_and_strangers_change_nothing(
    package: Path, name: str, old: str, new: str
) -> None:
    before = code_digest("train", package)
    edit(package / name, old, new)
    assert code_digest("train", package) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/train.py", "return build()", "return [build()]"),
        ("models/sasrec.py", "attend(1)", "attend(2)"),
        ("attention.py", "return x", "return -x"),
        ("models/__init__.py", "", "STEPS = 3\n"),
        ("models/words/nouns.txt", "moon", "sun"),
    ],
)
def test_code_and_data_change_the_digest(package: Path, name: str, old: str, new: str) -> None:
    before = {stage: code_digest(stage, package) for stage in ("train", "other")}
    edit(package / name, old, new)
    assert code_digest("train", package) != before["train"]
    assert code_digest("other", package) == before["other"]


def test_data_named_like_a_module_are_of_that_module_alone(package: Path) -> None:
    (package / "models" / "table.py").write_text("X = 1\n")
    (package / "models" / "table.yaml").write_text("rows: 1\n")
    before = code_digest("train", package)
    (package / "models" / "table.yaml").write_text("rows: 2\n")
    assert code_digest("train", package) == before
    edit(package / "attention.py", "def", "import pack.models.table\ndef")
    before = code_digest("train", package)
    (package / "models" / "table.yaml").write_text("rows: 3\n")
    assert code_digest("train", package) != before


def test_a_new_module_counts_when_it_is_imported(package: Path) -> None:
    before = code_digest("train", package)
    (package / "new.py").write_text("X = 1\n")
    assert code_digest("train", package) == before
    edit(package / "attention.py", "def", "import pack.new\ndef")
    assert code_digest("train", package) != before


def test_folders_made_by_python_do_not_count(package: Path) -> None:
    before = code_digest("train", package)
    cache = package / "models" / "__pycache__"
    cache.mkdir()
    (cache / "sasrec.cpython-311.pyc").write_bytes(b"x")
    (package / "models" / ".hidden").write_text("x")
    assert code_digest("train", package) == before


def test_relative_imports_are_refused(package: Path) -> None:
    edit(package / "attention.py", "def", "from .tables import WIDTH\ndef")
    with pytest.raises(ValueError, match=r"attention\.py:1: write the import with its full name"):
        code_digest("train", package)


def test_modules_outside_the_package_can_be_entries(package: Path) -> None:
    entry = package.parents[1] / "tests" / "test_it.py"
    entry.parent.mkdir()
    entry.write_text("import pack.tables\n")
    before = closure_digest([entry], package)
    edit(package / "tables.py", "3", "4")
    assert closure_digest([entry], package) != before


def test_every_stage_has_its_own_digest() -> None:
    stages = [file.stem for file in (PACKAGE / "stages").glob("[!_]*.py")]
    assert len({code_digest(stage) for stage in stages}) == len(stages) > 10


def test_static_closure_covers_what_python_loads() -> None:
    """Truth from outside: the modules that Python itself has loaded after an import."""
    program = (
        "import sys, recinterpreter.stages.split_examples\n"
        "print(*[m.__file__ for n, m in sys.modules.items() if n.startswith('recinterpreter')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    closure = import_closure([PACKAGE / "stages" / "split_examples.py"])
    assert len(loaded) > 5
    assert {Path(name) for name in loaded} <= closure


def test_what_no_result_depends_on_is_left_out(package: Path) -> None:
    train = package / "stages" / "train.py"
    train.write_text(train.read_text() + "import pack.ticker\nimport pack.provenance.record\n")
    (package / "provenance").mkdir()
    for name in ("ticker.py", "provenance/__init__.py", "provenance/record.py"):
        (package / name).write_text("")
    before = code_digest("train", package)
    (package / "ticker.py").write_text("X = 1\n")
    (package / "provenance" / "record.py").write_text("X = 1\n")
    assert code_digest("train", package) == before
    (package / "tables.py").write_text("X = 1\n")
    train.write_text(train.read_text() + "import pack.tables\n")
    assert code_digest("train", package) != before
