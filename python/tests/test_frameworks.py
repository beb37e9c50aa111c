"""The libraries that learn, each skipped where it is not installed: all bring PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from compiler_gym_service import CompilerVectorEnv, errors

# Their own warnings are theirs.
pytestmark = pytest.mark.filterwarnings("default")

ARGUMENTS: dict[str, Any] = {
    "dataset": "demo-v0",
    "actions": ["-mem2reg", "-gvn", "-simplifycfg", "-instcombine"],
    "max_episode_steps": 3,
}


# -------------------------------------------------------------------------------------------------- Stable-Baselines3


@pytest.fixture
def adapted() -> Iterator[tuple[Any, CompilerVectorEnv]]:
    pytest.importorskip("stable_baselines3", reason="pip install stable-baselines3")
    from compiler_gym_service.sb3 import StableBaselinesVecEnv

    vector = CompilerVectorEnv(2, autoreset_mode="SameStep", **ARGUMENTS)
    with contextlib.closing(StableBaselinesVecEnv(vector)) as env:
        yield env, vector


def test_stable_baselines_sees_what_the_vector_environment_has(adapted: tuple[Any, CompilerVectorEnv]) -> None:
    env, _ = adapted
    env.seed(5)
    with contextlib.closing(CompilerVectorEnv(2, autoreset_mode="SameStep", **ARGUMENTS)) as same:
        assert np.array_equal(env.reset(), same.reset(seed=5)[0])
        for actions in ([0, 1], [1, 2], [3, 0], [0, 0]):
            observations, rewards, dones, infos = env.step(np.array(actions))
            wanted, wanted_rewards, _, truncated, wanted_infos = same.step(np.array(actions))
            assert np.array_equal(observations, wanted)
            assert np.allclose(rewards, wanted_rewards)
            assert dones.tolist() == truncated.tolist()
            for index, info in enumerate(infos):
                if dones[index]:
                    assert np.array_equal(info["terminal_observation"], wanted_infos["final_obs"][index])
                    assert info["TimeLimit.truncated"] is True
                    assert info["benchmark"] == wanted_infos["benchmark"][index]
                assert info["action_had_no_effect"] in (True, False)


def test_stable_baselines_chooses_programs(adapted: tuple[Any, CompilerVectorEnv]) -> None:
    env, vector = adapted
    env.set_options([{"benchmark": "demo-v0/sort"}, {}])
    env.reset()
    assert env.reset_infos[0]["benchmark"] == "benchmark://demo-v0/sort"
    assert env.reset_infos[1]["benchmark"].startswith("benchmark://demo-v0/")
    assert env.get_attr("plan") == [vector.plan] * 2
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False, False]
    with pytest.raises(AttributeError, match="cannot call render"):
        env.env_method("render")


def test_stable_baselines_is_told_what_it_cannot_take() -> None:
    pytest.importorskip("stable_baselines3", reason="pip install stable-baselines3")
    from compiler_gym_service.sb3 import StableBaselinesVecEnv

    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "autoreset_mode is NextStep; Stable-Baselines3 wants SameStep"),
        ({"observation_space": "Ir", "autoreset_mode": "SameStep"}, "the observation space is AnyText"),
    ]
    for arguments, reason in cases:
        with (
            contextlib.closing(CompilerVectorEnv(2, **ARGUMENTS, **arguments)) as vector,
            pytest.raises(errors.InvalidArgument, match=reason),
        ):
            StableBaselinesVecEnv(vector)


# -------------------------------------------------------------------------------------------------------------- others


def test_rllib_trains_without_an_adapter() -> None:
    pytest.importorskip("ray.rllib", reason="pip install 'ray[rllib]' torch")
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import FlattenObservations

    config = (
        PPOConfig()
        .environment("compiler_gym/llvm-v0", env_config=ARGUMENTS)
        .env_runners(
            num_env_runners=0,
            num_envs_per_env_runner=4,
            gym_env_vectorize_mode=gymnasium.VectorizeMode.VECTOR_ENTRY_POINT,
            rollout_fragment_length=8,
            # Counts are whole numbers, and its networks want others.
            env_to_module_connector=lambda env, spaces, device: FlattenObservations(),
        )
        .training(train_batch_size_per_learner=32, minibatch_size=32, num_epochs=1)
        .learners(num_learners=0)
    )
    algorithm = config.build_algo()
    try:
        runner = algorithm.train()["env_runners"]
        assert runner["num_episodes"] > 0 and np.isfinite(runner["episode_return_mean"])
        assert isinstance(algorithm.env_runner.env.unwrapped, CompilerVectorEnv)
    finally:
        algorithm.stop()
        ray.shutdown()


def test_torchrl_wraps_one_and_many() -> None:
    pytest.importorskip("torchrl", reason="pip install torchrl")
    from torchrl.envs import GymWrapper
    from torchrl.envs.utils import check_env_specs

    one = GymWrapper(gymnasium.make("compiler_gym/llvm-v0", **ARGUMENTS))
    check_env_specs(one)
    assert one.rollout(3)["next", "reward"].shape == (3, 1)
    one.close()
    made = gymnasium.make_vec("compiler_gym/llvm-v0", 2, "vector_entry_point", autoreset_mode="Disabled", **ARGUMENTS)
    many = GymWrapper(made)
    rollout = many.rollout(5, break_when_any_done=False)
    assert rollout["next", "done"].squeeze(-1).tolist() == [[False, False, True, False, False]] * 2
    many.close()
