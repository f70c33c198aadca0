#!/bin/sh
# Make a virtual environment with the first Python that can, $PYTHON before all: make_venv.sh FOLDER
# Where none can, say in one line what the system lacks.
set -u
folder=$1
old=""
bare=""
for python in "${PYTHON:-}" python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    [ -n "$python" ] && version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        old="$version"
    elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        bare="$version"
    else
        exec "$python" -m venv "$folder"
    fi
done
if [ -n "$bare" ]; then
    echo "Python $bare can't make a virtual environment; on Debian or Ubuntu: apt-get install python3-venv" >&2
else
    echo "no Python 3.10 or newer was found${old:+, only Python $old}; install one, or name it: make PYTHON=/path/to/python3" >&2
fi
exit 1
