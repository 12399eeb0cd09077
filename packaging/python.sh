#!/bin/sh
# Run the project's Python, after installing what its environment misses:
#
#     sh packaging/python.sh [ARGUMENTS OF PYTHON ...]
#
# The environment is the active one (that of python3, or of $PYTHON) if it has Detectron2: the
# project and what else it misses are added, nothing there is changed. Otherwise it is .venv, with
# the versions that requirements.txt pins. Of two calls at once one installs and the other waits.
#
# A stamp in the environment holds a checksum of what the installation depends on. It holds
# "installing" while one runs and after one that was killed or filled the disk: .venv may be
# damaged then, and the next call removes it and starts again.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# Set python to the first of these interpreters that has a supported version.
choose() {
    for python in "$@"; do
        case $(version "$python") in 3.10 | 3.11 | 3.12) return 0 ;; esac
    done
    found=$(version "$1")
    fail "Python 3.10, 3.11 or 3.12 is needed, and $1 ${found:+is Python }${found:-does not run}:" \
        "install one of them, or name it, for example make test PYTHON=/usr/bin/python3.11"
}

no_network() {
    fail "the Python package index cannot be reached: check the network, and pip's index and" \
        "proxy settings (pip config list)"
}

pip() {
    "$run" -m pip --no-input --disable-pip-version-check "$@"
}

# Run a command in silence; where it fails, say why. step MESSAGE COMMAND [ARGUMENT ...]
step() {
    echo "$1 ..."
    shift
    output=$("$@" 2>&1 </dev/null) && return
    status=$?
    case $output in
    *"No space left on device"* | *"Disk quota exceeded"*)
        fail "the disk is full: make room for $PWD and for ${TMPDIR:-/tmp}, then try again" ;;
    esac
    [ $status -lt 128 ] || fail "stopped by signal $((status - 128)): try again"
    echo "$before" >"$stamp"
    case ${output##*connection broken by} in
    "$output" | *Collecting* | *Downloading*) ;; # no retry, or one after which pip went on
    *) no_network ;;
    esac
    case $(printf '%s\n' "$output" | grep -v WARNING) in
    *"Max retries exceeded"* | *"Read timed out"* | *"Connection broken"* | *incomplete-download*)
        no_network ;;
    esac
    printf '%s\n' "$output" >&2
    fail "this step failed with the output above"
}

# Whether everything is installed, as our files ask for it now.
complete() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]
}

fingerprint() {
    {
        version "${PYTHON:-$run}"
        "$run" -c 'from importlib.util import find_spec
print([bool(find_spec(name)) for name in ("torch", "detectron2", "stma_d2")])' 2>/dev/null || true
        pwd -P
        cat packaging/requirements.txt packaging/make_detectron2_wheel.py projects/STMA/setup.py
    } | cksum
}

install() {
    # fcntl, because macOS has no flock(1). The lock goes with the last process that holds it.
    exec 9<>packaging/requirements.txt
    "$python" -c 'import fcntl; fcntl.flock(0, fcntl.LOCK_EX)' <&9
    if ! complete; then
        before=$(cat "$stamp" 2>/dev/null || true)
        if [ "$environment" = .venv ]; then install_venv; else install_into_active; fi
        fingerprint >"$stamp"
    fi
    exec 9>&-
}

install_venv() {
    if [ "$before" = installing ]; then
        echo "The last installation was cut short: starting again."
        rm -rf .venv
    fi
    if [ ! -d .venv ]; then
        free=$("$python" -c 'import shutil; print(shutil.disk_usage(".").free // 10**9)')
        [ "$free" -ge 6 ] ||
            fail "installing takes 6 GB, and the disk of $PWD has $free GB left: make room first"
        mkdir .venv
        before=installing
        echo installing >"$stamp"
        step "Making .venv" "$python" -m venv .venv
        before=
    fi
    found=$(version "$run")
    wanted=${PYTHON:+$(version "$PYTHON")}
    wanted=${wanted:-3.10, 3.11 or 3.12}
    case $wanted in
    *"${found:-none}"*) ;;
    *) fail "the Python of .venv is ${found:-broken}, not $wanted: remove .venv and try again" ;;
    esac
    echo installing >"$stamp"
    set -- install --constraint packaging/requirements.txt
    # Small packages first: without a network, this ends soon.
    step "Preparing .venv" pip "$@" --retries=1 --timeout=20 pip setuptools
    step "Installing PyTorch and the other packages (5 GB, some minutes)" \
        pip "$@" --no-build-isolation --requirement packaging/requirements.txt
    step "Making Detectron2 0.6" "$run" packaging/make_detectron2_wheel.py .venv
    step "Installing Detectron2 0.6" pip "$@" --no-deps --force-reinstall .venv/detectron2-*.whl
    step "Installing stma_d2" pip "$@" --no-build-isolation --editable projects/STMA
}

install_into_active() {
    [ -w "$environment" ] ||
        fail "$environment cannot be written to: activate an environment of your own, or none"
    echo installing >"$stamp"
    step "Adding stma_d2 to $environment" add_project
}

add_project() {
    pip list --format=freeze --exclude=stma_d2 |
        pip install --constraint /dev/stdin --editable "projects/STMA[dev]"
}

if [ -n "${PYTHON:-}" ]; then
    choose "$PYTHON"
else
    choose python3 .venv/bin/python python3.12 python3.11 python3.10
fi
environment=$("$python" -c 'import importlib.util, sys
print(sys.prefix if importlib.util.find_spec("detectron2") else ".venv")')
if [ "$environment" -ef .venv ] || [ "$environment" = .venv ]; then
    environment=.venv
    run=.venv/bin/python
    # The base: the chosen one may lie in .venv, which may have to be removed.
    python=$("$python" -c 'import sys; print(sys._base_executable)')
else
    run=$python
fi
stamp=$environment/stma-environment.txt

complete || install
[ $# -eq 0 ] || exec "$run" "$@"
echo "The environment is ready: $environment"
