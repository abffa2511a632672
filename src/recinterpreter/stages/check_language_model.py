"""Say what the LLM is, and which titles its tokenizer cannot spell."""

from __future__ import annotations

import logging

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.language_model.loading import load
from recinterpreter.settings.language_model import Loading, Running

logger = logging.getLogger("recinterpreter")


def check_language_model(
    *,
    settings: Loading,
    items: InputPath,
    llm: str,
    running: Running,
    titles: OutputPath,
    facts: OutputPath,
) -> None:
    """Send every title through the tokenizer and back; describe the model."""
    catalogue = tables.read(items, schemas.ITEMS)
    model = load(llm, settings, running)
    rows = []
    for item, title in zip(*(catalogue[c].to_pylist() for c in ("item_id", "title")), strict=True):
        spelled = model.spell(title).strip()
        rows.append(
            {
                "item_id": item,
                "title": title,
                "spelled": spelled,
                "n_tokens": len(model.tokens(title)),
                "spells": spelled == title,
            }
        )
    unspelled = sum(not row["spells"] for row in rows)
    if unspelled:
        example = next(row for row in rows if not row["spells"])
        logger.warning(
            "the tokenizer of %s cannot spell %d of %d titles, such as %r (it gives %r): "
            "answers that should name them cannot be right",
            *(llm, unspelled, len(rows), example["title"], example["spelled"]),
        )
    write_json(facts, {**model.facts(), "titles": len(rows), "unspelled": unspelled})
    tables.write_rows(titles, rows, schemas.TITLES)


if __name__ == "__main__":
    command(check_language_model)
