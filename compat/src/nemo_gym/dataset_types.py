"""Datasets in configurations, and the parameters of commands that move them."""

import warnings
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Optional, Set, Union

from pydantic import BaseModel, Field, model_validator

from nemo_gym.command_configs import BaseNeMoGymCLIConfig


class UploadJsonlDatasetGitlabConfig(BaseNeMoGymCLIConfig):
    """A file to upload to a GitLab registry."""

    dataset_name: str = Field(description="Name of the dataset.")
    version: str = Field(description="Its version, x.y.z.")
    input_jsonl_fpath: str = Field(description="The file.")


class JsonlDatasetGitlabIdentifer(BaseModel):
    """A file in a GitLab registry."""

    dataset_name: str
    version: str
    artifact_fpath: str


class DownloadJsonlDatasetGitlabConfig(JsonlDatasetGitlabIdentifer, BaseNeMoGymCLIConfig):
    """A file to download from a GitLab registry."""

    dataset_name: str = Field(description="Name of the dataset.")
    version: str = Field(description="Its version, x.y.z.")
    artifact_fpath: str = Field(description="The file's path in the registry.")
    output_fpath: str = Field(description="Where it goes.")


class DeleteJsonlDatasetGitlabConfig(BaseNeMoGymCLIConfig):
    """A dataset to delete from a GitLab registry."""

    dataset_name: str = Field(description="Name of the dataset.")


class JsonlDatasetHuggingFaceIdentifer(BaseModel):
    """A file, or a split, in a repository of the Hugging Face Hub."""

    repo_id: str = Field(description="The repository.")
    artifact_fpath: Optional[str] = Field(default=None, description="File in it; without, a split is loaded.")


class BaseUploadJsonlDatasetHuggingFaceConfig(BaseNeMoGymCLIConfig):
    """A file to upload to the Hugging Face Hub."""

    hf_token: str = Field(description="Token for the Hub.")
    hf_organization: str = Field(description="Organization that gets the dataset.")
    hf_collection_name: str = Field(description="Collection that gets the dataset.")
    hf_collection_slug: str = Field(description="The end of the collection's address.")
    dataset_name: Optional[str] = Field(default=None, description="Name, beside domain and resources server.")
    input_jsonl_fpath: str = Field(description="The file.")
    resource_config_path: str = Field(description="Configuration of the resources server, which says the domain.")
    hf_dataset_prefix: str = Field(default="Nemotron-RL", description="Start of the dataset's name.")
    split: Literal["train", "validation", "test"] = Field(default="train", description="Which split it is.")
    create_pr: bool = Field(default=False, description="Open a pull request instead of writing.")
    revision: Optional[str] = Field(default=None, description="Branch to write to.")
    commit_message: Optional[str] = Field(default=None, description="Subject of the commit.")
    commit_description: Optional[str] = Field(default=None, description="Body of the commit.")


class UploadJsonlDatasetHuggingFaceConfig(BaseUploadJsonlDatasetHuggingFaceConfig):
    """A file to move from GitLab to the Hugging Face Hub."""

    forbidden_fields: ClassVar[Set[str]] = {"delete_from_gitlab"}

    @model_validator(mode="before")
    @classmethod
    def check_forbidden_fields(cls, data: Any) -> Any:
        """Refuse what moving implies."""
        given = cls.forbidden_fields & set(data.keys() if hasattr(data, "keys") else ())
        if given:
            raise ValueError(f"Forbidden fields present: {given}")
        return data


class UploadJsonlDatasetHuggingFaceMaybeDeleteConfig(BaseUploadJsonlDatasetHuggingFaceConfig):
    """A file to upload, and whether GitLab's copy goes."""

    delete_from_gitlab: Optional[bool] = Field(default=False, description="Delete GitLab's copy afterwards.")


