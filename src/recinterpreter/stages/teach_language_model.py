"""Make the embedded LLM and teach it on the catalogue; its inputs hold no interaction."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, replacing
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.device import pick
from recinterpreter.language_model.causal import LanguageModel, hush
from recinterpreter.language_model.embedded import make_model, make_tokenizer
from recinterpreter.language_model.prompts import phrases
from recinterpreter.language_model.teaching import Lesson, teach
from recinterpreter.partial import partial_name
from recinterpreter.settings.language_model import Teaching
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")

NOTED_EVERY = 50  # steps


def teach_language_model(
    *,
    settings: Teaching,
    items: InputPath,
    model_config: OutputPath,
    weights: OutputPath,
    tokenizer: OutputPath,
    tokenizer_config: OutputPath,
    steps: OutputPath,
    progress: Progress,
) -> None:
    """Make a tokenizer and a small LLaMA from the titles; teach it to read its slot."""
    titles = list(dict.fromkeys(tables.read(items, schemas.ITEMS, ["title"])["title"].to_pylist()))
    words = make_tokenizer(titles, phrases(settings.domain), settings.embedded.vocabulary)
    model = make_model(settings.embedded, words).to(pick())
    llm = LanguageModel(model, words)
    logger.info("a LLaMA of %d parameters, %d titles", model.num_parameters(), len(titles))
    lessons = teach(llm, titles, settings.domain, settings.embedded, progress)
    rows: list[dict[str, Any]] = []
    recent: list[Lesson] = []
    ticker = None
    for lesson in lessons:
        ticker = ticker or Ticker("step", settings.embedded.steps, lesson.step - 1)
        recent.append(lesson)
        if lesson.step % NOTED_EVERY == 0 or lesson.step == settings.embedded.steps:
            rows += _rows(recent)
            recent = []
            ticker.tick(lesson.step, **{row["metric"]: row["value"] for row in rows[-4:]})
    tables.write_rows(steps, rows, schemas.STEPS)
    _save(llm, [model_config, weights, tokenizer, tokenizer_config])
    progress.clear()


def _rows(lessons: list[Lesson]) -> list[dict[str, Any]]:
    """Average loss and accuracy per task over some steps, as rows of STEPS."""
    rows = []
    for task in sorted({lesson.task for lesson in lessons}):
        of_task = [lesson for lesson in lessons if lesson.task == task]
        for metric in ("loss", "accuracy"):
            value = sum(getattr(lesson, metric) for lesson in of_task) / len(of_task)
            place = {"step": lessons[-1].step, "epoch": 0, "seconds": 0.0}
            rows.append({**place, "metric": f"{task} {metric}", "value": value})
    return rows


def _save(llm: LanguageModel, outputs: list[Path]) -> None:
    """Save model and tokenizer as transformers does, each file moved into place when whole."""
    hush()
    llm.model.cpu()
    folder = partial_name(outputs[0].parent / "saved")
    try:
        llm.model.save_pretrained(folder)
        llm.tokenizer.save_pretrained(folder)
        for output in outputs:
            with replacing(output) as partial:
                shutil.move(folder / output.name, partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    command(teach_language_model)
