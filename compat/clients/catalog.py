"""The clients that there are checks for: where their code is, at which revision, and what it needs to run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """A client and its check, `NAME_check.py`."""

    repository: str = ""
    """`OWNER/NAME` at GitHub; empty for one that comes from the registry alone."""
    commit: str = ""
    paths: tuple[str, ...] = ()
    """What is taken of the repository; everything when there are none."""
    requirements: tuple[str, ...] = ()
    """Packages of the interpreter that runs the check."""
    unresolved: tuple[str, ...] = ()
    """Those that are installed without what they ask for: they ask for more than the check needs."""
    needs_polygym: bool = False
    """Whether the check's interpreter must have polygym and its `nemo_gym`, too."""
    python: str = "3.11"


TORCH = ("torch==2.13.0", "ray==2.60.0", "pillow", "requests", "numpy", "tensordict==0.15.3")

CLIENTS = {
    "axolotl": Client(
        "axolotl-ai-cloud/axolotl",
        "067b021c8b87a9e5e380b9173c704cf7340e30f5",
        ("src/axolotl/integrations/nemo_gym",),
        ("aiohttp", "requests", "pyyaml", "numpy", "datasets"),
    ),
    "miles": Client(
        "radixark/miles",
        "31f1ca961a94cb860cec3b2dea34ec332bfa8f76",
        ("examples/experimental/nemo-gym",),
        ("httpx",),
    ),
    "mixed": Client("NVIDIA-NeMo/Gym", "07d6b0d07b22fcf530b4c211dae2ee23100428e4", requirements=("pyyaml",)),
    "nemo_evaluator": Client(requirements=("nemo-evaluator==0.3.0",), needs_polygym=True, python="3.12"),
    "nemo_rl": Client(
        "NVIDIA-NeMo/RL",
        "7ea279abfbeb698b092856d0dab61e7cf39bc909",
        ("nemo_rl",),
        (*TORCH, "transformers>=5.5,<5.9", "pyzmq", "nvidia-ml-py"),
        needs_polygym=True,
    ),
    "nemotron": Client(
        "NVIDIA-NeMo/Nemotron",
        "e27b37133d652f72dbf631ff8bb487df45f8f7d1",
        ("src/nemotron/recipes/lightning35/stage3_eval",),
    ),
    "trl": Client(
        "huggingface/trl",
        "a0d472341893b9975a33f618422187d9fa804a96",
        ("examples/scripts/nemo_gym",),
        ("torch==2.13.0", "trl==1.5.1", "transformers>=4.57,<4.58", "datasets", "aiohttp", "omegaconf", "requests"),
    ),
    "unsloth": Client(
        "unslothai/notebooks",
        "bdda2efc7ad5ae129ea63cd2065d23c391406283",
        ("python_scripts/NeMo-Gym-Sudoku.py", "python_scripts/NeMo-Gym-Multi-Environment.py"),
        ("omegaconf", "requests", "pyyaml", "numpy"),
    ),
    "verifiers": Client(
        requirements=("verifiers==0.4.0", "fastapi", "itsdangerous", "hydra-core", "omegaconf", "requests", "uvicorn"),
        unresolved=("polygym", "polygym-nemo"),  # which asks for an older openai than verifiers
        python="3.12",
    ),
    "verl": Client(
        "verl-project/verl-recipe",
        "48ea0a797fa29867ea0ad92aff7d284eec7d4be3",
        ("nemo_gym",),
        (*TORCH, "transformers>=5.5,<5.9", "codetiming", "datasets", "cachetools"),
        unresolved=("verl==0.9.1",),
        needs_polygym=True,
    ),
}
