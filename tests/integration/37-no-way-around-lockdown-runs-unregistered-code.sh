#!/bin/sh
# Every case of tests/bypass is blocked in enforce mode, but for those that need BPF LSM (the next
# test has it); in detect mode each of them does run, so the cases are real.
set -u
[ "$(id -u)" = 0 ] || exit 77
here=$(cd "$(dirname "$0")" && pwd)
export AGENT=${BUILD:?}/agent/sekisho-agent HELPERS=$BUILD/bypass
"$here/../bypass/run" || exit 1
CONTROL=1 "$here/../bypass/run" >"${TMPDIR:-/tmp}/sekisho-control.$$" || {
    cat "${TMPDIR:-/tmp}/sekisho-control.$$"
    rm -f "${TMPDIR:-/tmp}/sekisho-control.$$"
    exit 1
}
tail -1 "${TMPDIR:-/tmp}/sekisho-control.$$"
rm -f "${TMPDIR:-/tmp}/sekisho-control.$$"
