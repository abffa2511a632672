# What all rules share: the settings, checked here once, and the lists of files behind the targets.

import re
from typing import get_args

import yaml

from recinterpreter.errors import UserError
from recinterpreter.settings import (
    AdapterKind,
    Baseline,
    BaselineName,
    RecommenderName,
    Task,
    load,
)
from recinterpreter.workflow.digest import closure_digest, code_digest
from recinterpreter.workflow.inputs import (
    insist_on_files,
    is_folder,
    language_model_files,
    movielens_files,
)
from recinterpreter.workflow.summary import closing_words, failure_words


def read_settings():
    """Check the merged configuration; what each file itself holds lets an error name the file."""
    texts = {os.path.relpath(name): Path(name).read_text() for name in workflow.configfiles}
    try:
        settings = load(config, {name: yaml.safe_load(text) or {} for name, text in texts.items()})
        insist_on_files(settings)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return settings


SETTINGS = read_settings()

# A job asks for the GPU where there is one; profiles/default lets one such job run at a time.
# Where there is none, jobs run side by side, for each needs a single core.
GPU = int(Path("/dev/nvidiactl").exists() and os.getenv("CUDA_VISIBLE_DEVICES") != "")


wildcard_constraints:
    dataset=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    recommender="|".join(get_args(RecommenderName)),
    baseline="|".join(get_args(BaselineName)),
    seed=r"\d+",
    llm=re.escape(SETTINGS.llm.slug),
    task="|".join(get_args(Task)),
    adapter="|".join(get_args(AdapterKind)),
    source="|".join(SETTINGS.sources),


def every(pattern, **fixed):
    """Fill the wildcards of a path with all that the settings name, but for those fixed."""
    named = {
        "dataset": SETTINGS.datasets,
        "recommender": SETTINGS.recommenders.names,
        "baseline": SETTINGS.recommenders.baselines,
        "seed": SETTINGS.recommenders.seeds,
        "llm": SETTINGS.llm.slug,
        "task": SETTINGS.adapter.tasks,
        "adapter": SETTINGS.adapter.kinds,
        "source": SETTINGS.sources,
    }
    return expand(pattern, **{**named, **fixed})
