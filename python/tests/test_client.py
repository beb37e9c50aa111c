"""The blocking client, on a real service."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from compiler_gym_service import errors, process
from compiler_gym_service.benchmark import Benchmark
from compiler_gym_service.client import Client
from compiler_gym_service.options import ServiceOptions


def test_a_session_steps_forks_and_ends(client: Client, crc32: Benchmark) -> None:
    with client.start(crc32, observations=["IrInstructionCount"]) as session:
        assert session.first == {"IrInstructionCount": 242}
        result = session.step(["-mem2reg"], ["IrInstructionCount", "IrSha1", "Autophase", "IrInstructionCount"])
        assert not result.action_had_no_effect
        assert result.observations["IrInstructionCount"] < 242
        assert result.observations["Autophase"].shape == (56,)
        with session.fork() as fork:
            assert fork.step([], ["IrSha1"]).observations["IrSha1"] == result.observations["IrSha1"]
            fork.step(["-simplifycfg", "-gvn"])
            assert session.step([], ["IrSha1"]).observations["IrSha1"] == result.observations["IrSha1"]
    with pytest.raises(errors.SessionNotFound, match=f"Session not found: {session.id}"):
        session.step(["-gvn"])


def test_every_observation_has_a_value(client: Client, crc32: Benchmark) -> None:
    with client.start(crc32, observations=client.spaces.observations) as session:
        for name, info in client.spaces.observations.items():
            assert info.space is not None, name
            assert info.space.contains(info.to_space(session.first[name])), name
        assert session.first["Bitcode"].startswith(b"BC")
        assert session.first["Runtime"] is None
        assert session.first["CpuInfo"]["cores_count"] > 0


def test_parameters_are_answered(client: Client, crc32: Benchmark) -> None:
    key = "service.benchmark_cache.get_max_size_in_bytes"
    with client.start(crc32) as session:
        assert int(session.set_parameters({key: ""})[key]) > 0
        with pytest.raises(errors.InvalidArgument, match="Unknown parameter: nonsense"):
            session.set_parameters({"nonsense": "1"})


def test_errors_have_the_services_reason(client: Client, crc32: Benchmark) -> None:
    with client.start(crc32) as session:
        with pytest.raises(errors.InvalidArgument, match="no action '-mem2re'; there is -mem2reg"):
            session.step(["-mem2re"])
        with pytest.raises(errors.InvalidArgument, match=r"outside \[0, 124\)"):
            session.step([124])
        with pytest.raises(ValueError, match="no observation 'Nothing'"):
            session.step([], ["Nothing"])
    with pytest.raises(errors.InvalidArgument, match="Failed to parse LLVM bitcode"):
        client.start(Benchmark("benchmark://test/garbage", b"no bitcode"))


def test_a_program_that_the_service_has_dropped_is_sent_again(client: Client, crc32: Benchmark) -> None:
    client.start(crc32).end()
    with client.start(crc32) as session:
        session.set_parameters({"service.benchmark_cache.set_max_size_in_bytes": "0"})
        session.set_parameters({"service.benchmark_cache.set_max_size_in_bytes": "100000000"})
    client.start(crc32).end()


def test_megabytes_go_both_ways(client: Client, tmp_path: Path) -> None:
    body = "".join(f"int f{i}(int x) {{ return x * {i} + x / {i + 1}; }}\n" for i in range(6000))
    (tmp_path / "large.c").write_text(body + "int main() { return 0; }")
    large = Benchmark.from_source(tmp_path / "large.c")
    with client.start(large, observations=["Ir", "Bitcode"]) as session:
        assert len(large.bitcode) > 500_000
        assert len(session.first["Ir"]) > 1_000_000


def test_a_deadline_is_heeded(client: Client, crc32: Benchmark) -> None:
    with client.start(crc32) as session:
        with pytest.raises(errors.DeadlineExceeded):
            session.step(["-gvn"] * 2000, ["Programl"], timeout=0.005)
        session.step(["-gvn"])


def test_one_service_for_all_clients_of_a_process() -> None:
    with Client() as first, Client() as second, Client({"shared": False}) as own:
        for each in (first, second, own):
            each.version()
        assert first.service is second.service
        assert first.service is not None and own.service is not None
        assert own.service is not first.service
        pid = own.service.pid
        directory = own.service.working_directory
    assert not Path(f"/proc/{pid}").exists()
    assert not directory.exists()
    with Client() as third:
        third.version()


def test_attaches_by_address_and_leaves_the_service_alone(crc32: Benchmark) -> None:
    with Client({"shared": False}) as owner:
        owner.version()
        assert owner.service is not None
        with Client(owner.service.address) as guest:
            assert guest.service is None
            guest.start(crc32).end()
        owner.version()


def test_tcp_and_a_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    with Client(
        {"shared": False, "flags": ["--listen", "localhost:0", "--token_file", str(token)], "token": "secret"}
    ) as client:
        client.version()
        assert client.service is not None
        addresses = (client.service.working_directory / "addresses.txt").read_text().split()
        tcp = next(address for address in addresses if not address.startswith("unix:"))
        with Client({"address": tcp, "token": "secret"}) as good:
            good.version()
        with Client({"address": tcp, "token": "wrong"}) as bad, pytest.raises(errors.Unauthenticated):
            bad.version()


def test_tls(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    flags = ["--listen", "localhost:0", "--tls_cert", str(cert), "--tls_key", str(key)]
    with Client({"shared": False, "flags": flags}) as client:
        client.version()
        assert client.service is not None
        addresses = (client.service.working_directory / "addresses.txt").read_text().split()
        port = next(address for address in addresses if not address.startswith("unix:")).rpartition(":")[2]
        with Client({"address": f"localhost:{port}", "tls": {"ca": str(cert)}}) as good:
            assert good.version() == client.version()
            assert len(good.spaces.observations) == 26
        with (
            Client({"address": f"localhost:{port}", "tls": {}}) as bad,
            pytest.raises(errors.Unavailable, match="CERTIFICATE"),
        ):
            bad.version()
        with Client({"address": f"localhost:{port}"}) as plain, pytest.raises(errors.Unavailable):
            plain.version()
        missing = {"address": f"localhost:{port}", "tls": {"ca": "/nowhere/ca.pem"}}
        with Client(missing) as lost, pytest.raises(errors.InvalidArgument, match=r"/nowhere/ca.pem"):
            lost.version()


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", "localhost:http", "localhost:70000"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with Client({"address": address or ":1"}) as client, pytest.raises(errors.InvalidArgument, match="is no address"):
        client.version()


def test_nobody_listens(tmp_path: Path) -> None:
    with Client(f"unix:{tmp_path}/s") as client, pytest.raises(errors.Unavailable, match="cannot connect to unix:"):
        client.version()


def test_something_that_is_no_grpc_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            accepted, _ = server.accept()
            with accepted:
                accepted.recv(100)
                accepted.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n" * 20)

        thread = threading.Thread(target=answer)
        thread.start()
        with Client({"address": f"127.0.0.1:{port}", "timeout": 20}) as client:
            connection = client.connection()
            with pytest.raises(errors.Unavailable):
                connection.call("/x", b"", 20)
        thread.join()


def test_a_killed_service_is_an_error_and_then_a_new_one(crc32: Benchmark) -> None:
    with Client({"shared": False}) as client:
        session = client.start(crc32)
        assert client.service is not None
        os.kill(client.service.pid, signal.SIGKILL)
        client.service.process.wait()
        with pytest.raises((errors.Unavailable, errors.SessionNotFound)):
            session.step(["-gvn"], ["IrSha1"])
        generation = client.generation
        client.start(crc32).end()
        assert client.generation == generation == 1


def test_no_service_is_an_error_that_says_where_it_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(errors.ServiceStartError, match="there is no service '/nowhere'"):
        process.find_service("/nowhere")
    monkeypatch.setenv(process.BINARY_VARIABLE, "/nowhere/else")
    with pytest.raises(errors.ServiceStartError, match=r"from \$COMPILER_GYM_SERVICE"):
        process.find_service()
    monkeypatch.delenv(process.BINARY_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.ServiceStartError, match="neither in this package nor on the PATH"):
        process.find_service()


def test_a_service_that_does_not_start_says_why() -> None:
    with Client({"flags": ["--nonsense=1"]}) as client, pytest.raises(errors.ServiceStartError, match="nonsense"):
        client.version()
    with Client("/bin/true") as client, pytest.raises(errors.ServiceStartError, match="exit status 0"):
        client.version()


def test_starts_where_the_temporary_directory_is_long_and_has_spaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crc32: Benchmark
) -> None:
    folder = tmp_path / ("a folder with spaces " * 6)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with Client({"shared": False}) as client:
        client.start(crc32, observations=["ObjectTextSizeBytes"]).end()


WITHOUT_IPV6 = """
import fcntl, socket, struct, sys
from pathlib import Path
Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
try:
    socket.create_server(("::1", 0), family=socket.AF_INET6)
