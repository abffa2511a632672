"""A frozen LLM of the hub: what goes wrong there is explained, and no token is told."""

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from language_models import LOADING, RUNNING

from recinterpreter.errors import UserError
from recinterpreter.language_model.loading import load

SECRET = "hf_averysecrettokenofnobody"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A hub on this machine that answers as told and notes who asks."""
    told: dict[str, Any] = {"status": 404, "reason": "", "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told["asked"].append(self.headers.get("Authorization"))
            self.send_response(told["status"])
            self.send_header("X-Error-Code", told["reason"])
            self.send_header("X-Error-Message", f"no, {self.headers.get('Authorization')}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    told["url"] = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr(constants, "ENDPOINT", told["url"])
    template = told["url"] + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield told
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "reason", "named"),
    [
        (401, "GatedRepo", "it is gated and this machine may not read it; .*export HF_TOKEN="),
        (403, "GatedRepo", "it is gated and this machine may not read it; .*export HF_TOKEN="),
        (404, "RepoNotFound", "no such model on the hub, or it is a private one; check the name"),
        (404, "RevisionNotFound", r"it has no such llm\.revision"),
        (400, "", "hub cannot be reached"),
    ],
)
def test_a_hub_that_refuses_is_explained_and_no_token_told(
    hub: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    status: int,
    reason: str,
    named: str,
) -> None:
    hub |= {"status": status, "reason": reason}
    with caplog.at_level(logging.INFO), pytest.raises(UserError, match=named) as caught:
        load("someone/model", LOADING, RUNNING)
    # it was given to the hub, which here even repeats it, and to nobody else
    assert f"Bearer {SECRET}" in hub["asked"]
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text
    assert not any(SECRET in text for text in capfd.readouterr())


def test_a_hub_out_of_reach_is_explained(
    hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="hub cannot be reached and the model is not in its cache"):
        load("someone/model", LOADING, RUNNING)
    assert hub["asked"] == []
