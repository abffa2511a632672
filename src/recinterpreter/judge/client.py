"""Ask an endpoint that speaks OpenAI's protocol: with patience, within a budget, nothing twice.

Tried again, after growing pauses or as late as the endpoint asks for: no connection, no reply in
time, the statuses 408, 409, 429 and 5xx, and what is no chat completion. The run ends with 401,
403, 404 and a used-up account; every other 4xx says that this one question is refused. The
library's own retries are off: it knows neither broken replies nor a budget of requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from recinterpreter.errors import UserError
from recinterpreter.judge.access import KEY, Endpoint
from recinterpreter.judge.replies import Replies, Reply, key_of
from recinterpreter.settings.evidence import Judging, JudgingPace
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")

_GROWS_TO = 64  # times the first pause, at most
_LONGEST_PAUSE = 60.0  # seconds that an endpoint may ask for
_ENDS_THE_RUN = (401, 403, 404)
_WORTH_ANOTHER_TRY = (408, 409, 429)
_REFUSALS = 3  # so many before any reply: then it is not the question that is wrong
_TOLD = 300  # characters of an endpoint's own words in an error


@dataclass(frozen=True)
class Question:
    """A prompt for one model, and the key under which its reply is kept."""

    model: str
    prompt: str
    key: str


class _Again(Exception):
    """A request that is worth another try, in `after` seconds at the earliest."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


class _Ended(Exception):
    """No further request is to be made; says why."""


def question(endpoint: Endpoint, settings: Judging, model: str, prompt: str) -> Question:
    """Return the question that puts a prompt to a model as the settings want it."""
    sampled = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
    key = key_of(origin=endpoint.origin, model=model, prompt=prompt, **sampled)
    return Question(model, prompt, key)


def ask(
    questions: Sequence[Question],
    replies: Replies,
    endpoint: Endpoint,
    settings: Judging,
    pace: JudgingPace,
) -> None:
    """Ask what has no reply yet, equal questions once; each reply is kept as it arrives.

    Raises UserError where the endpoint ends the run, a question has failed too often, or the budget
    is used up. Requests under way are waited for first, so that none is paid for nothing.
    """
    distinct = list({question.key: question for question in questions}.values())
    inquiry = _Inquiry(distinct, replies, endpoint, settings, pace)
    if inquiry.open:
        asyncio.run(inquiry.run())
    if inquiry.end:
        done = sum(question.key in replies for question in distinct)
        raise UserError(
            f"{inquiry.end}. {done} of {len(distinct)} replies are kept and will not be asked for "
            "again: the same command goes on from there"
        )


