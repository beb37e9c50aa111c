#!/usr/bin/env bash
# A wheel with the service inside, and what it needs beside the C library: build_wheel.sh SERVICE OUTPUT_FOLDER
# Uses the environment of run_tests.sh. Then installs it, and nothing else of this project, in clean environments of each
# Python that $PYTHONS names (python3), and takes a step.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly here service=$1 output=$2
readonly environment=${here%/*}/build/python-venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

"$environment/bin/pip" install --quiet --requirement "$here/requirements-wheel.txt"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strip --strip-all -o "$work/compiler_gym-llvm-service" "$service"
COMPILER_GYM_WHEEL_SERVICE=$work/compiler_gym-llvm-service \
  "$environment/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work" "$here"
# The oldest tag that its symbols allow; libraries that not every machine has go into the wheel.
rm -f "$output"/*.whl
PATH=$environment/bin:$PATH "$environment/bin/auditwheel" repair --wheel-dir "$output" "$work"/*.whl
"$environment/bin/auditwheel" show "$output"/*.whl

for python in ${PYTHONS:-python3}; do
  rm -rf "$work/env"
  "$python" -m venv "$work/env"
  "$work/env/bin/pip" install --quiet "$output"/*.whl
  (cd "$work" && env -u COMPILER_GYM_SERVICE PATH=/usr/bin:/bin "$work/env/bin/python" - <<'END'
import sys
import gymnasium
import compiler_gym_service
env = gymnasium.make("compiler_gym/llvm-v0", benchmark="demo-v0/sort")
env.reset(seed=1)
reward = env.step(env.unwrapped.table.number("-mem2reg"))[1]
assert reward > 0, reward
print("Python", sys.version.split()[0], "with the service", env.unwrapped.client.service.process.args[0], "reward", reward)
env.close()
END
  )
done
