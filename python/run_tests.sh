#!/usr/bin/env bash
# The checks of the Python package, in a virtual environment of their own:
#   run_tests.sh environment          makes build/python-venv, or brings it up to date, and installs the package there
#   run_tests.sh pytest SERVICE ...   runs the tests on that service; more arguments go to pytest
#   run_tests.sh mypy | ruff          checks types, and style
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly environment=${here%/*}/build/python-venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

make_environment() {
  local python=${PYTHON:-python3} wanted
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "$python is too old for the tests: 3.11 or newer, or set PYTHON" >&2; exit 1; }
  wanted=$("$python" --version; cat "$here/requirements-dev.txt")
  if [[ ! -x $environment/bin/pip || $(cat "$environment/made_for" 2>/dev/null) != "$wanted" ]]; then
    rm -rf "$environment"
    "$python" -m venv "$environment" || { echo "is python3-venv installed? apt install python3-venv" >&2; exit 1; }
    "$environment/bin/pip" install --quiet --requirement "$here/requirements-dev.txt" ||
      { echo "is there a network? the packages are those of python/requirements-dev.txt" >&2; exit 1; }
    printf '%s\n' "$wanted" >"$environment/made_for"
  fi
  # The messages beside the sources are for mypy and editors; what is tested is the package as it is installed.
  "$environment/bin/python" "$here/generate.py" "$here/.." "$here/compiler_gym_service"
  "$environment/bin/pip" install --quiet --no-deps --no-build-isolation --force-reinstall "$here"
}

command=${1:-}
shift || true
case $command in
  environment) make_environment ;;
  pytest)
    export COMPILER_GYM_SERVICE=$1
    shift
    cd -- "$environment" # not where the sources are: they are not to be imported
    exec "$environment/bin/pytest" -c "$here/pyproject.toml" --rootdir "$here" -p no:cacheprovider "$here/tests" "$@"
    ;;
  mypy)
    cd -- "$here"
    exec "$environment/bin/mypy" --cache-dir "$environment/mypy_cache" compiler_gym_service tests examples bench
    ;;
  ruff)
    cd -- "$here"
    "$environment/bin/ruff" check --no-cache .
    exec "$environment/bin/ruff" format --no-cache --check .
    ;;
  *)
    sed -n '2,5s/^# \?//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
