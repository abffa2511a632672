"""Where judges are reached, and the key to them, which is read from the environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from recinterpreter.errors import UserError
from recinterpreter.settings.evidence import JudgeEndpoint

KEY, URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
_SECRET = 8  # characters; what is shorter is a placeholder, such as servers at home are given


@dataclass(frozen=True)
class Endpoint:
    """Where judges are asked; origin: what keys and tables call it.

    api_key: None for an endpoint that wants none; local: on this machine and started by us, so that
    no proxy of the user's stands before it.
    """

    base_url: str
    origin: str
    api_key: str | None = field(default=None, repr=False)
    local: bool = False

    def safe(self, text: str) -> str:
        """Return a text from outside, which may repeat the key, without it and as valid UTF-8."""
        valid = text.encode("utf-8", "replace").decode("utf-8")
        secret = self.api_key or ""
        return valid.replace(secret, "[key]") if len(secret) >= _SECRET else valid


def given_endpoint(setting: str, environment: Mapping[str, str]) -> Endpoint:
    """Return the endpoint of the setting judge.endpoint: a URL, or `environment`.

    Raises UserError, which repeats neither key nor address, where one of them cannot be used.
    """
    url = setting
    if setting == "environment":
        url = environment.get(URL, "").strip()
        try:
            TypeAdapter(JudgeEndpoint).validate_python(url)
        except ValidationError:
            url = ""
        if not url.startswith("http"):
            raise UserError(
                f"judge.endpoint is environment, and the variable {URL} holds no usable address; "
                f"wanted one such as https://host/v1, without name and password: export {URL}=..."
            )
    key = environment.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"the variable {KEY} holds more than a key; wanted one word without blanks")
    parts = urlsplit(url)
    return Endpoint(url, f"{parts.netloc}{parts.path}".rstrip("/"), key or None)
