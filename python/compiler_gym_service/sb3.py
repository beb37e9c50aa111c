"""For Stable-Baselines3 (extra `sb3`), which has an interface of its own for many environments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from ._infos import rows
from .errors import InvalidArgument
from .vector import CompilerVectorEnv

Indices = int | Iterable[int] | None


class StableBaselinesVecEnv(VecEnv):
    """A CompilerVectorEnv as Stable-Baselines3's algorithms, wrappers and `evaluate_policy` take environments.

    The vector environment begins anew in the same step (autoreset_mode="SameStep") and has observations of one array, or a
    dict of arrays. Its sub-environments are no objects: there are no methods to call on them, nor attributes to set.
    """

    def __init__(self, env: CompilerVectorEnv) -> None:
        self.env = env
        if env.metadata["autoreset_mode"] is not AutoresetMode.SAME_STEP:
            raise InvalidArgument(
                f"autoreset_mode is {env.metadata['autoreset_mode'].value}; Stable-Baselines3 wants SameStep"
            )
        if not isinstance(env.single_observation_space, gymnasium.spaces.Box | gymnasium.spaces.Dict):
            raise InvalidArgument(
                f"the observation space is {env.single_observation_space}; Stable-Baselines3 takes a Box or a dict of them"
            )
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Begins anew with all. `seed` and `set_options` ({"benchmark": ...}) say how."""
        options = None
        if any("benchmark" in each for each in self._options):
            options = {"benchmark": [each.get("benchmark") for each in self._options]}
        observations, infos = self.env.reset(seed=self._seeds, options=options)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = rows(infos, self.num_envs)
        return observations

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Begins a step of all."""
        self.env.send(actions)

    def step_wait(self) -> tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any], list[dict[str, Any]]]:
        """Observations, rewards, whether episodes have ended, and infos, with what Stable-Baselines3 looks for there."""
        observations, rewards, terminated, truncated, columns = self.env.step_wait()
        infos = rows(columns, self.num_envs)
        for index in np.flatnonzero(terminated | truncated):
            info = infos[index]
            final = info.pop("final_info", {})
            info.update({key: value for key, value in final.items() if key not in info})
            info["terminal_observation"] = info.pop("final_obs")
            info["TimeLimit.truncated"] = bool(truncated[index] and not terminated[index])
        return observations, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Ends the sessions."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """The vector environment's: all have the same. Raises AttributeError."""
        value = getattr(self.env, attr_name)
        return [value for _ in self._indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Raises AttributeError: there is nothing to set."""
        raise AttributeError(f"cannot set {attr_name}: sub-environments of CompilerVectorEnv are no objects")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Raises AttributeError: there is nothing to call."""
        raise AttributeError(f"cannot call {method_name}: sub-environments of CompilerVectorEnv are no objects")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Indices = None) -> list[bool]:
        """They are not."""
        return [False for _ in self._indices(indices)]

    def _indices(self, indices: Indices) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
