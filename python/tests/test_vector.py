"""CompilerVectorEnv, on a real service: compared with Gymnasium's own vector of CompilerEnv."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from compiler_gym_service import Benchmark, Client, CompilerEnv, CompilerVectorEnv, Reward, _requests, errors
from compiler_gym_service import _exchange as exchange_module
from compiler_gym_service._proto import compiler_gym_service_pb2 as pb
from compiler_gym_service._proto import compiler_gym_stream_pb2 as stream_pb
from compiler_gym_service._wire import StepEncoder, varint

GOOD = ["-mem2reg", "-simplifycfg", "-gvn", "-instcombine", "-loop-rotate", "-licm", "-adce", "-sroa", "-early-cse"]


def vector(count: int, **arguments: Any) -> contextlib.closing[CompilerVectorEnv]:
    return contextlib.closing(CompilerVectorEnv(count, **arguments))


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list) or (isinstance(left, np.ndarray) and left.dtype == object):
        return len(left) == len(right) and all(equal(one, other) for one, other in zip(left, right, strict=True))
    return np.array_equal(left, right)


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("observation_space", ["Autophase", {"features": "InstCount", "hash": "IrSha1"}], ids=str)
def test_the_same_as_gymnasiums_vector(mode: AutoresetMode, observation_space: Any) -> None:
    arguments: dict[str, Any] = {"dataset": "demo-v0", "actions": GOOD, "observation_space": observation_space}
    wanted = gymnasium.make_vec(
        "compiler_gym/llvm-v0", 3, "sync", vector_kwargs={"autoreset_mode": mode}, max_episode_steps=3, **arguments
    )
    made = gymnasium.make_vec(
        "compiler_gym/llvm-v0", 3, "vector_entry_point", max_episode_steps=3, autoreset_mode=mode, **arguments
    )
    assert made.metadata["autoreset_mode"] is mode
    assert made.single_observation_space == wanted.single_observation_space
    assert made.observation_space == wanted.observation_space
    assert made.action_space == wanted.action_space
    assert equal(made.reset(seed=11)[0], wanted.reset(seed=11)[0])
    made.action_space.seed(5)
    for step in range(9):
        actions = made.action_space.sample()
        results = made.step(actions), wanted.step(actions)
        for one, other in zip(results[0][:4], results[1][:4], strict=True):
            assert equal(one, other), step
        assert results[0][0] in made.observation_space or not isinstance(observation_space, str)
        if mode is AutoresetMode.SAME_STEP and results[0][3].any():
            assert equal(results[0][4]["final_obs"], results[1][4]["final_obs"])
            assert results[0][4]["_final_obs"].all()
            effects = [result[4]["final_info"]["action_had_no_effect"] for result in results]
            assert equal(effects[0].astype(bool), effects[1].astype(bool))
        if mode is AutoresetMode.DISABLED and results[0][3].any():
            with pytest.raises(errors.FailedPrecondition, match="has to be reset first"):
                made.step(actions)
            mask = np.array([True, True, True])
            first = [each.reset(options={"reset_mask": mask.copy()})[0] for each in (made, wanted)]
            assert equal(*first)
    made.close()
    wanted.close()


@pytest.mark.parametrize("mode", AutoresetMode)
def test_same_seeds_same_trajectories(mode: AutoresetMode) -> None:
    arguments: dict[str, Any] = {"dataset": "demo-v0", "actions": GOOD, "reward": "IrInstructionCountOz"}
    random = np.random.default_rng(3)
    actions = random.integers(len(GOOD), size=(10, 8))
    with vector(8, autoreset_mode=mode, **arguments) as many:
        many.reset(seed=100)
        rewards = np.array([many.step(row)[1] for row in actions])
        states = many.states()
    with contextlib.closing(CompilerEnv(**arguments)) as one:
        for index, state in enumerate(states):
            # One at a time, from the same seed.
            one.reset(seed=100 + index)
            assert [one.step(action)[1] for action in actions[:, index]] == rewards[:, index].tolist()
            assert one.state.ir_sha1 == state.ir_sha1
            # And from what was written down.
            one.apply(state)
            assert one.state.ir_sha1 == state.ir_sha1
            assert one.episode_reward == pytest.approx(state.reward)


def test_a_sequence_of_programs_begins_further_on_in_each() -> None:
    with vector(3, dataset="demo-v0", benchmark_order="sequential", first_benchmark=1) as many:
        names = list(many.order.dataset.uris())
        assert many.reset()[1]["benchmark"].tolist() == names[1:4]
        assert many.reset()[1]["benchmark"].tolist() == names[2:5]


def test_programs_can_be_chosen_for_each(sort: Benchmark, crc32: Benchmark) -> None:
    with vector(2, dataset="demo-v0") as many:
        assert many.reset(options={"benchmark": [sort, crc32]})[1]["benchmark"].tolist() == [sort.uri, crc32.uri]
        assert (
            many.reset(options={"benchmark": "demo-v0/sort"})[1]["benchmark"].tolist()
            == ["benchmark://demo-v0/sort"] * 2
        )
        with pytest.raises(errors.NotFound, match="no dataset 'nowhere-v0'"):
            many.reset(options={"benchmark": [sort, "benchmark://nowhere-v0/x"]})
        with pytest.raises(errors.InvalidArgument, match="Failed to parse LLVM bitcode"):
            many.reset(options={"benchmark": [sort, Benchmark("benchmark://test/garbage", b"no bitcode")]})
        with pytest.raises(errors.InvalidArgument, match="1 programs for 2 sub-environments"):
            many.reset(options={"benchmark": [sort]})
        many.reset()


@pytest.fixture
def four(sort: Benchmark) -> Iterator[CompilerVectorEnv]:
    with vector(4, benchmark=sort, reward="IrInstructionCount") as many:
        many.reset(seed=0)
        yield many


def test_send_and_receive_some(four: CompilerVectorEnv) -> None:
    mem2reg, gvn = (four.plan.table.number(name) for name in ("-mem2reg", "-gvn"))
    four.send([mem2reg, gvn], ids=[2, 0])
    assert four.pending == 2
    with pytest.raises(errors.FailedPrecondition, match="sub-environment 2 is under way"):
        four.send([gvn], ids=[2])
    ids, observations, rewards, terminated, truncated, infos = four.recv(min=2)
    assert sorted(ids.tolist()) == [0, 2]
    assert observations.shape == (2, 56) and rewards.shape == terminated.shape == truncated.shape == (2,)
    assert float(rewards[ids.tolist().index(2)]) > 0
    assert infos["_action_had_no_effect"].tolist() == [True, False, True, False]
    assert four.recv(min=4, timeout=5.0)[0].tolist() == []
    four.send([gvn] * 4)
    first = four.recv(min=1, max=1)[0].tolist()
    rest = four.recv(min=4)[0].tolist()
    assert sorted(first + rest) == [0, 1, 2, 3]


def test_one_that_is_ready_goes_on_while_others_work(four: CompilerVectorEnv) -> None:
    together = four.step([four.plan.table.number("-mem2reg")] * 4)[1].tolist()
    four.reset(seed=0)
    steps = dict.fromkeys(range(4), 0)
    rewards = dict.fromkeys(range(4), 0.0)
    four.send([four.plan.table.number("-mem2reg")] * 4)
    while four.pending:
        ids, _, received, _, _, _ = four.recv(min=1, max=2)
        again = []
        for index, reward in zip(ids.tolist(), received.tolist(), strict=True):
            steps[index] += 1
            rewards[index] += reward
            if steps[index] < 5:
                again.append(index)
        four.send([four.plan.table.number("-adce")] * len(again), again)
    assert set(steps.values()) == {5}
    assert all(rewards[index] >= together[index] for index in range(4))


def test_bad_arguments_begin_nothing(four: CompilerVectorEnv) -> None:
    with pytest.raises(errors.InvalidArgument, match=r"sub-environment 3: action 124 is outside \[0, 124\)"):
        four.step([0, 0, 0, 124])
    with pytest.raises(errors.InvalidArgument, match="3 actions for 4 sub-environments"):
        four.step([0, 0, 0])
    with pytest.raises(errors.InvalidArgument, match="2 seeds for 4"):
        four.reset(seed=[1, 2])
    with pytest.raises(errors.InvalidArgument, match="an array of 4 booleans"):
        four.reset(options={"reset_mask": [True] * 4})
    assert four.pending == 0
    four.step([0, 0, 0, 0])
    with (
        vector(2, benchmark="demo-v0/sort") as fresh,
        pytest.raises(errors.FailedPrecondition, match="has to be reset"),
    ):
        fresh.step([0, 0])
    with pytest.raises(errors.InvalidArgument, match="num_envs is 0"):
        CompilerVectorEnv(0)


def test_a_reset_of_some_leaves_the_others(sort: Benchmark) -> None:
    with vector(3, benchmark=sort, autoreset_mode="Disabled") as many:
        first, _ = many.reset()
        after = many.step([103, 103, 103])[0]
        mixed, infos = many.reset(options={"reset_mask": np.array([False, True, False])})
        assert equal(mixed[1], first[1]) and equal(mixed[[0, 2]], after[[0, 2]])
        assert infos["_benchmark"].tolist() == [False, True, False]
        # Also while the others are under way.
        many.send([103, 103], ids=[0, 2])
        many.reset(options={"reset_mask": np.array([False, True, False])})
        assert sorted(many.recv(min=2)[0].tolist()) == [0, 2]


def test_arrays_are_copies_unless_told_otherwise(sort: Benchmark) -> None:
    for copies in (True, False):
        with vector(2, benchmark=sort, copy=copies) as many:
            first, _ = many.reset()
            kept = first.copy()
            after = many.step([103, 103])[0]
            assert (after is first) is not copies
            assert equal(first, kept) is copies


@pytest.mark.parametrize(
    "observation_space", ["Ir", "Programl", ("IsRunnable", "IrInstructionCount"), "Bitcode"], ids=str
)
def test_observations_that_are_no_arrays(observation_space: Any, sort: Benchmark) -> None:
    with vector(2, benchmark=sort, observation_space=observation_space) as many:
        first, _ = many.reset()
        assert first in many.observation_space
        assert many.step([103, 103])[0] in many.observation_space


def loss(before: Any, after: Any) -> float:
    return float(before["ObjectTextSizeBytes"] - after["ObjectTextSizeBytes"])


def test_rewards_of_all_kinds(sort: Benchmark) -> None:
    for reward in (Reward(function=loss, observations=("ObjectTextSizeBytes",)), "ObjectTextSizeBytes"):
        with (
            vector(2, benchmark=sort, reward=reward) as many,
            contextlib.closing(CompilerEnv(benchmark=sort, reward=reward)) as one,
        ):
            many.reset()
            one.reset()
            assert many.step([103, 10])[1][0] == one.step(103)[1]


def zombies() -> list[str]:
    """Processes of this one that have ended, and that nobody has waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                found.append(entry.name)
    return found


