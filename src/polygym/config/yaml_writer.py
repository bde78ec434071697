"""Writing a plain tree as YAML that this room, OmegaConf and ordinary YAML readers read back to the same values."""

from typing import Any

import yaml

from polygym.config.yaml_reader import EXPONENT_FLOAT


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes what any of the readers would take for something else than a string."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT_FLOAT, list("-+0123456789"))


def to_yaml(tree: Any) -> str:
    """`tree` as YAML text, keys in their order. Raises yaml.representer.RepresenterError when a value is not plain."""
    text = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=4096)
    return str(text)
