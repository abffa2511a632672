"""Every preset would run, alone and under an overlay of one's own, and every target of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))
# those that every preset has; `search` and `judge` ask for what some do not
TARGETS = [
    "recommenders",
    "states",
    "oracle",
    "language_model",
    "adapters",
    "answers",
    "scores",
    "report",
]
NAMED = {preset.stem: preset for preset in PRESETS}


def config_of(name: str) -> dict:
    return yaml.safe_load(NAMED[name].read_text(encoding="utf-8"))


def keys_of(config: dict, before: str = "") -> set[str]:
    blocks = {f"{before}{key}": value for key, value in config.items()}
    inner = [keys_of(v, f"{k}.") for k, v in blocks.items() if isinstance(v, dict)]
    return {k for k, v in blocks.items() if not isinstance(v, dict)}.union(*inner)


def relative(preset: Path) -> str:
    return str(preset.relative_to(ROOT))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_every_preset_and_all_its_targets_would_run(fresh, preset):
    stale = fresh.stale("all", *TARGETS, "--configfile", relative(preset))
    assert stale["train_recommender"] >= 4
    assert {"train_adapter", "answer", "test_artefacts", "write_report"} <= set(stale)


def test_an_overlay_of_ones_own_lies_over_a_preset(fresh):
    """Two files in a row: the last one wins, key by key."""
    mine = fresh.folder / "mine.yaml"
    mine.write_text(
        "recommenders: {names: [sasrec], search: {names: [sasrec]}}\njudge: {endpoint: null}\n"
    )
    stale = fresh.stale("--configfile", relative(NAMED["paper"]), "mine.yaml")
    assert stale["try_recipe"] == 2 * 20
    assert "ask_judges" not in stale
    assert stale["download_source"] == 3
    # SASRec and the one untrained, two tasks, two data sets
    assert stale["train_adapter"] == 2 * 2 * 2


def test_the_paper_is_all_there(fresh):
    stale = fresh.stale("search", "judge", "all", "--configfile", relative(NAMED["paper"]))
    assert stale["try_recipe"] == 2 * 4 * 20
    assert stale["select_recipe"] == 2 * 4
    assert stale["train_adapter"] == 2 * 5 * 2
    assert stale["generate_oracle_items"] == stale["name_oracle_items"] == 2
    assert stale["ask_judges"] == 2
    assert "teach_language_model" not in stale


@pytest.mark.parametrize("name", ["paper", "ml-100k"])
def test_the_start_of_a_preset_never_waits_for_torch(fresh, name):
    program = (
        "import sys\nfrom snakemake.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print('ended', end.code)\n"
        # pyarrow is Snakemake's: it loads pandas where there is one, and pandas loads that
        "heavy = {'torch', 'transformers', 'tokenizers', 'polars', 'sklearn', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = fresh.command("--dry-run", "--configfile", relative(NAMED[name]))
    run = subprocess.run(
        [sys.executable, "-c", program, *command[3:]],
        cwd=fresh.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ended 0" in run.stdout
    assert run.stdout.splitlines()[-1] == "[]"


def test_the_legacy_preset_says_all_that_the_paper_s_says():
    """So it stands alone, and differs in nothing that it does not name."""
    missing = keys_of(config_of("paper")) - keys_of(config_of("paper-legacy"))
    assert missing == set()


@pytest.mark.parametrize("name", ["paper", "paper-legacy", "small-llm"])
def test_a_model_of_the_hub_is_pinned_to_a_commit(name):
    assert re.fullmatch(r"[0-9a-f]{40}", config_of(name)["llm"]["revision"])


def test_the_readme_lists_every_preset():
    listed = set(
        re.findall(r"^\| `([a-z0-9-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert set(NAMED) <= listed
