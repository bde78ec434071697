"""Settings of services that runs are sent to: whether there is enough of them to reach the service."""

from typing import Final, Optional

from pydantic import BaseModel

HIDDEN: Final = "****"
"""What stands in a configuration from which secrets have been removed."""


class ExporterConfig(BaseModel):
    """Settings of one service."""

    @property
    def is_available(self) -> bool:
        """Whether the service can be reached with them."""
        raise NotImplementedError


class WANDBConfig(ExporterConfig):
    """Weights & Biases."""

    wandb_project: Optional[str] = None
    wandb_name: Optional[str] = None
    wandb_api_key: Optional[str] = None

    @property
    def is_available(self) -> bool:
        """Whether project, name and a key are there."""
        return bool(self.wandb_project and self.wandb_name and self.wandb_api_key) and self.wandb_api_key != HIDDEN


class MLFlowConfig(ExporterConfig):
    """MLflow; the GitLab registry of datasets needs the first two."""

    mlflow_tracking_uri: Optional[str] = None
    mlflow_tracking_token: Optional[str] = None
    mlflow_experiment_name: Optional[str] = None
    mlflow_run_name: Optional[str] = None

    @property
    def is_available(self) -> bool:
        """Whether address, experiment and run are there; a server may need no token."""
        is_named = self.mlflow_tracking_uri and self.mlflow_experiment_name and self.mlflow_run_name
        return bool(is_named) and self.mlflow_tracking_token != HIDDEN
