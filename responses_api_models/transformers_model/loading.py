"""Loads a model and its tokenizer. torch and transformers are imported only where a server of this kind starts."""

import copy
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polygym.protocol.errors import ConfigError
from responses_api_models.transformers_model.config import TransformersModelConfig


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can compute."""

    model: Any
    cache_class: Any
    """What it keeps keys and values in."""
    tokenizer: Any
    engine_tokenizer: Any
    """A second one, for another thread: fast tokenizers refuse to be used by two."""
    template: str | None
    """The chat template; None where none is to be used."""
    context_length: int
    """Tokens of prompt and answer together."""
    vocabulary_size: int
    """Tokens that the model knows."""
    end_ids: frozenset[int]
    """Tokens that the model ends an answer with."""


def load(config: TransformersModelConfig, instance: str) -> Loaded:
    """What `config` names; takes seconds to minutes. Raises ConfigError that names the server's instance."""
    for folder in (config.model, config.tokenizer):
        if folder is not None and folder.startswith(("/", ".", "~")) and not Path(folder).is_dir():
            raise ConfigError(f"{instance}: there is no folder {folder!r}.")
    transformers = _transformers(instance)
    transformers.utils.logging.disable_progress_bar()  # it would be drawn into the run's own display
    source: dict[str, Any] = {"trust_remote_code": config.trust_remote_code}
    if config.revision is not None:
        source["revision"] = config.revision
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(config.tokenizer or config.model, **source)
        model = _model(transformers, config, source)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"{instance}: {config.model!r} cannot be loaded: {said}") from error
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise ConfigError(
            f"{instance}: the tokenizer knows {len(tokenizer)} tokens, and {config.model!r} only {known}; they do not"
            " belong together."
        )
    template = _template(tokenizer, config, instance)
    return Loaded(
        model=model,
        cache_class=transformers.DynamicCache,
        tokenizer=tokenizer,
        engine_tokenizer=copy.deepcopy(tokenizer),
        template=template,
        context_length=_context_length(model, config, instance),
        vocabulary_size=known,
        end_ids=_end_ids(model, tokenizer),
    )


def _transformers(instance: str) -> Any:
    for name in ("torch", "transformers"):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            message = f"{instance}: transformers_model needs {name}. Install it: pip install 'polygym[transformers]'."
            raise ConfigError(message) from error
    return module


def _model(transformers: Any, config: TransformersModelConfig, source: dict[str, Any]) -> Any:
    import torch

    options: dict[str, Any] = {"dtype": config.dtype, **source, **config.load_kwargs}
    if config.attn_implementation is not None:
        options["attn_implementation"] = config.attn_implementation
    model = transformers.AutoModelForCausalLM.from_pretrained(config.model, **options)
    if getattr(model, "hf_device_map", None) is None:
        device = config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model = model.to(device)
    return model.eval()


def _template(tokenizer: Any, config: TransformersModelConfig, instance: str) -> str | None:
    if not config.use_chat_template:
        return None
    if config.chat_template is not None:
        try:
            tokenizer.chat_template = Path(config.chat_template).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{instance}: chat_template {config.chat_template}: {error}") from error
    template = tokenizer.chat_template
    if not template:
        raise ConfigError(
            f"{instance}: the tokenizer of {config.model!r} has no chat template. Name a file with one in"
            " 'chat_template', or set use_chat_template to false for a base model."
        )
    return "\n".join(map(str, template.values())) if isinstance(template, dict) else str(template)


def _context_length(model: Any, config: TransformersModelConfig, instance: str) -> int:
    text_config = model.config.get_text_config()
    limits = [
        getattr(text_config, "max_position_embeddings", None),
        config.max_model_len,
        config.max_batch_tokens,
    ]
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    if not known:
        raise ConfigError(f"{instance}: {config.model!r} does not say how long its context is; set max_model_len.")
    return min(known)


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """What the model's generation config and the tokenizer name as the end of a text."""
    given = [tokenizer.eos_token_id]
    for config in (getattr(model, "generation_config", None), model.config.get_text_config()):
        ids = getattr(config, "eos_token_id", None)
        given += ids if isinstance(ids, list | tuple) else [ids]
    return frozenset(token for token in given if isinstance(token, int))
