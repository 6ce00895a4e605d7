#!/bin/sh
# Make .venv hold exactly what uv.lock says, given only Python 3.11 or newer, its venv module and a package registry.
set -eu
cd "$(dirname "$0")/.."

TOOLS=.tools
LOG=$TOOLS/install.log

fail() {
    echo "install: $1" >&2
    exit 1
}

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer was not found; install it or name it: PYTHON=/path/to/python3 make ..."
}

# Run a step that downloads, its output kept in the log.
download() {
    "$@" >>"$LOG" 2>&1 || fail "'$*' failed; is the package registry reachable? The whole story: $LOG"
}

find_uv() {
    if uv --version >/dev/null 2>&1; then
        echo uv
        return
    fi
    if ! "$TOOLS/uv/bin/uv" --version >/dev/null 2>&1; then
        "$1" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$1 has no venv module; install it (Debian and Ubuntu: apt-get install python3-venv)"
        "$1" -m venv --clear "$TOOLS/uv" >>"$LOG" 2>&1 || fail "'$1 -m venv $TOOLS/uv' failed; the whole story: $LOG"
        # PIP_USER in somebody's configuration would refuse to install into a virtual environment.
        PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 download "$TOOLS/uv/bin/python" -m pip install --disable-pip-version-check uv
    fi
    echo "$TOOLS/uv/bin/uv"
}

# The registry that somebody told pip to use instead of the public one, which is the one that uv.lock names.
find_mirror() {
    index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(configured_index "$1")}}
    case $index in
    "" | https://pypi.org/simple | https://pypi.org/simple/) ;;
    *) echo "$index" ;;
    esac
}

# `pip config get` looks into one file; the list has what all of them say together.
configured_index() {
    has_pip=$TOOLS/uv/bin/python
    [ -x "$has_pip" ] || has_pip=$1
    "$has_pip" -m pip config list 2>/dev/null | while IFS='=' read -r key value; do
        if [ "$key" = global.index-url ]; then value=${value#\'} && echo "${value%\'}"; fi
    done
}

mkdir -p "$TOOLS" 2>/dev/null || fail "this folder cannot be written to: $(pwd)"
: >"$LOG"
python=$(find_python)
echo "Installing Python packages into .venv ..."
uv=$(find_uv "$python")
mirror=$(find_mirror "$python")

export UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never
# Without this uv trusts its own list of authorities alone, and a company's registry or proxy is none of them.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"; fi

if [ -z "$mirror" ]; then
    download "$uv" sync --frozen --python "$python"
else
    download "$uv" venv --allow-existing --python "$python" .venv
    download "$uv" export --frozen --output-file "$TOOLS/requirements.txt"
    VIRTUAL_ENV=.venv UV_DEFAULT_INDEX=$mirror download "$uv" pip sync "$TOOLS/requirements.txt"
fi
