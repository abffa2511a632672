"""One pinned set everywhere: pip, conda and both container recipes; and each rule has its kind."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from recinterpreter.workflow.digest import PACKAGE, imports_of

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)
INSTALL = re.compile(r"pip install ([^\n\\&]*)")


def read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


def conda(root: Path, name: str) -> tuple[str, dict[str, str]]:
    """Python's version and pip's pins of a conda environment."""
    python, pip, packages = yaml.safe_load(read(root, f"envs/{name}.yaml"))["dependencies"]
    assert pip == "pip"
    assert list(packages) == ["pip"]
    return python.removeprefix("python="), pins("\n".join(packages["pip"]))


def installs(text: str) -> list[str]:
    """Say what pip is told to install, in order, whatever else it is told."""
    quiet_or_index = r"(-qq|\$\{TORCH_INDEX[^}]*\}) ?"
    return [re.sub(quiet_or_index, "", told).strip() for told in INSTALL.findall(text)]


def differences(root: Path) -> list[str]:
    """Where the environments of a checkout are out of step, in words."""
    return [*pythons(root), *requirements(root), *hashes(root), *recipes(root)]


def pythons(root: Path) -> Iterator[str]:
    project = tomllib.loads(read(root, "pyproject.toml"))
    said = {
        "envs/python.yaml": conda(root, "python")[0],
        "envs/torch.yaml": conda(root, "torch")[0],
        "ruff": re.sub(r"py(\d)(\d+)", r"\1.\2", project["tool"]["ruff"]["target-version"]),
    }
    for file, pattern in (
        ("envs/Dockerfile", r"^FROM python:(\d+\.\d+)-"),
        ("envs/recinterpreter.def", r"^From: python:(\d+\.\d+)-"),
        ("Makefile", r"--python-version (\S+)"),
    ):
        (said[file],) = re.findall(pattern, read(root, file), re.MULTILINE)
    if len(set(said.values())) > 1:
        yield f"versions of Python: {said}"
    if said["Makefile"] not in SpecifierSet(project["project"]["requires-python"]):
        yield "requires-python refuses the Python that is pinned for"


def requirements(root: Path) -> Iterator[str]:
    torch, lock = (pins(read(root, f"envs/{name}")) for name in ("torch.txt", "requirements.lock"))
    if set(torch) != {"torch"} or "torch" in lock:
        yield "PyTorch is pinned in envs/torch.txt, and it alone there"
    project = tomllib.loads(read(root, "pyproject.toml"))
    development = project["project"]["optional-dependencies"]["dev"]
    building = project["build-system"]["requires"]
    for line in [*project["project"]["dependencies"], *development, *building]:
        wanted = Requirement(line)
        version = {**lock, **torch}.get(canonicalize_name(wanted.name))
        if version is None or version not in wanted.specifier:
            yield f"pyproject.toml wants {line}, pinned is {version}: make lock"
    for name, expected in (("python", lock), ("torch", {**lock, **torch})):
        if conda(root, name)[1] != expected:
            yield f"envs/{name}.yaml has other pins: python envs/pin_conda.py"


def hashes(root: Path) -> Iterator[str]:
    pinned = re.findall(
        r"^(\S+==\S+)( \\\n +--hash=sha256)?", read(root, "envs/requirements.lock"), re.MULTILINE
    )
    unhashed = [pin for pin, hashed in pinned if not hashed]
    if unhashed:
        yield f"envs/requirements.lock pins without a hash: {unhashed}"


def recipes(root: Path) -> Iterator[str]:
    steps = installs(read(root, "Makefile"))
    for name in ("envs/Dockerfile", "envs/recinterpreter.def"):
        if (found := installs(read(root, name))) != steps:
            yield f"{name} installs {found}, the Makefile {steps}"


def test_the_environments_are_in_step() -> None:
    assert differences(ROOT) == []
    assert len(installs(read(ROOT, "Makefile"))) == 3
    assert len(pins(read(ROOT, "envs/requirements.lock"))) > 100


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the environments are described by, to be changed at will."""
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    for name in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("envs/python.yaml", "python=3.11", "python=3.12", "versions of Python"),
        ("envs/torch.yaml", "python=3.11", "python=3.12", "versions of Python"),
        ("envs/Dockerfile", "FROM python:3.11-", "FROM python:3.12-", "versions of Python"),
        ("envs/recinterpreter.def", "From: python:3.11-", "From: python:3.10-", "versions of Pyt"),
        ("Makefile", "--python-version 3.11", "--python-version 3.12", "versions of Python"),
        ("pyproject.toml", '"py311"', '"py312"', "versions of Python"),
        ("pyproject.toml", '">=3.11"', '">=3.12"', "requires-python refuses"),
        ("envs/torch.txt", r"==\d", "==9", "envs/torch.yaml has other pins"),
        ("envs/torch.yaml", r"torch==\d", "torch==9", "envs/torch.yaml has other pins"),
        ("envs/requirements.lock", r"numpy==\d", "numpy==9", "envs/python.yaml has other pins"),
        ("envs/python.yaml", r"numpy==\d", "numpy==9", "envs/python.yaml has other pins"),
        ("envs/torch.yaml", r" +- numpy==.*\n", "", "envs/torch.yaml has other pins"),
        ("envs/requirements.lock", r"(numpy==\S+) .*\n.*", r"\1", "without a hash: ['numpy"),
        ("envs/requirements.lock", r"numpy==\d", "numpy==0", "wants numpy>=2.0, pinned is 0."),
        ("envs/torch.txt", r"==\d", "==1", "wants torch>=2.6, pinned is 1."),
        ("pyproject.toml", '"numpy>=2.0"', '"numpy>=9.0"', "wants numpy>=9.0"),
        ("pyproject.toml", '"numpy>=2.0"', '"newcomer"', "wants newcomer, pinned is None"),
        ("pyproject.toml", "hatchling==1.", "hatchling==2.", "wants hatchling==2."),
        ("envs/Dockerfile", "--require-hashes ", "", "envs/Dockerfile installs"),
        ("envs/recinterpreter.def", "--require-hashes ", "", "envs/recinterpreter.def installs"),
        ("Makefile", "--require-hashes ", "", "envs/Dockerfile installs"),
        ("envs/Dockerfile", "--requirement envs/torch.txt", "torch", "envs/Dockerfile installs"),
    ],
)
def test_a_change_in_one_place_is_seen(
    checkout: Path, file: str, old: str, new: str, told: str
) -> None:
    before = read(checkout, file)
    after = re.sub(old, new, before, count=1)
    assert after != before
    (checkout / file).write_text(after, encoding="utf-8")
    assert told in " ".join(differences(checkout))


