"""The profile for Slurm knows every rule that computes on a GPU, and no other place a partition."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())


def rules_on_gpus() -> set[str]:
    """Rules whose own resources hold `gpu`, and those that are made of one of them."""
    text = "\n".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
    blocks = re.findall(r"^ *rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    asking = {name for name, block in blocks if re.search(r"\bgpu=", block)}
    # in the order of the files, so that what a rule is made of is known by then
    for base, name in re.findall(r"^ *use rule (\w+) as (\w+) with", text, re.MULTILINE):
        asking |= {name} if base in asking else set()
    return asking


def test_every_rule_that_asks_for_a_gpu_goes_where_there_are_some() -> None:
    wanted = rules_on_gpus()
    assert {"train_adapter", "answer_oracle_items"} < wanted
    placed = PROFILE["set-resources"]
    assert set(placed) == wanted
    assert {resources["slurm_partition"] for resources in placed.values()} == {"gpu"}
    assert PROFILE["default-resources"]["slurm_partition"] == "cpu"


def test_jobs_are_not_bound_by_what_the_submitting_host_has() -> None:
    assert PROFILE["executor"] == "slurm"
    assert not {"cores", "resources"} & set(PROFILE)


@pytest.mark.parametrize("key", ["rerun-incomplete", "nolock", "max-checksum-file-size", "quiet"])
def test_what_holds_on_any_machine_is_that_of_the_default_profile(key: str) -> None:
    default = yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text())
    assert PROFILE[key] == default[key]


def test_no_rule_names_a_partition() -> None:
    for file in [ROOT / "Snakefile", ROOT / "config.yaml", *(ROOT / "rules").glob("*.smk")]:
        assert "partition" not in file.read_text(), file
