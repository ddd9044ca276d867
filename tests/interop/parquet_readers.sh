#!/usr/bin/env bash
# parquet_readers.sh BUILD_DIR: see README.md here. Exit status 77: skipped.
set -euo pipefail
build_dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
python=${DL_PYTHON:-python3}
rows=${DL_INTEROP_ROWS:-150000} # more than one row group

skip() { echo "skipped: $1"; exit 77; }
"$python" -c 'import pyarrow.parquet' 2>/dev/null || skip "$python has no pyarrow; DL_PYTHON names an interpreter that has"
for program in master slave; do
  [[ -x $build_dir/$program/$program ]] || { echo "$build_dir/$program/$program is not built" >&2; exit 1; }
done
client=$build_dir/data-lake-client/data-lake-client

work=$(mktemp -d)
pids=()
cleanup() {
  local status=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  ((status == 0 || status == 77)) || { tail -n 30 "$work"/*.log 2>/dev/null || true; }
  rm -rf "$work"
}
trap cleanup EXIT

free_port() { # a port nobody listens on; the range is below the one the kernel hands out
  local port
  for port in $(shuf -i 20000-29999 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}
master_port=$(free_port) slave_port=$(free_port)
mkdir "$work/master" "$work/slave"
printf 'slave.node = 127.0.0.1:%s\nslave.data = %s\n' "$slave_port" "$work/slave" >"$work/slave.properties"
printf 'master.data.port = 127.0.0.1:%s\nmaster.data.path = %s\nslave.nodes = 127.0.0.1:%s\n' "$master_port" "$work/master" "$slave_port" >"$work/master.properties"
"$build_dir/slave/slave" "$work/slave.properties" >"$work/slave.log" 2>&1 &
pids+=($!)
"$build_dir/master/master" "$work/master.properties" >"$work/master.log" 2>&1 &
pids+=($!)
for _ in {1..300}; do
  (exec 3<>"/dev/tcp/127.0.0.1/$master_port") 2>/dev/null && (exec 3<>"/dev/tcp/127.0.0.1/$slave_port") 2>/dev/null && break
  sleep 0.1
done

types=$("$python" "$here/parquet_readers.py" write "$rows" "$work/rows.jsonl")
"$client" -q --load "$work/rows.jsonl" --table t --key id --create --partitions 1 --types "$types" "127.0.0.1:$master_port"
"$client" -q -c '{"compress_table":"t"}' "127.0.0.1:$master_port"
"$python" "$here/parquet_readers.py" compare "$rows" $(find "$work/slave" -name '*.parquet')
