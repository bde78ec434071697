"""The simple agent: the model answers, its tool calls are carried out, and so on until it calls no more."""

import itertools

from pydantic import Field

from polygym import (
    AgentServer,
    AgentServerConfig,
    FunctionCall,
    JsonObject,
    ResourcesSession,
    RolloutContext,
    add_usage,
    dumps,
    function_call_output,
    function_calls,
    input_items,
)


class SimpleAgentConfig(AgentServerConfig):
    """How long it may take, and whether the result is verified."""

    max_steps: int | None = Field(default=100, ge=1)
    """Model calls per rollout; None for no limit. At the limit the rollout ends as incomplete, and is verified."""
    skip_verification: bool = False
    """Do not verify: the row gets `skip_verification_reward` and says so under `verification_skipped`."""
    skip_verification_reward: float = 0.0
    """Reward of rows that are not verified."""


class SimpleAgent(AgentServer):
    """Model and tools in turns. Tool calls run in the order in which the model wrote them: they share one state."""

    config: SimpleAgentConfig

    async def run(self, row: JsonObject, context: RolloutContext) -> JsonObject:
        """One rollout; the verified row, or with `skip_verification` the row as it would go to the verifier."""
        if not self.config.skip_verification:
            return await super().run(row, context)
        async with self.directory.resources(self.config.resources_server).open(row, context) as session:
            response = await self.act(row["responses_create_params"], session, context)
        reward = self.config.skip_verification_reward
        return {**row, "response": response, "reward": reward, "verification_skipped": True}

    async def act(self, params: JsonObject, session: ResourcesSession, context: RolloutContext) -> JsonObject:
        """The last Response, with the items of every step in `output` and the summed `usage`.

        It is incomplete when the model said so, when its last turn held nothing but reasoning or nothing at all
        (`metadata.ng_termination_reason` is then `incomplete_reasoning` or `empty_output`), and at `max_steps`.
        """
        model = self.directory.model(self.config.model_server)
        asked = input_items(params["input"])
        produced: list[JsonObject] = []
        usage: JsonObject | None = None
        for step in itertools.count(1):
            response = await model.responses({**params, "input": asked + produced}, context)
            output: list[JsonObject] = response["output"]
            produced += output
            usage = add_usage(usage, response.get("usage"))
            calls = list(function_calls(output))
            if response.get("incomplete_details"):
                break
            if not calls:
                response = _judge_last_turn(response, output)
                break
            for call in calls:
                produced.append(function_call_output(call.call_id, await _call_tool(call, session)))
            if step == self.config.max_steps:
                response = _incomplete(response, "max_steps", incomplete_details={"reason": "max_steps"})
                break
        return {**response, "output": produced, "usage": usage}


async def _call_tool(call: FunctionCall, session: ResourcesSession) -> str:
    """What the model gets to see: the tool's output, or why its arguments could not be read."""
    try:
        arguments = call.parse()
    except ValueError as error:
        return dumps({"error": f"Invalid tool call arguments: {error}"}).decode()
    return (await session.call_tool(call.name, arguments)).output


def _judge_last_turn(response: JsonObject, output: list[JsonObject]) -> JsonObject:
    """`response`, marked as incomplete when its turn has no answer in it."""
    if not output:
        return _incomplete(response, "empty_output")
    if all(item["type"] == "reasoning" for item in output):
        return _incomplete(response, "incomplete_reasoning")
    return response


def _incomplete(response: JsonObject, reason: str, **fields: JsonObject) -> JsonObject:
    metadata = {**(response.get("metadata") or {}), "ng_termination_reason": reason}
    return {**response, "status": "incomplete", "metadata": metadata, **fields}
