"""What is to be run on a cluster: services such as a model's, the cluster, and the benchmarks."""

import warnings
from typing import Annotated, Any, Final, Literal, Optional

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

POLICY_KEYS: Final = ("policy_base_url", "policy_model_name", "policy_api_key")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HealthCheckConfig(_Section):
    """When a service is ready: a path that answers."""

    path: str = "/health"
    port: Optional[int] = None
    """The service's own, where it has one."""
    timeout_seconds: int = 60


class BaseServiceConfig(_Section):
    """A program that runs beside the benchmarks."""

    container: str
    placement: Optional[str] = None
    """A cluster; the only one, where it is not said."""
    health_check: Optional[HealthCheckConfig] = None
    env: dict[str, str] = {}
    mounts: list[str] = []
    """`SOURCE`, `SOURCE:TARGET` or `SOURCE:TARGET:FLAGS`, as for Pyxis."""


class BaseModelServiceConfig(BaseServiceConfig):
    """A model."""

    model: str
    port: int = 8000


class VllmServiceDistributedBackend(_Section):
    """vLLM's own data parallelism, on one node."""

    type: Literal["mp"] = "mp"


DistributedBackendConfig = Annotated[Annotated[VllmServiceDistributedBackend, Tag("mp")], Discriminator("type")]


class VllmServiceConfig(BaseModelServiceConfig):
    """A model served by vLLM."""

    type: Literal["vllm"]
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    trust_remote_code: bool = False
    number_of_instances: int = 1
    distributed_backend: Optional[DistributedBackendConfig] = None

    @field_validator("number_of_instances")
    @classmethod
    def _is_positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"number_of_instances must be at least 1, not {value}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "VllmServiceConfig":
        if self.number_of_instances == 1 and self.distributed_backend is not None:
            raise ValueError("distributed_backend should not be set for one instance")
        if self.number_of_instances > 1 and self.distributed_backend is None:
            self.distributed_backend = VllmServiceDistributedBackend()
        check = self.health_check or HealthCheckConfig()
        self.health_check = check.model_copy(update={"port": check.port or self.port})
        return self

    @property
    def gpus(self) -> int:
        """GPUs that it takes."""
        return self.tensor_parallel_size * self.pipeline_parallel_size * self.number_of_instances


class RayServiceConfig(BaseServiceConfig):
    """The head of a Ray cluster."""

    type: Literal["ray"]


ServiceConfig = Annotated[
    Annotated[VllmServiceConfig, Tag("vllm")] | Annotated[RayServiceConfig, Tag("ray")], Discriminator("type")
]


class NodePool(_Section):
    """Nodes of one kind."""

    partition: str
    nodes: int = 1
    ntasks_per_node: int = 1
    gpus_per_node: Optional[int] = None
    extra_args: dict[str, str] = {}
    """Further `#SBATCH` directives, by name."""


class BaseComputeConfig(_Section):
    """A cluster."""


class SlurmComputeConfig(BaseComputeConfig):
    """A Slurm cluster with Pyxis."""

    type: Literal["slurm"]
    account: str
    hostname: Optional[str] = None
    """The login node, reached with ssh; None where this is it."""
    walltime: Optional[str] = None
    node_pools: dict[str, NodePool] = {}
    extra_args: dict[str, str] = {}


ComputeConfig = Annotated[Annotated[SlurmComputeConfig, Tag("slurm")], Discriminator("type")]


class BenchmarkRunConfig(_Section):
    """Overrides for `gym eval prepare` and for `gym eval run`."""

    prepare: dict[str, Any] = {}
    run: dict[str, Any] = {}


class GymInstallConfig(_Section):
    """Sources to install in the driver's container first."""

    repo: str
    ref: str
    """A tag or a commit."""


class DriverConfig(_Section):
    """What runs the benchmarks."""

    container: str = "python:3.12"
    """With the command `gym`, unless it is installed."""
    gym_install: Optional[GymInstallConfig] = None
    policy_model: Optional[str] = None
    """The service whose model is evaluated."""
    benchmarks: dict[str, BenchmarkRunConfig]
    env: dict[str, str] = {}
    mounts: list[str] = []


class JobConfig(_Section):
    """Where jobs are."""

    output_path: str
    """A folder on the cluster; every submission makes one in it."""


class SubmitConfig(_Section):
    """Everything. Raises ValidationError for what does not fit together."""

    services: dict[str, ServiceConfig]
    compute: dict[str, ComputeConfig] = Field(min_length=1)
    driver: DriverConfig
    job: JobConfig

    @model_validator(mode="after")
    def _fits_together(self) -> "SubmitConfig":
        names = sorted(self.compute)
        if len(names) > 1:
            raise ValueError(f"Multiple compute resources are not supported yet ({', '.join(names)}).")
        for name, service in self.services.items():
            service.placement = service.placement or names[0]
            if service.placement not in self.compute:
                raise ValueError(
                    f"Service {name!r}: placement {service.placement!r} does not match any compute resource "
                    f"({', '.join(names)})."
                )
            if isinstance(service, VllmServiceConfig):
                self._check_gpus(name, service)
        self._wire_policy()
        return self

    def _check_gpus(self, name: str, service: VllmServiceConfig) -> None:
        pools = self.compute[service.placement or ""].node_pools.values()
        there = max((pool.gpus_per_node for pool in pools if pool.gpus_per_node is not None), default=None)
        if there is None or service.gpus == there:
            return
        what = f"Service {name!r} takes {service.gpus} GPUs"
        if service.gpus > there:
            raise ValueError(
                f"{what}, which exceeds the largest available node pool's gpus_per_node ({there}). It must fit on one "
                "node: reduce number_of_instances, tensor_parallel_size or pipeline_parallel_size."
            )
        warnings.warn(f"{what} of a node's {there}, leaving {there - service.gpus} GPU(s) idle.", stacklevel=2)

    def _wire_policy(self) -> None:
        name = self.driver.policy_model
        if name is None:
            return
        if name not in self.services:
            raise ValueError(f"driver.policy_model {name!r} does not match any service ({', '.join(self.services)}).")
        service = self.services[name]
        if not isinstance(service, BaseModelServiceConfig):
            return
        values = (f"http://localhost:{service.port}/v1", service.model, "dummy")
        for benchmark, config in self.driver.benchmarks.items():
            if given := [key for key in POLICY_KEYS if key in config.run]:
                raise ValueError(f"Benchmark {benchmark!r} already sets {', '.join(given)}, and so does policy_model.")
            config.run |= dict(zip(POLICY_KEYS, values, strict=True))
