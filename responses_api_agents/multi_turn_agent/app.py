"""The multi-turn agent: policy and tools as in the simple agent, and a simulated user who answers, turn by turn."""

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from polygym import (
    AgentServer,
    AgentServerConfig,
    Conversation,
    JsonObject,
    ModelServerRef,
    ResourcesSession,
    RolloutContext,
)
from polygym.protocol.items import is_message, output_text
from responses_api_agents.multi_turn_agent.users import (
    SYSTEM_PROMPT,
    EnvironmentUser,
    ModelUser,
    ScriptedUser,
    User,
    UserFields,
)


class MultiTurnAgentConfig(AgentServerConfig):
    """Who the user is, and when the conversation is over."""

    user: Literal["environment", "script", "model"] = "environment"
    """The resources server's `next_user_message`, the row's `user.script`, or a model in the role of the row's user."""
    user_model_server: ModelServerRef | None = None
    """The model that plays the user, for `user: model`."""
    user_system_prompt: str = SYSTEM_PROMPT
    """Its instruction; `{persona}` and `{goal}` of the row's `user`, and `{stop_token}`, are filled in."""
    user_stop_token: str = Field(default="[[END]]", min_length=1)
    """A message of the user model that holds it ends the conversation, and is not part of it."""
    user_responses_create_params: JsonObject = Field(default_factory=dict)
    """Parameters of the user model's calls, such as `temperature` and `max_output_tokens`."""
    stop_phrases: list[str] = Field(default_factory=list)
    """A turn of the policy whose messages hold one of them ends the conversation."""
    max_turns: int | None = Field(default=10, ge=1)
    """Turns of the policy; None for no limit. The user says nothing after the last one."""
    max_steps: int | None = Field(default=100, ge=1)
    """Model calls of the policy per rollout, over all turns. At the limit the rollout ends as incomplete."""

    @model_validator(mode="after")
    def _has_a_user(self) -> Self:
        if self.user == "model" and self.user_model_server is None:
            raise ValueError("'user: model' needs a user_model_server: {type: responses_api_models, name: user_model}")
        if any(not phrase for phrase in self.stop_phrases):
            raise ValueError("a stop phrase must not be empty")
        try:
            self.user_system_prompt.format(persona="", goal="", stop_token="")
        except (LookupError, ValueError) as error:
            known = "{persona}, {goal} and {stop_token} are filled in, other braces have to be doubled"
            raise ValueError(f"user_system_prompt: {error!r}: {known}") from error
        return self


class Conversed(NamedTuple):
    """A conversation that is over."""

    response: JsonObject
    """The policy's last Response; its `output` holds the messages of the user, too."""
    turns: int
    """Complete turns of the policy."""
    user_usage: JsonObject | None
    """Summed over the user model's calls; None when no model plays the user."""


class MultiTurnAgent(AgentServer):
    """Policy and user in turns. In each, the policy may call tools as often as it likes."""

    config: MultiTurnAgentConfig

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One rollout; the verified row with `num_turns`, and `user_usage` when a model plays the user."""
        async with self.directory.resources(self.config.resources_server).open(row, context) as session:
            conversed = await self._converse(session.row["responses_create_params"], session, context)
            verified = await session.verify(conversed.response)
        added: JsonObject = {"num_turns": conversed.turns}
        if conversed.user_usage is not None:
            added["user_usage"] = conversed.user_usage
        return {**verified, **added}

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        """The conversation's last Response, with the items of every turn and the messages of the user in `output`."""
        return (await self._converse(params, session, context)).response

    async def _converse(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> Conversed:
        """Let them talk. Why it ended stands under `metadata.ng_termination_reason` of the response.

        `user_done`, `stop_phrase` and `max_turns` are the ends of a complete conversation; a turn of the policy that
        is not complete ends it, too, for one of the reasons of `Conversation.take_turn`.
        """
        policy = self.directory.model(self.config.model_server)
        conversation = Conversation(policy, params, session, context, max_steps=self.config.max_steps)
        user = self._user(session, context)
        turns = 0
        reason = None if _has_user_message(conversation.asked) else await _hear(user, conversation)
        while reason is None:
            before = len(conversation.produced)
            await conversation.take_turn()
            if not conversation.is_complete:
                break
            turns += 1
            said = output_text(conversation.produced[before:])
            if any(phrase in said for phrase in self.config.stop_phrases):
                reason = "stop_phrase"
            elif turns == self.config.max_turns:
                reason = "max_turns"
            else:
                reason = await _hear(user, conversation)
        if reason is not None:
            conversation.end(reason)
        return Conversed(conversation.response(), turns, user.usage if isinstance(user, ModelUser) else None)

    def _user(self, session: ResourcesSession, context: RolloutContext) -> User:
        config = self.config
        if config.user == "environment":
            return EnvironmentUser(session)
        fields = UserFields.model_validate(session.row.get("user") or {})
        if config.user == "script":
            return ScriptedUser(fields.script)
        assert config.user_model_server is not None
        instruction = fields.system_prompt or config.user_system_prompt.format(
            persona=fields.persona, goal=fields.goal, stop_token=config.user_stop_token
        )
        return ModelUser(
            self.directory.model(config.user_model_server),
            self.name,
            config.user_responses_create_params,
            instruction,
            config.user_stop_token,
            context,
        )


def _has_user_message(asked: list[JsonObject]) -> bool:
    return any(is_message(item) and item["role"] == "user" for item in asked)


async def _hear(user: User, conversation: Conversation) -> str | None:
    """Add what the user says; why the conversation is over when they say nothing."""
    message = await user.reply(conversation)
    if message is None:
        return "user_done"
    conversation.hear(message)
    return None
