"""config.yaml and what overlays it, checked once before any job; every error says how to mend it.

Apart from `settings`, which stages import, so that a better message here makes no result stale.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from recinterpreter.contradictions import ABSENT, CONTRADICTIONS, Config, Keys, value_at
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings

# What the schema's terms are called in a YAML file.
_PLAIN_WORDS = {
    "Input should be ": "wanted ",
    "a valid array": "a list",
    "a valid dictionary": "a block of keys",
    "an object": "a block of keys",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a finite number": "a number that is not infinite and not NaN",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "String should match pattern": "wanted what the comment beside this key says; its pattern is",
    "List should have at least 1 item after validation, not 0": "wanted at least one entry",
}


def typed(given: Any) -> Any:
    """Give the values of `--config` the types they would have in a file.

    Snakemake leaves everything inside `--config 'split={history: 5}'` as text.
    """
    if isinstance(given, Mapping):
        return {key: typed(value) for key, value in given.items()}
    if isinstance(given, list):
        return [typed(value) for value in given]
    return yaml.safe_load(given) if isinstance(given, str) else given


def load(config: Config, files: Mapping[str, Config]) -> Settings:
    """Check a merged configuration and return it typed.

    `files` maps each configuration file to what it held, the last one winning, so that an error
    can name the file its key came from. Raises UserError with *all* that is wrong, a line each:
    file, key, what was got, what is valid.
    """
    # through JSON: lists stay lists, dates become text, and keys that are no text become text
    plain = json.loads(json.dumps(config, default=str))
    settings, wrong = None, []
    try:
        settings = Settings.model_validate_json(json.dumps(plain))
    except ValidationError as error:
        wrong = [_explain(dict(e), plain, files) for e in error.errors(include_url=False)]
    for check in CONTRADICTIONS:
        # a key that is missing or of a wrong kind has been told of above
        with suppress(KeyError, TypeError, AttributeError, ZeroDivisionError):
            for keys, message in check(plain):
                wrong.append(f"{_file_of(keys, plain, files)}: {_dotted(keys)}: {message}")
    if wrong or settings is None:
        raise UserError("the configuration cannot be used:\n  " + "\n  ".join(wrong))
    return settings


def _explain(error: dict[str, Any], config: Config, files: Mapping[str, Config]) -> str:
    keys: Keys = error["loc"]
    where = f"{_file_of(keys, config, files)}: {_dotted(keys)}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; {_nearest(keys)}valid here: {', '.join(_keys_at(keys[:-1]))}"
    if error["type"] == "missing":
        return f"{where}: missing; config.yaml as it was shipped has every key with its default"
    message, got = error["msg"], error["input"]
    for term, word in _PLAIN_WORDS.items():
        message = message.replace(term, word)
    if error["type"] in ("float_type", "int_type") and isinstance(got, str):
        message += _number_hint(got)
    # a password in an address is told to nobody
    shown = re.sub(r"//[^/\s\"]*@", "//[...]@", json.dumps(got, ensure_ascii=False))
    return f"{where}: got {shown}; {message}"


def _number_hint(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return ""
    shown = repr(int(value) if value.is_integer() else value)
    if "e" in shown:  # as YAML wants it: with a point and a sign
        mantissa, exponent = shown.split("e")
        shown = f"{mantissa}{'' if '.' in mantissa else '.0'}e{int(exponent):+d}"
    return f" (YAML reads this as text; write {shown})"


def _nearest(keys: Keys) -> str:
    """Suggest a key of the same block that is spelt alike, or the same key of other blocks."""
    name = str(keys[-1])
    close = difflib.get_close_matches(name, _keys_at(keys[:-1]), n=1)
    close = close or [key for key in _all_keys(Settings) if key.split(".")[-1] == name]
    return f"did you mean {' or '.join(repr(key) for key in close)}? " if close else ""


def _all_keys(block: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the keys of a block and of those inside; * stands for a name of the user's."""
    for name, field in block.model_fields.items():
        key, kind = prefix + (field.alias or name), field.annotation
        yield key
        if get_origin(kind) is dict:
            key, kind = f"{key}.*", get_args(kind)[1]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _all_keys(kind, f"{key}.")


def _keys_at(path: Keys) -> list[str]:
    """Names of the keys that are valid inside the block at `path`."""
    around = [str(key) for key in path]
    found = []
    for key in _all_keys(Settings):
        *block, name = key.split(".")
        if len(block) == len(around) and all(map(fnmatchcase, around, block)):
            found.append(name)
    return found


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)


def _file_of(keys: Keys, config: Config, files: Mapping[str, Config]) -> str:
    """Name the last file that sets this key as it is; a missing key belongs to its block."""
    value = value_at(config, keys)
    if value is ABSENT:
        around = [
            name for name, content in files.items() if value_at(content, keys[:-1]) is not ABSENT
        ]
        return around[0] if around else "--config"
    for name in reversed(list(files)):
        found = value_at(files[name], keys)
        if found is not ABSENT and json.dumps(found, default=str) == json.dumps(value):
            return name
    return "--config"
