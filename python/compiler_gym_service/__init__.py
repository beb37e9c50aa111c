"""Compilers as Gymnasium environments: many sessions on one asynchronous service.

import gymnasium, compiler_gym_service

env = gymnasium.make("compiler_gym/llvm-v0", benchmark="program.c")
"""

from ._gcc_torture import GccTortureDataset
from ._requests import StepResult, Version
from ._resolve import benchmark_of, dataset_of, register_dataset
from .actions import ActionTable
from .aio import AsyncClient, AsyncSession
from .benchmark import Benchmark, MissingTool, RunOptions
from .client import Client, Session
from .datasets import (
    CsmithDataset,
    Dataset,
    FileDataset,
    ListDataset,
    LlvmStressDataset,
    ManifestDataset,
    TarDataset,
    demo_dataset,
)
from .env import CompilerEnv
from .errors import ServiceError, SessionsLost
from .options import ServiceOptions, TlsOptions
from .process import ManagedService, find_service, stop_services
from .registration import register_envs
from .rewards import Reward
from .spaces import Spaces
from .state import CompilerState, read_states, write_states
from .validation import ValidationResult
from .vector import CompilerVectorEnv

__all__ = [
    "ActionTable",
    "AsyncClient",
    "AsyncSession",
    "Benchmark",
    "Client",
    "CompilerEnv",
    "CompilerState",
    "CompilerVectorEnv",
    "CsmithDataset",
    "Dataset",
    "FileDataset",
    "GccTortureDataset",
    "ListDataset",
    "LlvmStressDataset",
    "ManagedService",
    "ManifestDataset",
    "MissingTool",
    "Reward",
    "RunOptions",
    "ServiceError",
    "ServiceOptions",
    "Session",
    "SessionsLost",
    "Spaces",
    "StepResult",
    "TarDataset",
    "TlsOptions",
    "ValidationResult",
    "Version",
    "benchmark_of",
    "dataset_of",
    "demo_dataset",
    "find_service",
    "read_states",
    "register_dataset",
    "register_envs",
    "stop_services",
    "write_states",
]

register_envs()
