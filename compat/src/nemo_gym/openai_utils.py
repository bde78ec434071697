"""OpenAI's types and a client for endpoints that speak its dialects, under the names that servers import."""

from aiohttp import ClientResponse

from nemo_gym.model_client import RATE_LIMIT_ERROR_CODES, RETRY_ERROR_CODES, NeMoGymAsyncOpenAI
from nemo_gym.openai_types.chat import *
from nemo_gym.openai_types.items import *
from nemo_gym.openai_types.responses import (
    NeMoGymResponse,
    NeMoGymResponseCreateParamsNonStreaming,
    NeMoGymResponseInputTokensDetails,
    NeMoGymResponseOutputTokensDetails,
    NeMoGymResponseUsage,
    accumulate_response_usage,
)
from nemo_gym.openai_types.tokens import (
    REQUIRED_TOKEN_METADATA_FIELDS,
    TOKEN_METADATA_FIELDS,
    RoutedExperts,
    TokenIDLogProbMixin,
    TokenIDLogProbTypedDictMixin,
)
from nemo_gym.outgoing import MAX_NUM_TRIES, get_response_json, raise_for_status, request
