"""The planted judge over the real client: what he knows, and how he is misled by places."""

import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from recinterpreter.data.demo import FOLLOWS
from recinterpreter.judge.cases import picked
from recinterpreter.judge.endpoint import serving
from recinterpreter.judge.planted import PlantedJudge
from recinterpreter.judge.prompts import question, read_question

TITLES = {i: f"Film {chr(64 + i)}" for i in range(1, 7)}
# two kinds of people: one for films A to C, one for D to F
TASTES = np.array([[0.3, 0.3, 0.3, 0.04, 0.03, 0.03], [0.03, 0.03, 0.04, 0.3, 0.3, 0.3]])


def judge(bias: float = 0.0, follows: np.ndarray | None = None) -> PlantedJudge:
    nothing = np.zeros((6, 6)) if follows is None else follows
    return PlantedJudge(TITLES, TASTES, nothing, bias)


def choice(of: PlantedJudge, history: list[str], options: list[str]) -> str:
    place = picked(of.answer(question("movies", history, options)), options, history)
    assert place is not None
    return options[place]


def test_he_tells_tastes_from_the_history():
    assert choice(judge(), ["Film A", "Film B"], ["Film D", "Film C"]) == "Film C"
    assert choice(judge(), ["Film E", "Film F"], ["Film D", "Film C"]) == "Film D"
    # titles he does not know say nothing, and are worth nothing
    assert choice(judge(), ["Film E", "Nonsense"], ["Nonsense", "film a"]) == "film a"


def test_he_knows_what_follows_the_last_item():
    follows = np.zeros((6, 6))
    follows[1, 4] = 1.0
    assert FOLLOWS > 0.5
    assert choice(judge(follows=follows), ["Film A", "Film B"], ["Film C", "Film E"]) == "Film E"
    assert choice(judge(follows=follows), ["Film B", "Film A"], ["Film C", "Film E"]) == "Film C"


def test_bias_takes_the_first_option_as_often_as_planted():
    history = [["Film A", f"Unknown {i}"] for i in range(2000)]
    shown = ["Film D", "Film B"]
    share = np.mean([choice(judge(0.3), h, shown) == "Film D" for h in history])
    assert share == pytest.approx(0.3, abs=0.04)
    replies = [judge(0.3).answer(question("movies", h, shown)) for h in history[:50]]
    assert replies == [judge(0.3).answer(question("movies", h, shown)) for h in history[:50]]


def post(url: str, body: bytes) -> tuple[int, dict]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_endpoint_speaks_the_protocol_and_is_gone_afterwards():
    def answer(model: str, text: str) -> str:
        return {"one": read_question(text)[1][0]}[model]

    asked = question("movies", ["A"], ["B", "C"])
    message = {"model": "one", "messages": [{"role": "user", "content": asked}]}
    with serving(answer) as url:
        status, body = post(f"{url}/chat/completions", json.dumps(message).encode())
        assert (status, body["choices"][0]["message"]["content"]) == (200, "B")
        status, body = post(
            f"{url}/chat/completions", json.dumps(message | {"model": "x"}).encode()
        )
        assert (status, body["error"]["message"]) == (404, "no such model: x")
        for broken in (b"", b"[]", b'{"model": "one"}'):
            assert post(f"{url}/chat/completions", broken)[0] == 400
        assert post(f"{url}/else", b"{}")[0] == 404
    with pytest.raises(urllib.error.URLError):
        post(f"{url}/chat/completions", b"{}")
