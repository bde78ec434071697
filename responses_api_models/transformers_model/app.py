"""A policy that is computed in this process: a local Hugging Face model on CPU or GPU.

Concurrent requests are computed as one batch, in a thread of its own (`engine.py`). Answers know their exact tokens,
and a trainer in the same process replaces the weights with `update_weights`.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from polygym import (
    FailureClass,
    JsonObject,
    ModelServer,
    RolloutContext,
    RolloutFailure,
    Stage,
)
from polygym.channels.endpoint_model import incomplete_or_raise, rejected
from polygym.protocol.chat import chat_completion_to_response, response_to_chat_completion, responses_params_to_chat
from polygym.protocol.chat.earlier_turns import EarlierTurns, splice
from polygym.protocol.chat.tool_formats import FORMATS, format_of, tools_of
from polygym.protocol.errors import ConfigError
from responses_api_models.transformers_model.answers import OF_TOKENS, Answers, with_token_fields
from responses_api_models.transformers_model.config import TransformersModelConfig
from responses_api_models.transformers_model.loading import Loaded, load
from responses_api_models.transformers_model.prompts import Prompt, Prompts
from responses_api_models.transformers_model.requests import chat_body
from responses_api_models.transformers_model.sampling_params import SamplingParams, sampling_params
from responses_api_models.transformers_model.sequences import Generation, Sequence, StopTexts
from responses_api_models.transformers_model.tickets import Ticket

if TYPE_CHECKING:
    import torch

    from responses_api_models.transformers_model.engine import Engine, Load

ResultT = TypeVar("ResultT")


class TransformersModel(ModelServer):
    """Answers both dialects with what the model generates."""

    config: TransformersModelConfig

    async def start(self) -> None:
        """Load the model, which can take minutes. Raises ConfigError."""
        self._text_thread = ThreadPoolExecutor(1, thread_name_prefix=f"texts of {self.name}")
        try:
            self._loaded, self._engine = await asyncio.to_thread(self._load)
        except BaseException:
            self._text_thread.shutdown(wait=False)
            raise
        loaded = self._loaded
        tool_format = FORMATS.get(self.config.tool_format) or format_of(loaded.template or "")
        self._prompts = Prompts(loaded.tokenizer, loaded.template, tool_format)
        self._answers = Answers(
            self.config.model, self._prompts, tool_format, splits_reasoning=self.config.uses_reasoning_parser
        )
        self._turns = EarlierTurns(of_tokens=OF_TOKENS)

    async def stop(self) -> None:
        """Let go of the model; who still waits for an answer gets a RolloutFailure."""
        await asyncio.to_thread(self._engine.stop)
        self._text_thread.shutdown(wait=False)
        del self._engine, self._loaded

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The Response; incomplete and empty where the input leaves no room for an answer. Raises RolloutFailure."""
        try:
            asked = responses_params_to_chat(params)
        except ValueError as error:
            raise rejected(self.name, error) from error
        try:
            return chat_completion_to_response(await self._complete(asked), params)
        except RolloutFailure as failure:
            return incomplete_or_raise(failure, params, self.config.model)

    async def chat_completions(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """The ChatCompletion; cut off before its first word where the messages leave no room. Raises RolloutFailure."""
        try:
            return await self._complete(params)
        except RolloutFailure as failure:
            return response_to_chat_completion(incomplete_or_raise(failure, {}, self.config.model))

    def list_models(self) -> list[str]:
        """The model that is loaded; the name in a request is not looked at."""
        return [self.config.model]

    @property
    def load(self) -> "Load":
        """How many answers are generated at the moment, and how many wait for a place in the batch."""
        return self._engine.load

    @property
    def weight_version(self) -> int:
        """0 as loaded, then counted up by `update_weights`, or as it was told; answers have it, too."""
        return self._engine.weight_version

    def update_weights(
        self,
        weights: "torch.nn.Module | Mapping[str, torch.Tensor]",
        *,
        version: int | None = None,
        strict: bool = True,
        interrupt: bool = False,
    ) -> int:
        """Replace the model's weights between two batches; the version that answers have from then on.

        Blocks until they are copied, so that the caller may go on to change their own: call it from any thread, and
        from async code with `asyncio.to_thread`. Answers that are generated at the moment are finished first, with the
        old weights, and those that wait begin after it. With `interrupt` nothing is finished first: every answer goes
        on with the new weights, its text so far computed anew.

        `weights` is a module or a state dict; types and devices may differ. `version` is what to call them. With
        `strict=False` it may be some weights only. Raises ValueError, with nothing changed, when they do not fit.
        """
        from responses_api_models.transformers_model.engine import Change
        from responses_api_models.transformers_model.weights import Replacement

        replacement = Replacement(self._loaded.model, weights, is_partial=not strict)
        done: Future[int] = Future()
        self._engine.change(Change(replacement.copy, version, not interrupt, done))
        return done.result()

    def _load(self) -> "tuple[Loaded, Engine]":
        loaded = load(self.config, self.name)
        from responses_api_models.transformers_model.batch import Batch
        from responses_api_models.transformers_model.engine import Engine

        config = self.config
        batch = Batch(loaded.model, loaded.cache_class)
        if config.max_batch_size > 1 and not batch.is_joinable:
            raise ConfigError(
                f"{self.name}: {config.model!r} keeps more than keys and values of earlier tokens, so its answers"
                " cannot be batched here; set max_batch_size: 1."
            )
        engine = Engine(
            batch,
            logprobs_mode=config.logprobs_mode,
            max_batch_size=config.max_batch_size,
            max_batch_tokens=config.max_batch_tokens,
            name=self.name,
        )
        engine.start()
        return loaded, engine

    async def _complete(self, params: JsonObject) -> JsonObject:
        """The ChatCompletion. Raises RolloutFailure, `context_exceeded` where the prompt leaves no room for one."""
        try:
            body = chat_body(params, self.config)
            sampling = sampling_params(body, self._loaded.vocabulary_size)
            tools_of(body)
            prompt = await self._with_text(lambda: self._prompt(body))
        except ValueError as error:
            raise rejected(self.name, error) from error
        room = self._loaded.context_length - len(prompt.ids)
        if room < 1:
            message = (
                f"{self.name}: the prompt has {len(prompt.ids)} tokens, the context {self._loaded.context_length}."
            )
            raise RolloutFailure(FailureClass.CONTEXT_EXCEEDED, Stage.MODEL, message)
        generation = await self._generate(prompt, sampling, room)
        return await self._with_text(lambda: self._completion(generation, body, prompt))

    def _prompt(self, body: JsonObject) -> Prompt:
        """The prompt, beginning with the exact ids of earlier turns where they are known. Raises ValueError."""
        prompt = self._prompts.prompt({**body, "messages": self._turns.without_tokens(body["messages"])})
        if not prompt.ids:
            raise ValueError("the prompt is empty")
        exact = self._turns.exact_ids(body)
        ids = splice(prompt.ids, exact) if exact is not None else None
        return prompt if ids is None else prompt._replace(ids=ids)

    async def _generate(self, prompt: Prompt, sampling: SamplingParams, room: int) -> Generation:
        """The generation; who is cancelled meanwhile takes it out of the batch. Raises RolloutFailure."""
        stops = StopTexts(sampling.stop, self._decode) if sampling.stop else None
        ends = () if sampling.ignore_eos else self._loaded.end_ids
        ticket = Ticket()
        sequence = Sequence(
            prompt.ids,
            sampling,
            ticket,
            max_new_tokens=min(room, sampling.max_tokens or room),
            end_ids=frozenset((*ends, *sampling.stop_token_ids)),
            stop_texts=stops,
        )
        self._engine.submit(sequence)
        try:
            return await ticket.answer()
        finally:
            sequence.is_cancelled = True  # of one that has ended nobody asks

    def _completion(self, generation: Generation, body: JsonObject, prompt: Prompt) -> JsonObject:
        completion, is_whole = self._answers.completion(generation, body, opens_thinking=prompt.opens_thinking)
        if self.config.return_token_id_information:
            choice = completion["choices"][0]
            choice["message"] = with_token_fields(choice["message"], generation)
            if is_whole and generation.stopped_by in self._loaded.end_ids:
                self._turns.remember(body, choice["message"])
        return completion

    def _decode(self, ids: list[int]) -> str:
        """Text for the engine's thread."""
        text: str = self._loaded.engine_tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        return text

    async def _with_text(self, work: Callable[[], ResultT]) -> ResultT:
        """Do what needs the tokenizer, in the one thread that uses it."""
        return await asyncio.get_running_loop().run_in_executor(self._text_thread, work)
