"""New environments and resources servers: files that work as they are. Nothing that is there is ever replaced."""

import json
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Any, Final, Optional, TypeVar

import yaml
from pydantic import ValidationError

from nemo_gym.environment import scaffold_code as code
from nemo_gym.environment.manifest import (
    EnvironmentKind,
    EnvironmentManifest,
    IntegrationProfile,
    ManifestDataset,
    Reward,
    dump_manifest,
)
from nemo_gym.environment.reused_verifier import ReusedVerifier, find_reused_verifier
from nemo_gym.environment.scaffold_errors import ScaffoldConflictError, ScaffoldError

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
OWN_AGENT: Final = (IntegrationProfile.CUSTOM_GYM_AGENT_LOOP, IntegrationProfile.EXTERNAL_AGENT_LOOP)
LATER: Final = "TODO"
POLICY: Final = {"type": "responses_api_models", "name": "policy_model"}
PROMPT: Final = "user: |-\n  Answer the question with nothing but the answer.\n\n  {question}\n"
IGNORED: Final = "".join(f"*{name}.jsonl\n" for name in ("train", "validation", "_prepare"))
ChoiceT = TypeVar("ChoiceT", EnvironmentKind, IntegrationProfile)


@dataclass(frozen=True)
class ScaffoldResult:
    """What was written, and what was there already just so."""

    asset_dir: Path
    created: tuple[Path, ...]
    existing: tuple[Path, ...]


@dataclass(frozen=True)
class _Plan:
    """An environment that is to be written."""

    root: Path
    kind: EnvironmentKind
    name: str
    profile: IntegrationProfile
    reward: Reward
    reused: Optional[ReusedVerifier]

    @property
    def parent(self) -> str:
        return "benchmarks" if self.is_benchmark else "environments"

    @property
    def is_benchmark(self) -> bool:
        return self.kind == EnvironmentKind.BENCHMARK

    @property
    def folder(self) -> Path:
        return self.root / self.parent / self.name

    @property
    def driver(self) -> Optional[str]:
        is_driven = self.profile == IntegrationProfile.EXTERNAL_ROLLOUT_DRIVER
        return f"{self.parent}.{self.name}.rollout_driver:run_rollout_collection" if is_driven else None

    @property
    def resources_server(self) -> str:
        return self.reused.selector if self.reused else self.name

    @property
    def resources_instance(self) -> str:
        return self.reused.resource_instance if self.reused else f"{self.name}_resources_server"

    @property
    def agent(self) -> str:
        return f"{self.name}_agent" if self.profile in OWN_AGENT else "simple_agent"

    @property
    def agent_instance(self) -> str:
        taken = {self.reused.resource_instance, self.reused.agent_instance} if self.reused else set()
        names = [name for name in (f"{self.name}_agent", f"{self.name}_catalog_agent") if name not in taken]
        if not names:
            raise ScaffoldError(f"name {self.name!r} collides with the instances of the reused verifier")
        return names[0]

    @property
    def dataset(self) -> ManifestDataset:
        base = f"{self.parent}/{self.name}"
        extra = {"prepare_script": f"{base}/prepare.py", "prompt_config": f"{base}/prompt.yaml"}
        return ManifestDataset.model_validate(
            {
                "name": self.name,
                "type": "benchmark" if self.is_benchmark else "example",
                "jsonl_fpath": f"{base}/data/example.jsonl",
                **(extra if self.is_benchmark else {}),
            }
        )


def scaffold_environment(
    *,
    kind: EnvironmentKind | str,
    name: str,
    profile: IntegrationProfile | str = IntegrationProfile.CUSTOM_GYM_VERIFIER,
    reuse_verifier: Optional[str] = None,
    reward_range: Optional[tuple[float, float]] = None,
    higher_is_better: Optional[bool] = None,
    root: Optional[str | Path] = None,
) -> ScaffoldResult:
    """Write a new environment or benchmark below `root`, with a resources server of its own or a shared one.

    A shared one needs its rewards said. Raises ScaffoldError, and writes nothing, when that cannot be done.
    """
    chosen_kind, chosen_profile = (
        _choice(EnvironmentKind, "kind", kind),
        _choice(IntegrationProfile, "profile", profile),
    )
    is_module = reuse_verifier is None or chosen_profile != IntegrationProfile.CUSTOM_GYM_VERIFIER
    _check_name(name, is_module=is_module)
    folder = _root(root)
    reused = None
    if reuse_verifier is not None:
        if not NAME.fullmatch(reuse_verifier) or keyword.iskeyword(reuse_verifier):
            raise ScaffoldError(f"reuse_verifier must be the name of a resources server, not {reuse_verifier!r}")
        reused = find_reused_verifier(folder, reuse_verifier)
    reward = _reward(reward_range, higher_is_better, is_shared=reused is not None)
    plan = _Plan(folder, chosen_kind, name, chosen_profile, reward, reused)
    return _write(folder, plan.folder, _files(plan))


