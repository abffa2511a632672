"""Answer one task for one recommender: every source of states, by one path."""

from __future__ import annotations

import logging

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json, read_tensors
from recinterpreter.command import InputPath, InputPaths, OutputPaths, command
from recinterpreter.errors import UserError
from recinterpreter.interpretation.answering import Interview
from recinterpreter.interpretation.shown import read_states
from recinterpreter.language_model.adapters import rebuild
from recinterpreter.language_model.grammar import GRAMMARS
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates
from recinterpreter.settings.answers import Answering
from recinterpreter.settings.language_model import Running
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def answer(
    *,
    settings: Answering,
    config: InputPath,
    weights: InputPath,
    selected: InputPaths,
    items: InputPath,
    llm: str,
    running: Running,
    answers: OutputPaths,
) -> None:
    """Ask the first phrasing of the task about every selected state; decoding is greedy."""
    if len(selected) != len(answers):
        raise UserError(f"{len(selected)} tables of states for {len(answers)} of answers")
    model = load(llm, settings.loading, running)
    adapter = rebuild(read_json(config), read_tensors(weights)).to(model.device)
    template = templates(settings.task, settings.domain)[0]
    grammar = None
    if settings.decoding == "catalogue":
        titles = tables.read(items, schemas.ITEMS, ["title"])["title"].to_pylist()
        grammar = GRAMMARS[settings.task](model, template, titles)
    interview = Interview(
        adapter, model, template, settings.batch_size, settings.max_new_tokens, grammar
    )
    for source, target in zip(selected, answers, strict=True):
        noted = tables.metadata(source)
        states = read_states(source, settings.task)
        ticker = Ticker(f"{noted['source']}: answer", len(states))
        for done in interview.ask(states):
            ticker.tick(done)
        rows = interview.rows(states)
        logger.info("%s, for instance: %s", noted["source"], rows[0]["text"])
        metadata = {
            "recommender": noted["recommender"],
            "seed": noted["seed"],
            "task": settings.task,
            "adapter": settings.adapter,
            "source": noted["source"],
            "decoding": settings.decoding,
            "answer_prefix": template.prefix,
            "answer_suffix": template.suffix,
        }
        tables.write_rows(target, rows, schemas.ANSWERS, metadata)


if __name__ == "__main__":
    command(answer)
