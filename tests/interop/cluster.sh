# shellcheck shell=bash
# For the scripts here, sourced: `skip WHY`; a folder $work that goes at the end; `start_cluster`, which starts a slave and a
# master of $build_dir on free ports and sets $master_port.
skip() { echo "skipped: $1"; exit 77; }

for program in master slave; do
  [[ -x $build_dir/$program/$program ]] || { echo "$build_dir/$program/$program is not built" >&2; exit 1; }
done

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
start_cluster() {
  local slave_port
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
}