class _Inquiry:
    """One run of questions.

    open: those without a reply when it begins; end: why no further request is made, if so.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        replies: Replies,
        endpoint: Endpoint,
        settings: Judging,
        pace: JudgingPace,
    ) -> None:
        self.end: str | None = None
        self.open = [q for q in questions if q.key not in replies]
        self._replies, self._endpoint, self._pace = replies, endpoint, pace
        self._answering = {
            q.model for q in questions if q.key in replies and not replies[q.key].refused
        }
        self._requests = 0
        self._kept = len(questions) - len(self.open)
        self._ticker = Ticker("replies", len(questions), self._kept)
        given = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
        self._sampled: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        logger.info("%d questions, %d of them without a reply", len(questions), len(self.open))

    async def run(self) -> None:
        self._client = openai.AsyncOpenAI(
            base_url=self._endpoint.base_url,
            api_key=self._endpoint.api_key or "none",
            timeout=self._pace.timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not self._endpoint.local),
        )
        waiting = iter(self.open)
        async with self._client:
            for model in {q.model: None for q in self.open}:
                if model not in self._answering:
                    await self._greet([q for q in self.open if q.model == model])
            await asyncio.gather(*(self._work(waiting) for _ in range(self._pace.concurrency)))

    async def _greet(self, questions: Sequence[Question]) -> None:
        """Ask a judge one question at a time until he has answered one.

        So a wrong key, name or setting costs a request, or three, and not all of them. Refusals are
        kept once there is an answer: before that they need not be about the question.
        """
        refused: list[tuple[Question, Reply]] = []
        for question in questions:
            reply = await self._get(question)
            if reply is None:
                return
            if not reply.refused:
                for first, refusal in [*refused, (question, reply)]:
                    self._keep(first, refusal)
                return
            refused.append((question, reply))
            if len(refused) == min(_REFUSALS, len(questions)):
                self.end = f"{question.model} refuses every question: {reply.text}"
                return

    async def _work(self, waiting: Iterator[Question]) -> None:
        for question in waiting:
            if question.key not in self._replies and (reply := await self._get(question)):
                self._keep(question, reply)

    async def _get(self, question: Question) -> Reply | None:
        """Get one reply; None where the run has ended."""
        if self.end:
            return None
        try:
            return await self._patiently(question)
        except _Ended as ended:
            self.end = self.end or str(ended)
            return None

    def _keep(self, question: Question, reply: Reply) -> None:
        self._replies.add(question.key, reply)
        self._kept += 1
        self._ticker.tick(self._kept)

    async def _patiently(self, question: Question) -> Reply:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(self._pace.attempts),
            wait=self._pause,
            reraise=True,
        )
        try:
            reply: Reply = await retrying(self._once, question)
        except _Again as error:
            raise _Ended(
                f"{self._endpoint.base_url} did not reply to a question in {self._pace.attempts} "
                f"attempts (judge.attempts), the last time: {error}"
            ) from None
        return reply

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try: random ones of a doubling range, or as many as asked for."""
        failed = state.outcome.exception() if state.outcome else None
        first = self._pace.backoff
        growing = wait_random_exponential(multiplier=first, max=_GROWS_TO * first)(state)
        return max(growing, min(getattr(failed, "after", 0.0), _LONGEST_PAUSE))

    async def _once(self, question: Question) -> Reply:
        """Make one request. Raises _Again or _Ended where that brings no reply."""
        if self.end:
            raise _Ended(self.end)
        if self._pace.most_requests is not None and self._requests >= self._pace.most_requests:
            raise _Ended(f"all {self._requests} requests of judge.most_requests are used up")
        self._requests += 1
        try:
            async with asyncio.timeout(self._pace.timeout):
                completion = await self._client.chat.completions.create(
                    model=question.model,
                    messages=[{"role": "user", "content": question.prompt}],
                    **self._sampled,
                )
        except openai.APIStatusError as error:
            return self._of_status(error)
        except TimeoutError:
            raise _Again(f"no reply within {self._pace.timeout:g} s") from None
        except (openai.APIError, ValueError) as error:
            # no connection, or a body that is no JSON
            raise _Again(type(error).__name__) from None
        return Reply(self._endpoint.safe(_text_of(completion)))

    def _of_status(self, error: openai.APIStatusError) -> Reply:
        status, words = error.status_code, self._endpoint.safe(str(error.message))[:_TOLD]
        if status in _ENDS_THE_RUN or error.code == "insufficient_quota":
            raise _Ended(
                f"{self._endpoint.base_url} lets us ask nothing: {words} (the key is taken from "
                f"the environment variable {KEY}, the model's name from judge.models)"
            )
        if status in _WORTH_ANOTHER_TRY or status >= 500:
            raise _Again(words, _seconds(error.response.headers))
        return Reply(words, refused=True)


def _text_of(completion: Any) -> str:
    """Return what a completion says; the library lets through JSON that is none."""
    try:
        content = completion.choices[0].message.content
    except (AttributeError, IndexError, TypeError, KeyError):
        raise _Again("what came back is no chat completion") from None
    if content is None:
        return ""
    if not isinstance(content, str):
        raise _Again("what came back is no chat completion")
    return content


def _seconds(headers: Any) -> float:
    """Return how long an endpoint wants us to wait; 0 where it names no number of seconds."""
    try:
        return max(float(headers.get("retry-after", "")), 0.0)
    except ValueError:
        return 0.0