def scaffold_resources_server(*, directory: str | Path, checkout_root: Optional[str | Path] = None) -> ScaffoldResult:
    """Write a resources server with an agent and places for datasets. Raises ScaffoldError as above."""
    folder = Path(directory).expanduser().resolve()
    _check_name(folder.name, is_module=True)
    checkout = Path(checkout_root).resolve() if checkout_root is not None else None
    readme = "# Description\n\nData: ?\n\n# Licensing information\n\nCode: ?\nData: ?\n"
    files = _server_files(folder, _yaml(_standalone_config(folder.name)), readme, checkout)
    return _write(folder.parent, folder, {**files, folder / "data" / ".gitignore": IGNORED})


def _choice(choices: type[ChoiceT], what: str, value: str) -> ChoiceT:
    try:
        return choices(value)
    except ValueError as error:
        known = ", ".join(each.value for each in choices)
        raise ScaffoldError(f"{what} must be one of: {known}; not {value!r}") from error


def _check_name(name: str, *, is_module: bool) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ScaffoldError(f"{name!r} is no name: one lowercase word of letters, digits, '.', '_' and '-' is needed")
    if is_module and not name.isidentifier():
        raise ScaffoldError(f"{name!r} becomes a Python module, and must be a lowercase Python identifier")


def _root(root: Optional[str | Path]) -> Path:
    folder = Path.cwd() if root is None else Path(root).expanduser()
    if folder.is_symlink():
        raise ScaffoldError(f"the root must not be a symlink: {folder}")
    if folder.exists() and not folder.is_dir():
        raise ScaffoldError(f"the root must be a directory: {folder}")
    return folder.resolve()


def _reward(
    reward_range: Optional[tuple[float, float]], higher_is_better: Optional[bool], *, is_shared: bool
) -> Reward:
    if is_shared and (reward_range is None or higher_is_better is None):
        raise ScaffoldError("reuse_verifier requires reward_range and higher_is_better")
    if not is_shared and (reward_range is not None or higher_is_better is not None):
        raise ScaffoldError("reward_range and higher_is_better are only accepted with reuse_verifier")
    try:
        return Reward(
            range=(0.0, 1.0) if reward_range is None else reward_range,
            higher_is_better=higher_is_better is not False,
        )
    except ValidationError as error:
        raise ScaffoldError(f"invalid reward contract: {error.errors()[0]['msg']}") from error


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def _manifest(plan: _Plan) -> EnvironmentManifest:
    benchmark = {"canonical_split": LATER, "standard_prompt_config": plan.dataset.prompt_config}
    return EnvironmentManifest.model_validate(
        {
            "name": plan.name,
            "version": "0.1.0",
            "kind": plan.kind,
            "integration_profile": plan.profile,
            "domain": "other",
            "description": f"{LATER}: what the {plan.kind} {plan.name} is about.",
            "modality": "text",
            "authors": [LATER],
            "reward": plan.reward,
            "resources_server": plan.resources_server,
            "agent_server": plan.agent,
            "model_server": POLICY["name"],
            "datasets": [plan.dataset],
            "rollout_driver": plan.driver,
            **(benchmark if plan.is_benchmark else {}),
        }
    )


def _config(plan: _Plan) -> str:
    reused_agent = plan.reused.agent_instance if plan.reused else None
    own = f"resources_servers/{plan.name}/configs/{plan.name}.yaml"
    agent = {
        **({} if reused_agent else {"entrypoint": "app.py"}),
        "resources_server": {"type": "resources_servers", "name": plan.resources_instance},
        "model_server": POLICY,
        "datasets": [plan.dataset.model_dump(mode="json", exclude_none=True)],
    }
    return _yaml(
        {
            "config_paths": [plan.reused.config_reference if plan.reused else own],
            plan.agent_instance: {
                **({"_inherit_from": reused_agent} if reused_agent else {}),
                "responses_api_agents": {plan.agent: agent},
            },
            **({"rollout_collection_driver": plan.driver} if plan.driver else {}),
        }
    )