class DownloadJsonlDatasetHuggingFaceConfig(JsonlDatasetHuggingFaceIdentifer, BaseNeMoGymCLIConfig):
    """A file, or splits, to download from the Hugging Face Hub."""

    output_dirpath: Optional[str] = Field(default=None, description="Folder for `<split>.jsonl`; all of them, or one.")
    output_fpath: Optional[str] = Field(default=None, description="File for one split or artifact.")
    hf_token: Optional[str] = Field(default=None, description="Token for the Hub.")
    split: Optional[Literal["train", "validation", "test"]] = Field(default=None, description="Which split.")

    @model_validator(mode="after")
    def check_output_path(self) -> "DownloadJsonlDatasetHuggingFaceConfig":
        """Refuse combinations that say nothing, or two things."""
        if not (self.output_dirpath or self.output_fpath):
            raise ValueError("Either output_dirpath or output_fpath must be provided")
        if self.output_dirpath and self.output_fpath:
            raise ValueError("Cannot specify both output_dirpath and output_fpath")
        if self.artifact_fpath and self.split:
            raise ValueError("Cannot specify both artifact_fpath and split")
        if self.output_fpath and not (self.split or self.artifact_fpath):
            raise ValueError("output_fpath holds one split: split must be specified, or artifact_fpath")
        return self


DatasetType = Union[Literal["train"], Literal["validation"], Literal["example"]]


class GitlabDatasetSource(BaseModel):
    """Where a dataset comes from: GitLab."""

    type: Literal["gitlab"]
    dataset_name: str
    version: str
    artifact_fpath: str


class HuggingFaceDatasetSource(BaseModel):
    """Where a dataset comes from: the Hugging Face Hub."""

    type: Literal["huggingface"]
    repo_id: str
    artifact_fpath: Optional[str] = None


DatasetSource = Annotated[Union[GitlabDatasetSource, HuggingFaceDatasetSource], Field(discriminator="type")]
_KINDS: dict[str, tuple[str, type[BaseModel], type[BaseModel]]] = {
    "gitlab_identifier": ("gitlab", JsonlDatasetGitlabIdentifer, GitlabDatasetSource),
    "huggingface_identifier": ("huggingface", JsonlDatasetHuggingFaceIdentifer, HuggingFaceDatasetSource),
}
"""The older fields, the `source.type` that replaced each, and the classes of both."""


class DatasetConfig(BaseModel):
    """One dataset of a server."""

    name: str
    type: DatasetType
    jsonl_fpath: str
    num_repeats: int = Field(default=1, ge=1)
    source: Optional[DatasetSource] = None
    gitlab_identifier: Optional[JsonlDatasetGitlabIdentifer] = None
    huggingface_identifier: Optional[JsonlDatasetHuggingFaceIdentifer] = None
    license: Optional[
        Literal[
            "Apache 2.0",
            "MIT",
            "Creative Commons Attribution 4.0 International",
            "Creative Commons Attribution-ShareAlike 4.0 International",
            "CC BY-SA 4.0",
            "CC BY-NC 3.0",
            "NVIDIA Internal Use Only, Do Not Distribute",
            "NVIDIA Evaluation Dataset License Agreement",
            "TBD",
            "GNU General Public License v3.0",
        ]
    ] = None

    @model_validator(mode="after")
    def check_train_validation_sets(self) -> "DatasetConfig":
        """What is trained on needs a license."""
        if self.type != "example" and self.license is None:
            raise ValueError(f"A license is required for {self.name}")
        return self

    @model_validator(mode="after")
    def normalize_dataset_source(self) -> "DatasetConfig":
        """Say the source in the newer field and in the older ones."""
        older = [name for name in _KINDS if getattr(self, name) is not None]
        if self.source is not None and older:
            raise ValueError(f"'{self.name}' has its source twice: set only one of 'source' and {', '.join(older)}")
        if self.source is not None:
            field, identifier = next(
                (name, before) for name, (kind, before, _) in _KINDS.items() if kind == self.source.type
            )
            setattr(self, field, identifier(**self.source.model_dump(exclude={"type"})))
        for name in older:
            warnings.warn(f"`{name}` is deprecated; '{self.name}' can have `source:`", DeprecationWarning, stacklevel=2)
        if len(older) == 1:
            kind, _, source = _KINDS[older[0]]
            self.source = source(type=kind, **getattr(self, older[0]).model_dump())  # type: ignore[assignment]
        return self


class BenchmarkDatasetConfig(BaseModel):
    """A dataset that a script prepares."""

    name: str
    type: Literal["benchmark"]
    jsonl_fpath: Path
    prepare_script: Path
    prompt_config: Optional[Path] = None
    num_repeats: int = Field(default=1, ge=1)
