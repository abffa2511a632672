"""A server that speaks the judges' protocol and fails in every way that a seed can draw."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from recinterpreter.judge.endpoint import completion
from recinterpreter.judge.prompts import read_question

KEY = "sk-secret-0123456789"
STALLS = 1.5  # seconds
FAULTS = {
    "drop": 0.3,
    "429": 0.05,
    "500": 0.05,
    "stall": 0.03,
    "garbage": 0.04,
    "truncated": 0.04,
    "cut off": 0.04,
    "another shape": 0.04,
}


class FaultyServer:
    """Counts what it was asked, and what it answered well, by (model, prompt)."""

    def __init__(
        self,
        faults: dict[str, float],
        reply: Callable[[str, str], str | tuple],
        seconds: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.asked: Counter = Counter()
        self.answered: Counter = Counter()
        self.failed: Counter = Counter()
        self.keys: set = set()
        self.patience = 0.02  # seconds that it asks for when it is asked too often
        self.at_once = self.most_at_once = 0
        self._faults, self._reply, self._seconds = faults, reply, seconds
        self._random, self._lock = random.Random(seed), threading.Lock()

    def fault(self) -> str | None:
        with self._lock:
            drawn = self._random.random()
        for name, share in self._faults.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    def enter(self, step: int) -> None:
        with self._lock:
            self.at_once += step
            self.most_at_once = max(self.most_at_once, self.at_once)


def first_option(model: str, prompt: str) -> str:
    return read_question(prompt)[1][0]


@contextmanager
def faulty(
    faults: dict[str, float] | None = None,
    reply: Callable[[str, str], str | tuple] = first_option,
    seconds: float = 0.0,
) -> Iterator[tuple[str, FaultyServer]]:
    """Serve; give the base URL and the counts. A reply that is (status, text, code) is an error."""
    state = FaultyServer(faults or {}, reply, seconds)
    server = _Server(("127.0.0.1", 0), _handler(state))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", state
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed."""


def _handler(state: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            state.enter(1)
            try:
                self._answer()
            finally:
                state.enter(-1)

        def _answer(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model, prompt = asked["model"], asked["messages"][0]["content"]
            state.keys.add(self.headers["Authorization"])
            state.asked[model, prompt] += 1
            time.sleep(state._seconds)
            if fault := state.fault():
                state.failed[fault] += 1
                return self._fail(fault, model)
            said = state._reply(model, prompt)
            if isinstance(said, tuple):
                status, *told = said
                error = dict(zip(("message", "code"), told, strict=False))
                return self._send(status, json.dumps({"error": error}))
            # counted before it leaves: the client may be dead by then
            state.answered[model, prompt] += 1
            return self._send(200, json.dumps(completion(model, said)))

        def _fail(self, fault: str, model: str) -> None:
            whole = json.dumps(completion(model, "nobody reads this"))
            if fault == "429":
                self._send(
                    429, '{"error": {"message": "slowly"}}', {"Retry-After": str(state.patience)}
                )
            elif fault == "500":
                self._send(500, "<html>broken</html>")
            elif fault == "garbage":
                self._send(200, "<html>no such thing</html>", {"Content-Type": "text/html"})
            elif fault == "truncated":
                self._send(200, whole[: len(whole) // 2])
            elif fault == "cut off":
                self._send(200, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
                self.close_connection = True
            elif fault == "another shape":
                self._send(200, '{"choices": [{"text": "a"}]}')
            else:
                if fault == "stall":
                    time.sleep(STALLS)
                self.close_connection = True

        def _send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in (given | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
