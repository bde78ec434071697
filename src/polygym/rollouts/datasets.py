"""The datasets that a configuration declares, as inputs of a run: which agent each is for, and whether it is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from polygym.config.model import Dataset, DatasetType, RunConfig, ServerInstance
from polygym.data.downloading import hub_identifier
from polygym.data.jsonl import dataset_lines
from polygym.data.preparing import PREPARE_SCRIPT
from polygym.data.prompts import PROMPT_CONFIG, PromptTemplate, read_template
from polygym.protocol.calls import ResourcesServerRef
from polygym.protocol.errors import ConfigError, InputError, suggest
from polygym.protocol.json import JsonObject
from polygym.protocol.tasks import parse_row, parse_task
from polygym.rollouts.plan import InputFile


@dataclass(frozen=True, slots=True)
class DeclaredDataset:
    """A dataset and the agent that its rows are for."""

    dataset: Dataset
    agent: str
    """Instance name."""
    owner: ServerInstance
    """The server that declares it: the agent itself, or the resources server that the agent works in."""


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """What is known of one declared dataset before a run."""

    dataset: Dataset
    owner: str
    """Instance name of the server that declares it."""
    rows: int | None
    """Tasks in it; None when it is not there or cannot be read to the end."""
    problem: str | None = None
    """The first row that cannot be run; None when there is none."""

    def to_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "name": self.dataset.name,
            "type": self.dataset.type,
            "path": str(self.dataset.path),
            "server": self.owner,
            "exists": self.dataset.path.exists(),
            "rows": self.rows,
            "problem": self.problem,
        }


def declared_datasets(config: RunConfig) -> list[DeclaredDataset]:
    """Every agent's datasets and those of its resources servers; a file that both declare counts once."""
    found = {
        (agent.name, dataset.type, dataset.path): DeclaredDataset(dataset, agent.name, owner)
        for agent in config.of_type("responses_api_agents")
        for owner in reversed((agent, *_resources_of(agent, config)))
        for dataset in owner.datasets
    }
    return list(found.values())


def _resources_of(agent: ServerInstance, config: RunConfig) -> Iterator[ServerInstance]:
    for ref in agent.references.values():
        if isinstance(ref, ResourcesServerRef):
            yield config.instances[ref.name]


def declared_inputs(config: RunConfig, split: DatasetType, agent: str | None = None) -> list[InputFile]:
    """The datasets of one split, of all agents or of `agent`, as inputs.

    Raises ConfigError when there is none, or when one is declared but its file is not there.
    """
    datasets = [each for each in declared_datasets(config) if agent is None or each.agent == agent]
    chosen = [each for each in datasets if each.dataset.type == split]
    if not chosen:
        whose = f"agent '{agent}'" if agent else "the configured agents"
        raise ConfigError(f"no {split} dataset is declared for {whose}. {_splits_of(datasets)}")
    for each in chosen:
        if not each.dataset.path.exists():
            raise ConfigError(how_to_get(each))
    return [
        InputFile(each.dataset.path, each.agent, each.dataset.num_repeats, prompt_of(each.dataset, each.owner, config))
        for each in chosen
    ]


def prompt_of(dataset: Dataset, owner: ServerInstance, config: RunConfig) -> PromptTemplate | None:
    """What the dataset's rows are filled into. Raises ConfigError when its `prompt_config` is nowhere, or wrong."""
    name = dataset.fields.get(PROMPT_CONFIG)
    return read_template(str(name), config.roots, f"{owner.origin}: dataset '{dataset.name}'") if name else None


def task_sources(config: RunConfig) -> dict[str, str]:
    """The servers that declare datasets, and the agent of each; without those that several agents play in."""
    agents: dict[str, set[str]] = {}
    for each in declared_datasets(config):
        agents.setdefault(each.owner.name, set()).add(each.agent)
    return {owner: next(iter(found)) for owner, found in agents.items() if len(found) == 1}


def agents_without(config: RunConfig, split: DatasetType) -> list[str]:
    """The agents for which no dataset of that split is declared."""
    having = {each.agent for each in declared_datasets(config) if each.dataset.type == split}
    return [agent.name for agent in config.of_type("responses_api_agents") if agent.name not in having]


def _splits_of(datasets: Sequence[DeclaredDataset]) -> str:
    splits = sorted({each.dataset.type for each in datasets})
    if not splits:
        return "Give a file with --input."
    return f"Declared: {', '.join(splits)}; choose with --split, or give a file with --input."


def how_to_get(missing: DeclaredDataset) -> str:
    """A sentence about a file that is not there: whose it is, and where it comes from."""
    dataset, fields = missing.dataset, missing.dataset.fields
    problem = f"{missing.owner.origin}: the {dataset.type} dataset '{dataset.name}' is not at {dataset.path}."
    hub, registry = hub_identifier(dataset), fields.get("gitlab_identifier")
    if hub is not None:
        file = f" (file {hub['artifact_fpath']})" if hub.get("artifact_fpath") else ""
        advice = f"Download it from the Hugging Face dataset {hub.get('repo_id')}{file} to that path"
    elif isinstance(registry, dict):
        version = f"{registry.get('dataset_name')} {registry.get('version')}"
        advice = (
            f"Download it from the GitLab model registry ({version}, {registry.get('artifact_fpath')}) to that path"
        )
    elif fields.get(PREPARE_SCRIPT):
        advice = f"Make it with 'gym eval prepare --split {dataset.type}' and the same options"
    else:
        advice = "Put it there"
    return f"{problem} {advice}, or give another file with --input."


def check_datasets(config: RunConfig) -> list[DatasetCheck]:
    """Read every declared dataset that is there, to the end or to the first row that cannot be run."""
    agents = [agent.name for agent in config.of_type("responses_api_agents")]
    return [
        _check(dataset, instance, agents, config)
        for instance in config.instances.values()
        for dataset in instance.datasets
    ]


def _check(dataset: Dataset, instance: ServerInstance, agents: Sequence[str], config: RunConfig) -> DatasetCheck:
    owner = instance.name
    rows = 0
    try:
        prompt = prompt_of(dataset, instance, config)
        if not dataset.path.exists():
            return DatasetCheck(dataset, owner, None)
        for origin, line in dataset_lines(dataset.path):
            row = parse_row(line, origin)
            task = parse_task(prompt.fill(row, origin) if prompt else row, index=rows, origin=origin)
            if agents and task.agent is not None and task.agent not in agents:
                raise InputError(f"{origin}: no agent '{task.agent}' is configured. {suggest(task.agent, agents)}")
            rows += 1
    except (ConfigError, InputError) as error:
        return DatasetCheck(dataset, owner, None, str(error))
    return DatasetCheck(dataset, owner, rows)
