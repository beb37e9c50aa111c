#!/usr/bin/env bash
# A wheel with the service inside, and what it needs beside the C library: build_wheel.sh BINARIES PROGRAMS OUTPUT_FOLDER
# BINARIES is the folder with compiler_gym-llvm-service and compiler_gym-search, PROGRAMS the one with the demo programs as bitcode.
# Uses the environment of run_tests.sh. Then sees to it that the wheel is for machines with a glibc as old as 2.34 and brings no
# library that is not its own, installs it, and nothing else of this project, in clean environments of each Python that $PYTHONS
# names (else the oldest and the newest on this machine that the package is for), and learns there.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly here binaries=$1 programs=$2 output=$3
readonly environment=${here%/*}/build/python-venv tag=py3-none-manylinux_2_34_x86_64
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# The interpreters on the PATH, and those of pyenv, as lines "3.11 /path".
list_pythons() {
  local python
  for python in $(compgen -c python3 | grep -xE 'python3(\.[0-9]+)?' | sort -u) "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
    "$python" -c 'import sys, venv, ensurepip
if sys.version_info >= (3, 10) and sys.implementation.name == "cpython":
    print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null || true
  done | sort -V
}

"$environment/bin/pip" install --quiet --requirement "$here/requirements-wheel.txt"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
for binary in compiler_gym-llvm-service compiler_gym-search; do
  strip --strip-all -o "$work/bin/$binary" "$binaries/$binary"
done
COMPILER_GYM_WHEEL_BINARIES=$work/bin COMPILER_GYM_WHEEL_PROGRAMS=$programs \
  "$environment/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work" "$here"
rm -f "$output"/*.whl
PATH=$environment/bin:$PATH "$environment/bin/auditwheel" repair --plat "${tag#py3-none-}" --wheel-dir "$output" "$work"/*.whl
wheel=$(echo "$output"/*.whl)
"$environment/bin/auditwheel" show "$wheel" | tee "$work/audit.txt"
[[ $wheel == *-$tag.whl ]] && tr -s '[:space:]' ' ' <"$work/audit.txt" | grep -q "following platform tag: \"${tag#py3-none-}\"" ||
  { echo "the wheel is not $tag" >&2; exit 1; }
"$environment/bin/python" -m zipfile --list "$wheel" >"$work/content.txt"
if grep -F .libs/ "$work/content.txt" >&2; then
  echo "the service needs libraries that not every machine has: core/CMakeLists.txt, compiler_gym_portable" >&2
  exit 1
fi

if [[ -z ${PYTHONS:-} ]]; then
  PYTHONS=$(list_pythons | sed -n '1p;$p' | cut -d' ' -f2- | uniq)
fi
for python in ${PYTHONS:?"there is no Python 3.10 or newer"}; do
  rm -rf "$work/env"
  "$python" -m venv "$work/env"
  "$work/env/bin/pip" install --quiet "$wheel"
  (cd "$work" && env -u COMPILER_GYM_SERVICE PATH=/usr/bin:/bin "$work/env/bin/python" - <<'END'
import sys
import gymnasium
import compiler_gym_service.benchmark
# As where there is no clang: the demo programs come compiled.
compiler_gym_service.benchmark.compile_to_bitcode = None
env = gymnasium.make("compiler_gym/llvm-v0", benchmark="demo-v0/sort")
env.reset(seed=1)
reward = env.step(env.unwrapped.table.number("-mem2reg"))[1]
assert reward > 0, reward
print("Python", sys.version.split()[0], "with the service", env.unwrapped.client.service.process.args[0], "reward", reward)
env.close()
END
  env -u COMPILER_GYM_SERVICE PATH=/usr/bin:/bin "$work/env/bin/python" "$here/examples/policy_gradient.py" --updates 2
  env -u COMPILER_GYM_SERVICE PATH=/usr/bin:/bin "$work/env/bin/compiler-gym" search benchmark://demo-v0/sort --methods local --steps 4
  )
done