def _files(plan: _Plan) -> dict[Path, str]:
    folder = plan.folder
    files = {
        folder / "__init__.py": "",
        folder / "manifest.yaml": dump_manifest(_manifest(plan)),
        folder / "config.yaml": _config(plan),
        folder
        / "README.md": f"# {plan.name}\n\n{LATER}: what this {plan.kind} is about, and where its data are from.\n",
    }
    if plan.is_benchmark:
        row = json.dumps({"question": code.QUESTION, "expected_answer": code.ANSWER}) + "\n"
        files |= {folder / "data" / "source.jsonl": row, folder / "prompt.yaml": PROMPT}
        files[folder / "prepare.py"] = code.PREPARE
    else:
        params = {"input": [{"role": "user", "content": f"{code.QUESTION} Say nothing but the answer."}]}
        agent = {"type": "responses_api_agents", "name": plan.agent_instance}
        row = json.dumps({"responses_create_params": params, "expected_answer": code.ANSWER, "agent_ref": agent}) + "\n"
    files[folder / "data" / "example.jsonl"] = row
    checkout = plan.root if (plan.root / "pyproject.toml").is_file() and (plan.root / "nemo_gym").is_dir() else None
    if plan.reused is None:
        server = {plan.name: {"entrypoint": "app.py", "domain": "other", "verified": False}}
        config = _yaml({plan.resources_instance: {"resources_servers": server}})
        readme = f"# {plan.name}\n\n{LATER}: what the verifier looks at.\n"
        files |= _server_files(plan.root / "resources_servers" / plan.name, config, readme, checkout)
    if plan.profile in OWN_AGENT:
        files |= _agent_files(plan, checkout)
    if plan.driver:
        files[folder / "rollout_driver.py"] = code.DRIVER
    return files


def _server_files(folder: Path, config: str, readme: str, checkout: Optional[Path]) -> dict[Path, str]:
    return {
        folder / "__init__.py": "",
        folder / "README.md": readme,
        folder / "app.py": code.RESOURCES_APP.format(name=code.class_name(folder.name)),
        folder / "configs" / f"{folder.name}.yaml": config,
        folder / "requirements.txt": _requirements(folder, checkout),
        folder / "tests" / "__init__.py": "",
        folder / "tests" / "test_app.py": code.RESOURCES_TEST,
        folder / "tests" / "verifier_cases.jsonl": code.verifier_cases(),
    }


def _agent_files(plan: _Plan, checkout: Optional[Path]) -> dict[Path, str]:
    folder = plan.root / "responses_api_agents" / plan.agent
    is_external = plan.profile == IntegrationProfile.EXTERNAL_AGENT_LOOP
    text = code.EXTERNAL_AGENT if is_external else code.LOOP_AGENT
    return {
        folder / "__init__.py": "",
        folder / "README.md": f"# {plan.agent}\n\n{LATER}: how this agent drives the model ({plan.profile}).\n",
        folder / "app.py": text.format(name=code.class_name(plan.name)),
        folder / "requirements.txt": _requirements(folder, checkout),
    }


def _standalone_config(name: str) -> dict[str, Any]:
    data = f"resources_servers/{name}/data"
    datasets = [
        {"name": split, "type": split, "jsonl_fpath": f"{data}/{split}.jsonl", "num_repeats": 1, **license_}
        for split, license_ in (
            ("train", {"license": "Apache 2.0"}),
            ("validation", {"license": "Apache 2.0"}),
            ("example", {}),
        )
    ]
    resources, agent = f"{name}_resources_server", f"{name}_simple_agent"
    server = {"entrypoint": "app.py", "domain": "other", "verified": False}
    reference = {"type": "resources_servers", "name": resources}
    fields = {"entrypoint": "app.py", "resources_server": reference, "model_server": POLICY, "datasets": datasets}
    return {
        resources: {"resources_servers": {name: server}},
        agent: {"responses_api_agents": {"simple_agent": fields}},
    }


def _requirements(folder: Path, checkout: Optional[Path]) -> str:
    return "nemo-gym[dev]\n" if checkout is None else f"-e nemo-gym[dev] @ {relpath(checkout, folder)}\n"


def _write(root: Path, asset_dir: Path, files: Mapping[Path, str]) -> ScaffoldResult:
    """Write all files, or none. Those that are there just so are left."""
    ordered = sorted(files, key=str)
    existing = [path for path in ordered if _is_there(root, path, files[path])]
    conflicts = [path for path in ordered if path not in existing and _is_taken(root, path)]
    if conflicts:
        raise ScaffoldConflictError(conflicts)
    created = [path for path in ordered if path not in existing]
    for path in created:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(files[path])
    return ScaffoldResult(asset_dir, tuple(created), tuple(existing))


def _is_there(root: Path, path: Path, text: str) -> bool:
    below = [path, *(folder for folder in path.parents if root in folder.parents)]
    if links := [each for each in below if each.is_symlink()]:
        raise ScaffoldError(f"{links[0]} is a symlink, and nothing is written through it")
    try:
        return path.is_file() and path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeError) as error:
        raise ScaffoldError(f"{path} cannot be read: {error}") from error


def _is_taken(root: Path, path: Path) -> bool:
    folders = (folder for folder in path.parents if root in folder.parents)
    return path.exists() or any(folder.exists() and not folder.is_dir() for folder in folders)