except OSError:
    print("no IPv6")
import gymnasium, compiler_gym_service
with compiler_gym_service.Client({"shared": False, "flags": ["--listen", "localhost:0"]}) as client:
    client.version()
    addresses = (client.service.working_directory / "addresses.txt").read_text().split()
    tcp = next(address for address in addresses if not address.startswith("unix:"))
    env = gymnasium.make("compiler_gym/llvm-v0", benchmark=sys.argv[1], service=tcp)
    env.reset()
    print(env.step(env.unwrapped.table.number("-mem2reg"))[1] > 0)
    env.close()
"""


def test_works_without_ipv6_and_through_no_proxy() -> None:
    # A network of its own, with nothing in it but 127.0.0.1.
    alone = ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("unshare is missing, or network namespaces are not allowed here")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"), "http://127.0.0.1:1")
    program = str(Path(__file__).parent.parent.parent / "tests" / "data" / "crc32.bc")
    result = subprocess.run(
        [*alone, sys.executable, "-c", WITHOUT_IPV6, program],
        env={**os.environ, **proxies},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "no IPv6\nTrue\n", result.stderr


def _in_child(
    client: Client, benchmark: Benchmark, parent: int, results: multiprocessing.Queue[tuple[int, int]]
) -> None:
    session = client.start(benchmark, observations=["IrInstructionCount"])
    assert client.service is not None and client.service.pid != parent
    results.put((client.service.pid, session.first["IrInstructionCount"]))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_of_fork_has_a_service_of_its_own_which_ends_with_it(crc32: Benchmark) -> None:
    with Client({"shared": False}) as client:
        session = client.start(crc32)
        assert client.service is not None
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        child = context.Process(target=_in_child, args=(client, crc32, client.service.pid, results))
        child.start()
        pid, count = results.get(timeout=60)
        child.join(60)
        assert child.exitcode == 0
        assert count == 242
        assert session.step(["-mem2reg"], ["IrInstructionCount"]).observations["IrInstructionCount"] < 242
    # Multiprocessing ends a child without atexit: the service sees its owner go.
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    """A process that is not our child, or has been reaped; a pidfd becomes readable when it ends."""
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 60)[0], f"process {pid} still runs"
    finally:
        os.close(descriptor)


# Whoever runs the tests in the background may have SIGINT ignored, and children inherit that.
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"

SCRIPT = """
import sys
from compiler_gym_service.client import Client
from compiler_gym_service.benchmark import Benchmark
client = Client()
session = client.start(Benchmark.from_source(sys.argv[1]))
print(client.service.pid, client.service.working_directory, flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
elif sys.argv[2] == "close":
    client.close()
    del client, session
"""


@pytest.mark.parametrize("how", ["exit", "close", "kill", "interrupt"])
def test_a_service_ends_with_its_process(how: str) -> None:
    program = Path(__file__).parent.parent.parent / "tests" / "data" / "crc32.bc"
    what = how if how in ("exit", "close") else "wait"
    command = [sys.executable, "-W", "error", "-c", HEARS_CTRL_C + SCRIPT, str(program), what]
    script = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert script.stdout is not None
    pid, directory = script.stdout.readline().split(maxsplit=1)
    if how == "kill":
        script.kill()
    elif how == "interrupt":
        os.killpg(script.pid, signal.SIGINT)  # as a terminal does
    said = script.communicate(timeout=60)[1]
    assert how == "interrupt" or not said
    wait_until_gone(int(pid))
    if how != "kill":
        assert not Path(directory.strip()).exists()


INTERRUPTED = """
import sys
from compiler_gym_service.client import Client
client = Client(sys.argv[1])
try:
    client.version()
except KeyboardInterrupt:
    print("interrupted", client.connection()._http2.calls_under_way)
"""


def test_ctrl_c_ends_a_wait(tmp_path: Path) -> None:
    # A service that takes everything and answers nothing.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        command = [sys.executable, "-c", HEARS_CTRL_C + INTERRUPTED, f"unix:{tmp_path}/s"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            accepted, _ = listener.accept()
            with accepted:
                received = b""
                while b"/compiler_gym.CompilerGymService/GetVersion" not in received:
                    received += accepted.recv(4096)
                child.send_signal(signal.SIGINT)
                assert child.communicate(timeout=60)[0] == "interrupted 0\n"
            assert child.returncode == 0


def test_a_service_that_is_dying_is_waited_for(crc32: Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client({"shared": False}) as client:
        client.version()
        service = client.service
        assert service is not None
        os.kill(service.pid, signal.SIGKILL)
        # It does not listen any more, and is said to run still: as in the moment between.
        wait = service.process.wait
        wait()
        answers = iter([True])
        monkeypatch.setattr(service, "is_running", lambda: next(answers, False))
        client.start(crc32).end()
        assert client.service is not service
        assert client.generation == 1


def test_options_are_what_users_write() -> None:
    assert ServiceOptions.of(None) == ServiceOptions()
    assert ServiceOptions.of("localhost:1") == ServiceOptions(address="localhost:1")
    assert ServiceOptions.of("/bin/service") == ServiceOptions(binary="/bin/service")
    made = ServiceOptions.of({"flags": ["--v", "1"], "tls": {"ca": "x"}})
    assert made.flags == ("--v", "1")
    assert made.tls is not None and made.tls.ca == "x"
    assert hash(made) == hash(ServiceOptions.of({"flags": ["--v", "1"], "tls": {"ca": "x"}}))


def test_a_start_that_a_dying_service_took_is_made_in_another(
    crc32: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client({"shared": False}) as client:
        client.version()
        service, connection = client.service, client.connection()
        assert service is not None
        real = connection.call

        def killed(path: str, request: bytes, timeout: float) -> bytes:
            os.kill(service.pid, signal.SIGSTOP)
            os.kill(service.pid, signal.SIGKILL)
            return real(path, request, timeout)

        monkeypatch.setattr(connection, "call", killed)
        client.start(crc32).end()
        assert client.service is not service
