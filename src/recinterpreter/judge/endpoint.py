"""A small server on this machine that speaks the protocol of OpenAI's chat completions."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, str], str]
"""(name of the model, text of the question) -> text of the reply; KeyError: no such model."""


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve on a free port of this machine alone; give the base URL, and stop at the end."""
    server = _Server(("127.0.0.1", 0), _handler(answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections that wait to be taken; beyond, they are tried again late


def completion(model: str, text: str) -> dict[str, Any]:
    """Return a chat completion that says `text`."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # headers and body leave in two writes, of which a delayed acknowledgement holds the second
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != "/v1/chat/completions":
                return self._say(404, _error(f"no such path: {self.path}"))
            try:
                asked = json.loads(body)
                model, text = asked["model"], asked["messages"][-1]["content"]
            except (ValueError, KeyError, IndexError, TypeError):
                return self._say(400, _error("wanted a JSON object with model and messages"))
            try:
                return self._say(200, completion(model, answer(model, text)))
            except KeyError as error:
                return self._say(404, _error(f"no such model: {error.args[0]}"))

        def _say(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: requests are the client's to tell of."""

    return Handler


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": None}}
