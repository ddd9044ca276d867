#!/usr/bin/env bash
# What the quick start makes of the processes it starts and finds: slow ones, dead ones, strangers.
#   processes.sh BUILD_FOLDER
set -euo pipefail
# shellcheck source=tests/quickstart/common.sh
source "$(dirname "$0")/common.sh"

echo "- a program that takes long to begin is waited for"
mkdir "$work/bin"
printf '#!/bin/sh\nsleep 1\nexec %s "$@"\n' "$(command -v setsid)" >"$work/bin/setsid"
chmod +x "$work/bin/setsid"
PATH=$work/bin:$PATH quickstart --rows 1000 >"$work/out" 2>&1 || { tail -30 "$work/out"; fail "a slow start"; }

echo "- one that ends at once is said to have ended, with its status"
printf '#!/bin/sh\necho "no disk today"\nexit 3\n' >"$work/ends"
chmod +x "$work/ends"
ln -sf "$work/ends" "$work/slave/slave"
! quickstart --rows 1000 >"$work/out" 2>&1 || fail "a slave that ends went unnoticed"
grep -q 'the slave stopped by itself with status 3' "$work/out" && grep -q 'no disk today' "$work/out" ||
  { cat "$work/out"; fail "the end of the slave is not told"; }
! is_open "$port" || fail "the master was left running"
ln -sf "$programs/slave/slave" "$work/slave/slave"

echo "- --keep, --stop and --start work from one call to the next"
quickstart --keep --rows 1000 >"$work/out" 2>&1 || { tail -30 "$work/out"; fail "--keep"; }
is_open "$port" && is_open $((port + 1)) || fail "--keep keeps nothing running"
! quickstart >"$work/out" 2>&1 || fail "a second run began beside the first"
quickstart --stop >/dev/null 2>&1 || fail "--stop"
! is_open "$port" && ! is_open $((port + 1)) || fail "--stop stops nothing"
quickstart --start >"$work/out" 2>&1 || { tail -30 "$work/out"; fail "--start"; }
"$work/data-lake-client/data-lake-client" "127.0.0.1:$port" -q --no-header --format csv -c "select count(*) from flights" |
  grep -q '^999$' || fail "the rows are gone after --start"
cp "$work/quickstart-data/slave.pid" "$work/slave.pid"
quickstart --stop >/dev/null 2>&1 || fail "--stop after --start"

echo "- a process that got the number of a dead one is left alone"
sleep 600 &
started+=($!)
for name in master slave; do sed "s/^[0-9]*/$!/" "$work/slave.pid" >"$work/quickstart-data/$name.pid"; done
quickstart --stop 2>&1 | grep -q 'nothing is running' || fail "a stranger counts as the cluster"
kill -0 $! || fail "a stranger was stopped"