def test_ctrl_c_during_a_step_loses_nothing(four: CompilerVectorEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    real = exchange_module.Exchange.receive

    def receive(self: Any, timeout: float | None) -> list[stream_pb.StreamReply]:
        monkeypatch.setattr(exchange_module.Exchange, "receive", real)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError

    monkeypatch.setattr(exchange_module.Exchange, "receive", receive)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            four.step([103] * 4)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert four.pending == 4
    _, rewards, _, _, _ = four.step_wait()
    assert (rewards > 0).all()
    assert len({state.ir_sha1 for state in four.states()}) == 1


@pytest.mark.parametrize("under_way", [False, True])
def test_a_killed_service_costs_nothing_but_time(under_way: bool) -> None:
    arguments: dict[str, Any] = {"dataset": "demo-v0", "actions": GOOD}
    random = np.random.default_rng(1)
    actions = random.integers(len(GOOD), size=(6, 64))
    results = []
    for kill in (False, True):
        with vector(64, service={"shared": False}, max_episode_steps=4, **arguments) as many:
            many.reset(seed=7)
            rewards = []
            for number, row in enumerate(actions):
                service = many.client.service
                assert service is not None
                if kill and number % 2 and not under_way:
                    os.kill(service.pid, signal.SIGKILL)
                    service.process.wait()
                many.send(row)
                if kill and number % 2 and under_way:
                    os.kill(service.pid, signal.SIGKILL)
                ids, _, received, _, _, _ = many.recv(min=64)
                rewards.append(received[np.argsort(ids)])
            results.append((np.array(rewards), [state.ir_sha1 for state in many.states()]))
            assert many.client.generation == (3 if kill else 0)
            assert not zombies()
    assert np.allclose(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_sessions_that_the_service_has_ended_are_restored(four: CompilerVectorEnv) -> None:
    four.step([103] * 4)
    for lane in four._fleet.lanes[1:3]:
        assert lane.episode is not None
        four.client.call(_requests.END_SESSION, pb.EndSessionRequest(session_id=lane.episode.session))
    rewards = four.step([four.plan.table.number("-simplifycfg")] * 4)[1]
    assert len(set(rewards.tolist())) == 1
    assert len({state.ir_sha1 for state in four.states()}) == 1


def test_a_service_that_is_gone_for_good_is_an_error_that_says_what_is_lost(sort: Benchmark) -> None:
    owner = Client({"shared": False})
    owner.version()
    assert owner.service is not None
    with vector(3, benchmark=sort, service=owner.service.address) as many:
        many.reset()
        owner.close()
        with pytest.raises(errors.SessionsLost, match="3 sessions are lost: cannot connect") as lost:
            many.step([0, 0, 0])
        assert lost.value.indices == (0, 1, 2)


def test_what_breaks_the_compiler_truncates_its_own_episode(
    four: CompilerVectorEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = exchange_module.Exchange.receive

    def receive(self: Any, timeout: float | None) -> list[stream_pb.StreamReply]:
        replies = real(self, timeout)
        for reply in replies:
            if reply.id == 2 and reply.HasField("step"):
                reply.error.code, reply.error.message = errors.DataLoss.status, "the pass crashed"
        return replies

    monkeypatch.setattr(exchange_module.Exchange, "receive", receive)
    _, rewards, terminated, truncated, infos = four.step([103] * 4)
    monkeypatch.undo()
    assert truncated.tolist() == [False, True, False, False]
    assert not terminated.any()
    assert rewards[1] == 0 and rewards[0] > 0
    assert infos["error_type"][1] == "DataLoss" and infos["error_details"][1] == "the pass crashed"
    assert infos["_error_type"].tolist() == [False, True, False, False]
    _, rewards, _, truncated, infos = four.step([103] * 4)
    assert infos["_benchmark"].tolist() == [False, True, False, False]
    assert not truncated.any()


def test_a_service_without_a_stream(monkeypatch: pytest.MonkeyPatch, sort: Benchmark) -> None:
    monkeypatch.setattr(exchange_module, "STREAM_PATH", "/compiler_gym.NoSuchService/Exchange")
    with vector(4, benchmark=sort) as many, contextlib.closing(CompilerEnv(benchmark=sort)) as one:
        many.reset()
        one.reset()
        wanted = one.step(103)
        observations, rewards, _, _, _ = many.step([103] * 4)
        assert rewards.tolist() == [wanted[1]] * 4
        assert equal(observations[2], wanted[0])


def test_episodes_that_are_over_leave_no_session(sort: Benchmark) -> None:
    with vector(8, benchmark=sort, service={"shared": False}, autoreset_mode="SameStep", max_episode_steps=1) as many:
        many.reset()
        for _ in range(3):
            many.step([0] * 8)
        reply = many.client.call(_requests.END_SESSION, pb.EndSessionRequest(session_id=2**60))
        assert reply.remaining_sessions == 8


@pytest.mark.parametrize("session", [0, 1, 127, 128, 2**40])
@pytest.mark.parametrize("actions", [[], [0], [123, 7], list(range(124))])
def test_requests_are_those_of_the_generated_messages(session: int, actions: list[int]) -> None:
    encoder = StepEncoder([actions], [9, 5])
    step = pb.StepRequest(
        session_id=session, action=[pb.Event(int64_value=each) for each in actions], observation_space=[9, 5]
    )
    for request in (1, 64, 20000):
        encoded = encoder.encode(encoder.head(request, session), 0)
        wanted = stream_pb.RequestBatch(request=[stream_pb.StreamRequest(id=request, step=step)])
        assert stream_pb.RequestBatch.FromString(encoded) == wanted
    assert varint(300) == b"\xac\x02"
