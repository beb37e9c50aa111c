"""CompilerEnv, on a real service."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import pickle
import shlex
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from conftest import PROGRAMS
from gymnasium.utils.env_checker import check_env
from real_programs import compiled, text_size

import compiler_gym_service
from compiler_gym_service import Benchmark, CompilerEnv, CompilerState, CompilerVectorEnv, Reward, errors
from compiler_gym_service.benchmark import find_tool
from compiler_gym_service.registration import PRESETS

ACTIONS = ["-mem2reg", "-simplifycfg", "-gvn", "-instcombine", "-loop-rotate", "-licm", "-adce"]


@pytest.fixture
def env(sort: Benchmark) -> Iterator[CompilerEnv]:
    with contextlib.closing(CompilerEnv(benchmark=sort)) as env:
        env.reset(seed=1)
        yield env


def test_the_size_that_ships_is_that_of_clang(tmp_path: Path) -> None:
    source = tmp_path / "sort.c"
    source.write_text((PROGRAMS / "sort.c").read_text())
    wanted = text_size(compiled(source, tmp_path / "shipped.o"))
    env = gymnasium.make("compiler_gym/llvm-shipped-size-v0", benchmark=str(source), action_space="Pipelines")
    with contextlib.closing(env):
        env.reset()
        inner = env.unwrapped
        assert isinstance(inner, CompilerEnv)
        assert inner.observe("ShippedTextSizeOz") == {"ShippedTextSizeOz": wanted}
        _, reward, _, _, _ = inner.multistep(["default<Oz>"])
        assert inner.observe("ShippedTextSizeBytes") == {"ShippedTextSizeBytes": wanted}
        assert reward == 1.0, "as good as the baseline"


def test_a_service_without_the_sizes_that_ship_says_how_to_get_them() -> None:
    with pytest.raises(errors.InvalidArgument, match="unless the service is started with --all_observations"):
        CompilerEnv(reward="ShippedTextSizeOz")


def test_clang_is_told_what_is_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "answer.c"
    source.write_text("int answer(void) { return ANSWER; }")
    arguments: dict[str, Any] = {"benchmark": str(source), "compile_args": ["-DANSWER=42"]}
    with contextlib.closing(CompilerEnv(**arguments)) as env:
        env.reset()
        assert "ret i32 42" in env.observation["Ir"]
        env.reset(options={"benchmark": f"file://{source}"})
        assert "ret i32 42" in env.observation["Ir"]
    with pytest.raises(errors.InvalidArgument, match="compile_args is a list of arguments, not '-O2'"):
        CompilerEnv(compile_args="-O2")
    with contextlib.closing(CompilerVectorEnv(2, **arguments)) as envs:
        envs.reset()
        assert all("ret i32 42" in text for text in envs.observe("Ir"))


@pytest.mark.parametrize("name", PRESETS)
def test_check_env_has_nothing_to_say(name: str) -> None:
    env = gymnasium.make(name, disable_env_checker=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)
    env.close()


@pytest.mark.parametrize(
    "observation_space",
    [
        "InstCount",
        "IrSha1",
        "Ir",
        "Bitcode",
        "IsRunnable",
        "Programl",
        ("Autophase", "IrInstructionCount"),
        {"a": "Autophase"},
    ],
    ids=str,
)
def test_observation_spaces(observation_space: Any, sort: Benchmark) -> None:
    with contextlib.closing(CompilerEnv(benchmark=sort, observation_space=observation_space)) as env:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(
                env, skip_render_check=True
            )  # render modes are tried by making it from its spec, which it has none of
        env.observation_space.seed(1)
        assert env.observation_space.sample() in env.observation_space
        first, _ = env.reset(seed=1)
        assert first in env.observation_space
        after, _, _, _, _ = env.step(103)
        assert after in env.observation_space


def test_spec_and_arguments_round_trip(sort: Benchmark) -> None:
    arguments: dict[str, Any] = {
        "benchmark": "demo-v0/sort",
        "actions": ["-mem2reg", ["-simplifycfg", "-gvn"]],
        "observation_space": {"features": "Autophase", "size": "IrInstructionCount"},
        "reward": {"metric": "IrInstructionCount", "scale": "initial", "clip": [-1, 1]},
    }
    env = gymnasium.make("compiler_gym/llvm-v0", **arguments)
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    third = gymnasium.make(pickle.loads(pickle.dumps(env.spec)))
    results = []
    for each in (env, again, third):
        each.reset(seed=3)
        results.append([each.step(action)[1] for action in (0, 1, 0)])
        each.close()
    assert results[0] == results[1] == results[2]
    assert float(results[0][0]) > 0


def test_an_episode_ends_at_the_limit(sort: Benchmark) -> None:
    with contextlib.closing(
        gymnasium.make("compiler_gym/llvm-v0", benchmark="demo-v0/sort", max_episode_steps=2)
    ) as made:
        made.reset()
        assert not made.step(0)[3]
        assert made.step(0)[3]
    with contextlib.closing(CompilerEnv(benchmark=sort, max_episode_steps=2)) as env:
        env.reset()
        assert not env.step(0)[3]
        assert env.step(0)[3]


def test_multistep_is_as_good_as_steps(env: CompilerEnv) -> None:
    rewards = [env.step(env.table.number(action))[1] for action in ACTIONS]
    in_steps = env.state
    env.reset(options={"benchmark": env.benchmark})
    _, reward, _, _, _ = env.multistep(ACTIONS)
    assert reward == pytest.approx(sum(rewards))
    assert env.state.ir_sha1 == in_steps.ir_sha1
    assert env.actions == ACTIONS


def test_looking_changes_nothing(env: CompilerEnv) -> None:
    before = env.observation["IrSha1"]
    assert env.observe("Ir", "Autophase", "Runtime")["Runtime"] is None
    assert set(env.observation) == set(env.client.spaces.observations)
    assert env.observation["IrSha1"] == before
    with pytest.raises(errors.InvalidArgument, match="no observation 'Nothing'"):
        env.observation["Nothing"]


@pytest.mark.parametrize("name", ["IrInstructionCount", "ObjectTextSizeBytes", "TextSizeBytes"])
@pytest.mark.parametrize("kind", ["", "Norm", "O3", "Oz"])
def test_rewards_are_compilergyms(name: str, kind: str, sort: Benchmark) -> None:
    stem = name.removesuffix("Bytes") if kind else name
    with contextlib.closing(CompilerEnv(benchmark=sort, reward=stem + kind)) as env:
        env.reset()
        stem = name.removesuffix("Bytes")
        start = env.observe(name, stem + "O3", stem + "Oz")
        _, reward, _, _, _ = env.multistep(ACTIONS)
        saved = start[name] - env.observation[name]
        divisor = {"": 1, "Norm": start[name]}.get(kind) or max(start[name] - start[stem + kind], 1)
        assert reward == pytest.approx(saved / divisor)
        assert env.episode_reward == pytest.approx(reward)


def count_fallen(before: Mapping[str, Any], after: Mapping[str, Any]) -> float:
    return float(before["IrInstructionCount"] > after["IrInstructionCount"])


def test_a_reward_can_be_any_function_and_clipped(sort: Benchmark) -> None:
    function = Reward(function=count_fallen, observations=("IrInstructionCount",))
    with contextlib.closing(CompilerEnv(benchmark=sort, reward=function)) as env:
        env.reset()
        assert [env.multistep([action])[1] for action in ("-mem2reg", "-mem2reg")] == [1.0, 0.0]
    clipped = {"metric": "IrInstructionCount", "clip": (-2.0, 2.0)}
    with contextlib.closing(CompilerEnv(benchmark=sort, reward=clipped)) as env:
        env.reset()
        assert float(env.multistep(["-mem2reg"])[1]) == 2.0
    by_name = {"function": "math:fsum", "observations": ["IrInstructionCount"]}
    assert Reward.of(by_name).make()
    with pytest.raises(errors.InvalidArgument, match="no reward function 'math:nothing'"):
        Reward.of({"function": "math:nothing"}).make()
    with pytest.raises(errors.InvalidArgument, match="no reward 'Speed'; there is IrInstructionCount,"):
        CompilerEnv(benchmark=sort, reward="Speed")


def test_subsets_and_macros(sort: Benchmark, tmp_path: Path) -> None:
    file = tmp_path / "actions.txt"
    file.write_text("# what is often good\n-mem2reg\n-simplifycfg -gvn  # together\n")
    with contextlib.closing(CompilerEnv(benchmark=sort, actions=str(file))) as env:
        assert env.action_space == gymnasium.spaces.Discrete(2)
        assert env.table.names == ("-mem2reg", "-simplifycfg -gvn")
        env.reset()
        env.step(1)
        assert env.actions == ["-simplifycfg", "-gvn"]
    with pytest.raises(errors.InvalidArgument, match="has no action '-mem3reg'"):
        CompilerEnv(benchmark=sort, actions=["-mem3reg"])
    with pytest.raises(errors.InvalidArgument, match="no action space 'Old'; there is PassesAll, NewPM, Pipelines"):
        CompilerEnv(benchmark=sort, action_space="Old")


def test_forks_go_their_own_ways(env: CompilerEnv) -> None:
    env.multistep(["-mem2reg"])
    with contextlib.closing(env.fork()) as fork:
        assert fork.state.ir_sha1 == env.state.ir_sha1
        assert fork.episode_reward == env.episode_reward
        _, reward, _, _, _ = fork.multistep(["-simplifycfg", "-gvn"])
        assert fork.state.ir_sha1 != env.state.ir_sha1
        assert env.actions == ["-mem2reg"]
        assert env.multistep(["-simplifycfg", "-gvn"])[1] == reward
        assert fork.state.ir_sha1 == env.state.ir_sha1
        with contextlib.closing(fork.fork()) as second:
            assert second.actions == fork.actions
            assert second.reset()[1]["benchmark"] == env.benchmark.uri
    env.step(0)


@pytest.mark.parametrize(
    ("space", "actions"),
    [
        ("PassesAll", [*ACTIONS, "-prune-eh", "-early-cse-memssa", "-loop-unroll"]),
        (
            "NewPM",
            [
                "sroa<modify-cfg>",
                "inline",
                "early-cse",
                "instcombine<no-verify-fixpoint>",
                "simplifycfg",
                "gvn<no-pre>",
            ],
        ),
        ("PassesAll", []),
    ],
)
def test_a_commandline_runs_and_reads_back(space: str, actions: list[str], sort: Benchmark, tmp_path: Path) -> None:
    with contextlib.closing(CompilerEnv(benchmark=sort, action_space=space)) as env:
        env.reset()
        env.write_bitcode(tmp_path / "input.bc")
        env.multistep(actions)
        line = env.commandline()
        # As text, since reading bitcode changes what is said of intrinsics.
        subprocess.run([find_tool("opt"), "-S", *shlex.split(line)[1:]], cwd=tmp_path, check=True)
        env.write_ir(tmp_path / "env.ll")
        written, made = ((tmp_path / name).read_text().split("\n", 1)[1] for name in ("output.bc", "env.ll"))
        assert written == made
        assert env.commandline_to_actions(line) == actions


def test_a_pipelines_commandline_reads_back(sort: Benchmark) -> None:
    with contextlib.closing(CompilerEnv(benchmark=sort, action_space="Pipelines")) as env:
        env.reset()
        env.multistep(["default<O1>", "default<Oz>"])
        assert env.commandline() == "opt-19 '-passes=default<O1>,default<Oz>' input.bc -o output.bc"
        assert env.commandline_to_actions(env.commandline()) == env.actions


def test_every_action_has_a_pipeline_that_reads_back(env: CompilerEnv) -> None:
    from compiler_gym_service import commandline

    for space in env.client.spaces.actions.values():
        for number in range(len(space.names)):
            back = commandline.from_commandline(space, commandline.to_commandline(space, [number, number]))
            assert len(back) == 2
            assert commandline.pipeline(space, back[0]) == commandline.pipeline(space, number)
        everything = list(range(len(space.names)))
        assert commandline.from_commandline(space, commandline.to_flags(space, everything)) == everything


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("gcc input.bc -o output.bc", "not a command line 'opt"),
        ("opt -mem2reg", "not a command line 'opt"),
        ("opt -nonsense input.bc -o output.bc", "no action '-nonsense'"),
        ("opt-19 -passes=mem2reg input.bc -o output.bc", "'mem2reg' is no action of action space PassesAll"),
        ("opt 'unbalanced", "not a command line"),
    ],
)
def test_what_is_no_commandline_is_refused(env: CompilerEnv, line: str, reason: str) -> None:
    with pytest.raises(errors.InvalidArgument, match=reason):
        env.commandline_to_actions(line)


def test_a_state_is_written_read_and_applied(env: CompilerEnv, tmp_path: Path) -> None:
    env.multistep(ACTIONS)
    state = env.state
    assert len(state.ir_sha1) == 40
    for name in ("states.csv", "states.json"):
        compiler_gym_service.write_states(tmp_path / name, [state, state])
        read = list(compiler_gym_service.read_states(tmp_path / name))
        assert [each.commandline for each in read] == [state.commandline] * 2
        env.reset()
        env.apply(read[1])
        assert env.state.ir_sha1 == state.ir_sha1
        assert env.episode_reward == pytest.approx(state.reward)
    first = (tmp_path / "states.csv").read_text().splitlines()
    assert first[0] == "benchmark,reward,walltime,commandline"
    assert first[1].endswith(f",opt {' '.join(ACTIONS)} input.bc -o output.bc")
    assert CompilerState.from_json(json.loads(json.dumps(state.to_json()))) == state
    (tmp_path / "bad.csv").write_text("benchmark,reward,walltime,commandline\n,1,2,\n")
    with pytest.raises(errors.InvalidArgument, match=r"bad.csv, line 2: the columns"):
        list(compiler_gym_service.read_states(tmp_path / "bad.csv"))


def test_validation_replays_and_runs(env: CompilerEnv) -> None:
    env.multistep(ACTIONS)
    result = env.validate()
    assert result.okay and result.reward_reproduced and result.ir_reproduced and result.semantics_preserved
    state = env.state
    wrong = CompilerState(state.benchmark, state.commandline, 0.0, 1000.0, "0" * 40)
    result = env.validate(wrong)
    assert not result.okay
    assert [error.split()[0] for error in result.errors] == ["reward", "IrSha1"]


def test_validation_notices_another_program(env: CompilerEnv, tmp_path: Path) -> None:
    from compiler_gym_service.validation import compare_runs

    def compiled(text: str) -> Benchmark:
        (tmp_path / "a.c").write_text(f"#include <stdio.h>\nint main(void) {{ {text} }}")
        return Benchmark.from_source(tmp_path / "a.c")

    one, other = compiled('puts("one"); return 0;'), compiled('puts("other"); return 0;')
    assert compare_runs(one, one.bitcode) == (True, "")
    assert compare_runs(one, other.bitcode) == (False, "its output differs: line 1 was b'one', is b'other'")
    assert compare_runs(one, compiled('puts("one"); return 3;').bitcode) == (False, "exit status 0 became 3")
    preserved, reason = compare_runs(compiled('printf("%p", (void*)&puts); return getchar();').with_run(None), b"")
    assert preserved is None and "how to run it" in reason
    assert compare_runs(compiled("return nothing_at_all;") if False else one, b"BC\xc0\xde")[0] is False


def test_a_killed_service_costs_nothing_but_time(sort: Benchmark) -> None:
    with contextlib.closing(CompilerEnv(benchmark=sort, service={"shared": False})) as env:
        env.reset(seed=1)
        rewards = []
        for action in ACTIONS:
            rewards.append(env.multistep([action])[1])
            service = env.client.service
            assert service is not None
            os.kill(service.pid, signal.SIGKILL)
            service.process.wait()
        survived = env.state
        assert env.client.generation == len(ACTIONS)
        env.reset()
        assert env.multistep(ACTIONS)[1] == pytest.approx(sum(rewards))
        assert env.state.ir_sha1 == survived.ir_sha1


def test_an_unreachable_service_is_a_typed_error(sort: Benchmark) -> None:
    owner = compiler_gym_service.Client({"shared": False})
    owner.version()
    assert owner.service is not None
    with contextlib.closing(CompilerEnv(benchmark=sort, service=owner.service.address)) as env:
        env.reset()
        owner.close()
        with pytest.raises(errors.Unavailable):
            env.step(0)


def test_an_idle_connection_that_was_closed_is_made_anew(env: CompilerEnv) -> None:
    env.multistep(["-mem2reg"])
    episode, connection = env._episode, env.client._connection
    assert episode is not None and connection is not None
    session = episode.session
    connection._socket.shutdown(socket.SHUT_RDWR)  # as the service does with one that has been idle for long
    env.multistep(["-gvn"])
    assert env.client._connection is not connection
    assert (episode.session, env.client.generation) == (session, 0)


def test_no_thread_is_left_behind_where_fork_is_used(sort: Benchmark) -> None:
    script = (
        "import threading, warnings, multiprocessing, gymnasium, compiler_gym_service\n"
        "env = gymnasium.make('compiler_gym/llvm-v0')\nenv.reset(seed=1)\nenv.step(0)\n"
        "assert threading.active_count() == 1, threading.enumerate()\nenv.close()\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_a_session_that_the_service_has_ended_is_restored(env: CompilerEnv) -> None:
    env.multistep(["-mem2reg"])
    before = env.observation["IrSha1"]
    episode = env._episode
    assert episode is not None and episode.session is not None
    old = episode.session
    compiler_gym_service.Session(env.client, old, env.table.space, {}).end()
    assert env.observation["IrSha1"] == before
    assert episode.session != old


def test_what_breaks_the_compiler_truncates_the_episode(sort: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(CompilerEnv(benchmark=sort)) as env:
        first, _ = env.reset()
        real = env.client.call

        def fail(rpc: Any, request: Any, timeout: float | None = None) -> Any:
            if rpc.name == "Step" and request.action:
                raise errors.DataLoss("the pass crashed")
            return real(rpc, request, timeout)

        monkeypatch.setattr(env.client, "call", fail)
        observation, reward, terminated, truncated, info = env.step(0)
        assert (reward, terminated, truncated) == (0.0, False, True)
        assert np.array_equal(observation, first)
        assert info == {"error_type": "DataLoss", "error_details": "the pass crashed"}
        monkeypatch.undo()
        assert env.actions == []
        env.step(0)


def test_before_reset_and_after_close_there_is_nothing(sort: Benchmark) -> None:
    env = CompilerEnv(benchmark=sort)
    with pytest.raises(errors.FailedPrecondition, match="call reset"):
        env.step(0)
    env.close()
    env.close()
    with pytest.raises(errors.FailedPrecondition, match="closed"):
        env.reset()


def _child(env: CompilerEnv, results: multiprocessing.Queue[tuple[int, str]]) -> None:
    assert env.client._pid != os.getpid()
    env.multistep(["-gvn"])
    assert env.client.service is not None
    results.put((env.client.service.pid, env.state.ir_sha1))
    env.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_copy_in_a_child_of_fork_goes_on_in_its_own_service(env: CompilerEnv) -> None:
    env.multistep(["-mem2reg"])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_child, args=(env, results))
    child.start()
    pid, sha1 = results.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert env.client.service is not None and env.client.service.pid != pid
    assert env.actions == ["-mem2reg"]
    env.multistep(["-gvn"])
    assert env.state.ir_sha1 == sha1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_gymnasiums_own_vector_environments(context: str) -> None:
    arguments: dict[str, Any] = {"benchmark": "demo-v0/sort", "reward": "IrInstructionCount"}
    one = gymnasium.make_vec("compiler_gym/llvm-v0", 2, "sync", **arguments)
    other = gymnasium.make_vec("compiler_gym/llvm-v0", 2, "async", vector_kwargs={"context": context}, **arguments)
    for vector in (one, other):
        vector.reset(seed=1)
    for actions in ([103, 8], [10, 39]):
        assert np.array_equal(one.step(np.array(actions))[1], other.step(np.array(actions))[1])
    one.close()
    other.close()


def test_works_inside_a_running_event_loop(sort: Benchmark) -> None:
    import asyncio

    async def cell() -> float:
        with contextlib.closing(CompilerEnv(benchmark=sort)) as env:
            env.reset()
            return env.multistep(["-mem2reg"])[1]

    assert asyncio.run(cell()) > 0