def test_the_conda_files_are_written_from_the_pins(checkout: Path) -> None:
    for name in ("python", "torch"):
        (checkout / f"envs/{name}.yaml").unlink()
    subprocess.run([sys.executable, checkout / "envs/pin_conda.py"], check=True)
    assert differences(checkout) == []
    for name in ("envs/python.yaml", "envs/torch.yaml"):
        assert read(checkout, name) == read(ROOT, name)


@pytest.mark.parametrize("recipe", ["Dockerfile", "recinterpreter.def"])
def test_a_container_holds_all_that_the_workflow_needs(recipe: str) -> None:
    text = read(ROOT, f"envs/{recipe}")
    copied = " ".join(re.findall(r"^(?:COPY|    \S+ /opt).*", text, re.MULTILINE))
    for part in ("Snakefile", "config.yaml", "rules", "profiles", "src", "tests/artefacts"):
        assert (ROOT / part).exists()
        assert part in copied
    for part in ("workflow", "pyproject.toml", "README.md", "LICENSE"):
        assert part in copied


# --- which environment a rule names --------------------------------------------------------------

RULE = re.compile(
    r"^ *(?:rule|checkpoint) (\w+):$(.*?)(?=^ *(?:use rule|rule|checkpoint) |\Z)", re.M | re.S
)


def rules() -> dict[str, tuple[str, str, Path]]:
    """Stage, kind of environment, and file of every rule that runs a stage."""
    found = {}
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for name, body in RULE.findall(file.read_text(encoding="utf-8")):
            stages = re.findall(r"recinterpreter\.stages\.(\w+)", body)
            kinds = re.findall(r'conda:\s+"\.\./envs/(\w+)\.yaml"', body)
            assert len(stages) == len(kinds) == 1, f"{name}: wanted one stage and one environment"
            found[name] = (stages[0], kinds[0], file)
    return found


def reaches_torch(stage: str) -> bool:
    """Whether a stage can load torch: by name, or by reading and writing weights with it."""
    entries = [PACKAGE / "stages" / f"{stage}.py"]
    if stage == "test_artefacts":  # it runs those
        entries += (ROOT / "tests" / "artefacts").glob("*.py")
    weights = {f"recinterpreter.checkpoint.{did}_tensors" for did in ("read", "write")}
    names = imports_of(entries)
    return "torch" in {name.partition(".")[0] for name in names} or bool(weights & names)


def test_every_rule_names_the_environment_of_its_kind() -> None:
    found = rules()
    stages = {file.stem for file in (PACKAGE / "stages").glob("[!_]*.py")}
    assert {stage for stage, _, _ in found.values()} == stages
    wrong = {
        name: f"{file.name} says {kind}.yaml"
        for name, (stage, kind, file) in found.items()
        if kind != ("torch" if reaches_torch(stage) else "python")
    }
    assert wrong == {}


@pytest.mark.parametrize(("stage", "expected"), [("train_adapter", True), ("audit_data", False)])
def test_torch_is_seen_where_it_is_loaded(stage: str, expected: bool) -> None:
    """The answer from the sources against the answer of Python."""
    program = f"import sys, recinterpreter.stages.{stage}; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert reaches_torch(stage) is expected
    assert run.stdout.strip() == str(expected)
