"""The environments' ids."""

from __future__ import annotations

from typing import Any

import gymnasium

_ENTRY = "compiler_gym_service.env:CompilerEnv"
_VECTOR_ENTRY = "compiler_gym_service.vector:CompilerVectorEnv"

#: By id: what differs from the defaults.
PRESETS: dict[str, dict[str, Any]] = {
    "compiler_gym/llvm-v0": {},
    "compiler_gym/llvm-ic-v0": {"reward": "IrInstructionCountOz"},
    "compiler_gym/llvm-autophase-ic-v0": {"reward": "IrInstructionCountOz", "observation_space": "Autophase"},
    "compiler_gym/llvm-ir-ic-v0": {"reward": "IrInstructionCountOz", "observation_space": "Ir"},
    "compiler_gym/llvm-instcount-ic-v0": {"reward": "IrInstructionCountOz", "observation_space": "InstCount"},
    "compiler_gym/llvm-graph-ic-v0": {"reward": "IrInstructionCountOz", "observation_space": "Programl"},
    "compiler_gym/llvm-codesize-v0": {"reward": "ObjectTextSizeNorm"},
    "compiler_gym/llvm-textsize-v0": {"reward": "TextSizeNorm"},
    "compiler_gym/llvm-shipped-size-v0": {
        "reward": "ShippedTextSizeOz",
        "service": {"flags": ["--all_observations"]},
    },
}

#: Steps of an episode, unless `make` is told otherwise; CompilerGym's experiments have as many.
MAX_EPISODE_STEPS = 45


def register_envs() -> None:
    """Makes the ids known to Gymnasium. Importing the package does it; doing it again does nothing."""
    for name, kwargs in PRESETS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point=_ENTRY,
                vector_entry_point=_VECTOR_ENTRY,
                max_episode_steps=MAX_EPISODE_STEPS,
                kwargs=kwargs,
            )
