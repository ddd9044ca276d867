#!/usr/bin/env bash
# Runs the quick start many times in a row beside busy loops; each run must succeed and leave nothing running.
#   under_load.sh BUILD_FOLDER [RUNS, default 20]
set -euo pipefail
# shellcheck source=tests/quickstart/common.sh
source "$(dirname "$0")/common.sh"
runs=${2:-20}

for ((i = 0; i < 2 * $(nproc); i++)); do
  (while :; do :; done) &
  started+=($!)
  disown
done
for ((run = 1; run <= runs; run++)); do
  began=$SECONDS
  quickstart --rows 20000 >"$work/out" 2>&1 || { tail -30 "$work/out"; fail "run $run of $runs"; }
  # An upsert and a delete later there are as many rows less one; the page of figures is the end.
  grep -qE '\b19999\b' "$work/out" && grep -q 'loaded  *20000 rows' "$work/out" || { cat "$work/out"; fail "run $run does not show its rows"; }
  ! is_open "$port" && ! is_open $((port + 1)) || fail "run $run left a program running"
  [[ ! -e $work/quickstart-data ]] || fail "run $run left its data"
  echo "run $run of $runs: $((SECONDS - began)) s"
done
