"""Judges asked over a server that fails: nothing lost, nothing twice, no key anywhere."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from judge_server import FAULTS, KEY, STALLS, faulty

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.judge.access import Endpoint, given_endpoint
from recinterpreter.judge.client import Question, ask, question
from recinterpreter.judge.prompts import question as prompt_of
from recinterpreter.judge.replies import Replies
from recinterpreter.settings.evidence import Judging, JudgingPace

MODELS = ["one", "two"]
TITLES = ["Alien", "Brazil", "Casablanca"]


def pace(**given) -> JudgingPace:
    usual = {"concurrency": 8, "attempts": 60, "backoff": 0.01, "timeout": 20.0}
    return JudgingPace(**{**usual, "most_requests": None, **given})


def judging(endpoint: str = "environment", models: list[str] = MODELS) -> Judging:
    return Judging(domain="movies", endpoint=endpoint, models=models, temperature=0.0, max_tokens=9)


def asked_of(endpoint: Endpoint, count: int = 20, models: list[str] = MODELS) -> list[Question]:
    prompts = [prompt_of("movies", [f"Film {i}"], TITLES) for i in range(count)]
    return [question(endpoint, judging(), m, prompt) for m in models for prompt in prompts]


def put(endpoint, path, pace=pace(), **which):  # noqa: B008 - frozen
    questions = asked_of(endpoint, **which)
    replies = Replies(path)
    ask(questions, replies, endpoint, judging(), pace)
    return questions, replies


def test_a_failing_server_answers_everything_once(tmp_path):
    with faulty(FAULTS) as (url, server):
        endpoint = Endpoint(url, "here", KEY, local=True)
        impatient = pace(timeout=STALLS / 2)
        questions, replies = put(endpoint, tmp_path / "r.jsonl", impatient, count=40)
        assert set(server.failed) == set(FAULTS), "a fault was never tried"
        assert set(server.answered) == {(q.model, q.prompt) for q in questions}
        assert set(server.answered.values()) == {1}
        assert server.keys == {f"Bearer {KEY}"}
        assert 2 <= server.most_at_once <= 8 + 8  # a stalled one may still be at it
        assert {replies[q.key].text for q in questions} == {"Alien"}
        before = server.asked.total()
        put(endpoint, tmp_path / "r.jsonl", count=40)
        assert server.asked.total() == before


def test_no_more_requests_at_a_time_than_allowed(tmp_path):
    with faulty(seconds=0.02) as (url, server):
        put(Endpoint(url, "here", local=True), tmp_path / "r.jsonl", pace(concurrency=3))
        assert server.most_at_once == 3


def test_equal_questions_are_asked_once(tmp_path):
    with faulty() as (url, server):
        endpoint = Endpoint(url, "here", local=True)
        questions = asked_of(endpoint, 3) * 5
        ask(questions, Replies(tmp_path / "r.jsonl"), endpoint, judging(), pace())
        assert server.asked.total() == 6


def test_what_a_reply_depends_on_is_in_its_key():
    endpoint, other = Endpoint("http://x/v1", "x/v1"), Endpoint("http://y/v1", "y/v1")
    keys = {
        question(e, judging().model_copy(update=given), model, prompt).key
        for e in (endpoint, other)
        for model in MODELS
        for prompt in ("a", "b")
        for given in ({}, {"temperature": 1.0}, {"max_tokens": None})
    }
    assert len(keys) == 24
    again = Endpoint("http://x/v1", "x/v1", KEY, local=True)
    assert question(again, judging(), "m", "p") == question(endpoint, judging(), "m", "p")


def test_the_budget_stops_and_the_next_run_goes_on(tmp_path):
    path = tmp_path / "r.jsonl"
    with faulty({"500": 0.3}) as (url, server):
        endpoint = Endpoint(url, "here", local=True)
        for spent in (15, 30):
            with pytest.raises(UserError, match=r"all 15 requests of judge\.most_requests"):
                put(endpoint, path, pace(most_requests=15))
            assert server.asked.total() == spent
            # all that was answered is kept
            assert len(path.read_text().splitlines()) == server.answered.total()
        questions, replies = put(endpoint, path)
        assert all(q.key in replies for q in questions)
        assert set(server.answered.values()) == {1}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_ends_the_run_at_once_and_is_not_told(tmp_path, status):
    with faulty(reply=lambda m, p: (status, f"your key is {KEY}, it is wrong")) as (url, server):
        with pytest.raises(UserError, match=f"nothing: Error code: {status} - your key is") as told:
            put(Endpoint(url, "here", KEY, local=True), tmp_path / "r.jsonl")
        assert server.asked.total() == 1
    assert KEY not in str(told.value)
    assert "OPENAI_API_KEY" in str(told.value)
    assert "0 of 40 replies are kept" in str(told.value)


def test_a_used_up_account_is_not_waited_for(tmp_path):
    body = (429, "You exceeded your current quota", "insufficient_quota")
    with faulty(reply=lambda m, p: body) as (url, server):
        with pytest.raises(UserError, match=r"lets us ask nothing: .*You exceeded your current"):
            put(Endpoint(url, "here", local=True), tmp_path / "r.jsonl")
        assert server.asked.total() == 1


def test_a_server_that_stays_broken_ends_the_run(tmp_path):
    with faulty({"500": 1.0}) as (url, server):
        with pytest.raises(UserError, match=r"to a question in 3 attempts .*, the last time: "):
            put(Endpoint(url, "here", local=True), tmp_path / "r.jsonl", pace(attempts=3))
        assert server.asked.total() == 3


def test_a_server_may_ask_for_patience(tmp_path):
    once = iter(["429"])
    with faulty() as (url, server):
        server.fault, server.patience = lambda: next(once, None), 0.5
        started = time.monotonic()
        put(Endpoint(url, "here", local=True), tmp_path / "r.jsonl", count=1)
        assert time.monotonic() - started >= 0.5


def test_a_server_that_refuses_everything_is_asked_three_times(tmp_path):
    with faulty(reply=lambda m, p: (400, "max_tokens is not supported")) as (url, server):
        with pytest.raises(UserError, match=r"one refuses every question: .* - max_tokens"):
            put(Endpoint(url, "here", local=True), tmp_path / "r.jsonl")
        assert server.asked.total() == 3
    assert not (tmp_path / "r.jsonl").exists()


def test_a_single_refused_question_is_kept_as_such_and_not_asked_again(tmp_path):
    def touchy(model, prompt):
        return (400, "that is filtered") if '"Film 0"' in prompt else "Brazil"

    with faulty(reply=touchy) as (url, server):
        endpoint = Endpoint(url, "here", local=True)
        for _ in range(2):
            questions, replies = put(endpoint, tmp_path / "r.jsonl")
            assert server.asked.total() == 40
        refused = [q for q in questions if replies[q.key].refused]
        assert ['"Film 0"' in q.prompt for q in refused] == [True, True]


def test_no_server_at_all_is_told(tmp_path):
    endpoint = Endpoint("http://127.0.0.1:9/v1", "here", local=True)
    with pytest.raises(UserError, match=r"in 2 attempts.*the last time: APIConnectionError"):
        put(endpoint, tmp_path / "r.jsonl", pace(attempts=2))


def test_a_reply_that_repeats_the_key_is_kept_without_it(tmp_path):
    with faulty(reply=lambda m, p: f"Alien \udcff {KEY}") as (url, _):
        questions, replies = put(Endpoint(url, "here", KEY, local=True), tmp_path / "r.jsonl")
    assert replies[questions[0].key].text == "Alien ? [key]"
    assert KEY not in (tmp_path / "r.jsonl").read_text()


def test_key_and_address_come_from_the_environment():
    found = given_endpoint("environment", {"OPENAI_BASE_URL": "https://a.b/v1/"})
    assert (found.base_url, found.origin, found.api_key) == ("https://a.b/v1/", "a.b/v1", None)
    found = given_endpoint("http://c:8000/v1", {"OPENAI_API_KEY": f"{KEY}\n"})
    assert (found.origin, found.api_key) == ("c:8000/v1", KEY)
    assert KEY not in repr(found)


@pytest.mark.parametrize("url", ["", "ftp://x", "https://me:secret@x/v1", "planted", "x y"])
def test_an_address_that_cannot_be_used_is_not_repeated(url):
    with pytest.raises(UserError, match="OPENAI_BASE_URL holds no usable address") as told:
        given_endpoint("environment", {"OPENAI_BASE_URL": url})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "sk-ключ"])
def test_a_key_that_cannot_be_used_is_not_repeated(key):
    with pytest.raises(UserError, match="more than a key") as told:
        given_endpoint("https://x/v1", {"OPENAI_API_KEY": key})
    assert key not in str(told.value)


def test_a_torn_line_is_dropped_and_a_broken_one_named(tmp_path):
    with faulty() as (url, _):
        endpoint = Endpoint(url, "here", local=True)
        put(endpoint, tmp_path / "r.jsonl", count=2)
    whole = (tmp_path / "r.jsonl").read_bytes()
    (tmp_path / "r.jsonl").write_bytes(whole + b'{"key": "abc", "te')
    assert "abc" not in Replies(tmp_path / "r.jsonl")
    assert (tmp_path / "r.jsonl").read_bytes() == whole
    (tmp_path / "r.jsonl").write_bytes(b"nonsense\n" + whole)
    with pytest.raises(UserError, match=r"r\.jsonl, line 1: not a reply"):
        Replies(tmp_path / "r.jsonl")


def cases(path: Path, count: int) -> None:
    rows = [
        {"case_id": i, "seed": 0, "adapter": "conv_linear", "example_id": i, "user_id": i}
        | {"history": [f"Film {i}"], "titles": TITLES}
        | {"offered_by": ["random", "sasrec", "dreamrec"]}
        for i in range(1, count + 1)
    ]
    tables.write_rows(path, rows, schemas.JUDGE_CASES)


def test_a_killed_run_goes_on_and_the_key_is_nowhere(tmp_path):
    """kill -9 in the middle; what was kept is not asked again; all files and logs are searched."""
    cases(tmp_path / "cases.parquet", 30)
    kept = tmp_path / "work" / "replies.jsonl"
    with faulty({"drop": 0.2}, seconds=0.03) as (url, server):
        command = [
            *(sys.executable, "-m", "recinterpreter.stages.ask_judges"),
            *("--settings", judging(models=["one"]).as_json()),
            *("--pace", pace(concurrency=4).as_json(), "--cases", str(tmp_path / "cases.parquet")),
            *("--planted", "--replies", str(kept), "--log", str(tmp_path / "logs" / "a.log")),
            *("--judgements", str(tmp_path / "judgements.parquet")),
        ]
        secret = {**os.environ, "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
        first = subprocess.Popen(command, env=secret, stderr=subprocess.PIPE)
        until = time.monotonic() + 60
        while not kept.exists() or len(kept.read_bytes().splitlines()) < 30:
            assert time.monotonic() < until
            assert first.poll() is None, first.communicate()
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        told = first.communicate()[1]
        assert not (tmp_path / "judgements.parquet").exists()
        while server.at_once:
            time.sleep(0.01)
        whole = len([line for line in kept.read_bytes().split(b"\n")[:-1] if line])
        assert whole < 90
        with open(kept, "ab") as file:  # and the death tore a line
            file.write(b'{"key": "dead')
        answered, asked = server.answered.total(), server.asked.total()
        second = subprocess.run(command, env=secret, capture_output=True, check=False)
        assert second.returncode == 0, second.stderr
        # what was under way when it died may come twice, what was kept may not
        again = [pair for pair, times in server.answered.items() if times > 1]
        assert answered - whole <= 4
        assert len(again) <= answered - whole
        assert server.answered.total() - answered == 90 - whole
        assert server.asked.total() > asked
    found = tables.read(tmp_path / "judgements.parquet", schemas.JUDGEMENTS)
    assert len(found) == 90
    assert set(found["picked"].to_pylist()) == {"random", "sasrec", "dreamrec"}
    assert tables.metadata(tmp_path / "judgements.parquet")["judges"] == ["one"]
    everything = [told, second.stderr, second.stdout]
    everything += [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(everything) > 6
    assert not [text for text in everything if KEY.encode() in text]
