"""A stand-in policy without an endpoint: the same message at once, whatever it is asked."""

from polygym import JsonObject, ModelServer, RolloutContext, new_response, new_usage, output_message


class InstantModel(ModelServer):
    """Answers in the calling process, so that a million rollouts take minutes."""

    async def responses(self, params: JsonObject, context: RolloutContext) -> JsonObject:
        """One short message."""
        message = output_message("It is sunny.", message_id="msg_1")
        return new_response(params, [message], model="instant", usage=new_usage(20, 5))
