#!/usr/bin/env bash
# From a fresh clone to a running cluster with three million rows: installs what is missing, builds a release, starts
# one master and one slave on loopback, loads the flights of the vega-datasets package (key = row number), and shows
# queries, upserts, deletes, reading by offset and compaction.
#
#   scripts/quickstart.sh              shows it all, then stops the cluster and removes its data
#   scripts/quickstart.sh --keep       leaves the cluster running, for the prompt
#   scripts/quickstart.sh --rows N     loads only the first N rows
#   scripts/quickstart.sh --port P     master on port P, slave on P+1 (default 7853)
#   scripts/quickstart.sh --build DIR  installs and builds nothing: takes the programs of a build folder, e.g. build/dev
#   scripts/quickstart.sh --stop       stops a cluster that --keep left running; its data stays
#   scripts/quickstart.sh --start      starts it again
#   scripts/quickstart.sh --fresh      removes the data of an earlier --keep run and begins anew
#
# Everything lies in build/quickstart-data (DIR/quickstart-data): configuration, data and logs of both programs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

rows=0 port=7853 keep=no fresh=no action=run build_dir=$repo/build built=no
while (($#)); do
  case $1 in
    --keep) keep=yes ;;
    --fresh) fresh=yes ;;
    --stop | --start) action=${1#--} ;;
    --rows) rows=${2:?--rows needs a number}; shift ;;
    --port) port=${2:?--port needs a number}; shift ;;
    --build) build_dir=${2:?--build needs a folder} built=yes; shift ;;
    -h | --help) sed -n '2,15p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option '$1'; scripts/quickstart.sh --help lists them" ;;
  esac
  shift
done
[[ $rows =~ ^[0-9]+$ ]] || fail "--rows takes a number of rows, not '$rows'"
[[ $port =~ ^[0-9]+$ ]] && ((port >= 1024 && port <= 65534)) || fail "--port takes a number from 1024 to 65534, not '$port'"

[[ -d $build_dir || $built == no ]] || fail "--build takes a build folder, and '$build_dir' is none"
[[ $built == no ]] || build_dir=$(cd "$build_dir" && pwd)
home=$build_dir/quickstart-data
again=scripts/quickstart.sh  # how hints for the user begin
[[ $built == no ]] || again+=" --build $build_dir"
master=$build_dir/master/master
slave=$build_dir/slave/slave
client=$build_dir/data-lake-client/data-lake-client
flights=$deps_dir/vega-datasets-3.2.1/flights-3m.parquet
[[ -f $home/port && $action != run ]] && port=$(<"$home/port")

# --- processes ---

start_seconds_max=120
stop_seconds_max=30
declare -A child=()  # what this run started: name -> process id

# When process PID began, in clock ticks since boot; fails when there is none, or when it has ended and nobody has asked for
# its status yet. A process keeps this number through exec, and no later process with the same id has it.
start_time_of() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"  # the name of the program, in parentheses before it, may hold anything
  [[ ${fields[0]} != [ZX] ]] && echo "${fields[19]}"
}
boot_id() { cat /proc/sys/kernel/random/boot_id; }

# Process id of NAME (master, slave) of this cluster, when it runs. The file beside the data says which process it was; a
# stranger that got the same id later is not it.
pid_of() {
  local pid started boot
  [[ -f $home/$1.pid ]] && read -r pid started boot <"$home/$1.pid" && [[ $boot == "$(boot_id)" ]] &&
    [[ $(start_time_of "$pid") == "$started" ]] && echo "$pid"
}

stop_one() {
  local pid deadline=$((SECONDS + stop_seconds_max))
  if pid=$(pid_of "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    while pid_of "$1" >/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    if pid_of "$1" >/dev/null; then
      say "the $1 (process $pid) did not stop within $stop_seconds_max s; killing it"
      kill -KILL "$pid" 2>/dev/null || true
    fi
  fi
  rm -f "$home/$1.pid"
}
stop_cluster() { stop_one master; stop_one slave; }

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_one() {
  local name=$1 program=$2 address=$3
  port_is_open "$address" &&
    fail "port $address on 127.0.0.1 is in use by another program; choose another pair: $again --port $((port + 1000))"
  (cd "$home" && exec setsid "$program" "$home/$name.properties" >>"$home/$name.log" 2>&1 </dev/null) &
  child[$name]=$!
  # Gone already: fail_if_ended says so.
  echo "$! $(start_time_of $! || echo 0) $(boot_id)" >"$home/$name.pid"
}

# Ends the script when NAME, which this run started, has ended: with its status, what it said last, and the way out.
fail_if_ended() {
  local status=0
  [[ $'\n'$(jobs -rp)$'\n' != *$'\n'"${child[$1]}"$'\n'* ]] || return 0
  wait "${child[$1]}" || status=$?
  say "the $1 stopped by itself with status $status; the end of $home/$1.log:"
  tail -15 "$home/$1.log" >&2
  exit 1
}

start_cluster() {
  start_one slave "$slave" $((port + 1))
  start_one master "$master" "$port"
  local deadline=$((SECONDS + start_seconds_max))
  while ((SECONDS < deadline)); do
    fail_if_ended slave
    fail_if_ended master
    if port_is_open "$port" && port_is_open $((port + 1)) && sql "show tables" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "the cluster did not answer within $start_seconds_max s; see $home/master.log and $home/slave.log"
}

# --- talking to it ---

sql() { "$client" "127.0.0.1:$port" -c "$1"; }
show() { printf '\n\033[1m> %s\033[0m\n' "$1" | strip_colour; "$client" "127.0.0.1:$port" -c "$1"; }
strip_colour() { if [[ -t 1 ]]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }
headline() { printf '\n\033[1;36m%s\033[0m\n' "$1" | strip_colour; }
how_to_go_on() {
  cat <<END

The cluster is running: master on 127.0.0.1:$port, slave on 127.0.0.1:$((port + 1)).
  prompt:  $client 127.0.0.1:$port
  stop:    $again --stop      start again: $again --start
  logs:    $home/master.log, $home/slave.log
END
}

if [[ $action == stop ]]; then
  pid_of master >/dev/null || pid_of slave >/dev/null || { say "nothing is running"; exit 0; }
  stop_cluster
  say "stopped; the data is in $home"
  exit 0
fi

if pid_of master >/dev/null || pid_of slave >/dev/null; then
  fail "a quick start is already running from $home (port $(<"$home/port")); stop it first: $again --stop"
fi

if [[ $action == start ]]; then
  [[ -f $home/kept ]] || fail "there is no cluster to start: $home holds no finished run; use $again --keep"
  start_cluster
  how_to_go_on
  exit 0
fi

if [[ -f $home/kept && $fresh == no ]]; then
  fail "$home holds the cluster of an earlier --keep run, which is stopped.
$me: start it again with $again --start, or remove it and begin anew with $again --fresh"
elif [[ -d $home ]]; then
  say "removing what an earlier run left in $home"
  rm -rf "$home"
fi

# --- build ---

if [[ $built == yes ]]; then
  headline "1. The programs of $build_dir"
else
  headline "1. Dependencies and build"
  "$repo/scripts/install-deps.sh"
  build release master slave data-lake-client
fi
[[ -x $master && -x $slave && -x $client ]] || fail "there is no program $master, $slave or $client; build them first"
[[ -r $flights ]] || fail "$flights is missing; scripts/install-deps.sh fetches it (DL_DEPS_DIR is '$deps_dir')"

# --- start ---

headline "2. One master and one slave on loopback"
mkdir -p "$home/master" "$home/slave"
echo "$port" >"$home/port"
cat >"$home/master.properties" <<END
master.data.port = 127.0.0.1:$port
master.data.path = $home/master
slave.nodes = 127.0.0.1:$((port + 1))
END
cat >"$home/slave.properties" <<END
slave.node = 127.0.0.1:$((port + 1))
slave.data = $home/slave
END

on_exit() {
  local status=$?
  trap - EXIT INT TERM
  if ((status != 0)) || [[ $keep == no ]]; then
    stop_cluster
    if ((status == 0)); then rm -rf "$home"; else say "stopped; logs and data are left in $home"; fi
  fi
  exit "$status"
}
trap on_exit EXIT
trap 'exit 130' INT TERM
start_cluster
echo "running: master on 127.0.0.1:$port, slave on 127.0.0.1:$((port + 1))"

# --- show ---

headline "3. Loading $( ((rows > 0)) && echo "$rows" || echo "3 000 000") flights into 4 partitions, each write synced to disk"
load=("$client" "127.0.0.1:$port" --load "$flights" --table flights --key row_number:id --create --partitions 4)
((rows > 0)) && load+=(--rows "$rows")
load_started=$EPOCHREALTIME
"${load[@]}"
load_seconds=$(awk -v a="$load_started" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
loaded=$("$client" "127.0.0.1:$port" -q --no-header --format csv -c "select count(*) as n from flights")
((rows > 0)) && expected=$rows || expected=3000000
[[ $loaded == "$expected" ]] || fail "expected $expected rows after loading, found $loaded"

headline "4. SQL over them"
show "select count(*) as flights, min(date) as first, max(date) as last, round(avg(delay), 2) as avg_delay from flights"
show "select origin, count(*) as flights, round(avg(delay), 1) as avg_delay from flights group by origin having count(*) > 100 order by avg_delay desc limit 5"
show "with busy as (select destination, count(*) as arrivals from flights group by destination) select * from busy order by arrivals desc, destination limit 3"
show "select * from flights where id = 42"

headline "5. Upsert and delete: visible to the next query"
before=$("$client" "127.0.0.1:$port" -q --no-header --format csv -c "max_offset flights")
show "insert into flights (id, date, delay, distance, origin, destination) values (42, '2001-01-01 00:00:00', 0, 1, 'HERE', 'THERE')"
show "delete from flights where id = 43"
show "select id, origin, destination from flights where id between 41 and 44 order by id"

headline "6. The same two writes, read by offset as a consumer does"
positions=$(awk -F, '/^[0-9]+,/ {printf "%s{\"patition_code\":%d,\"offset\":%d}", (n++ ? "," : ""), $1, $2 + 1}' <<<"$before")
show "{\"stream_read\":{\"table_name\":\"flights\",\"patition_mess\":[$positions],\"read_count\":10},\"options\":{\"format\":\"json\"}}"

headline "7. Compaction, online: only the newest record of each key stays, offsets do not change"
show "compress flights"
show "select count(*) as flights, sum(distance) as miles from flights"

headline "Figures of this run"
memory_of() { awk '/^VmRSS/ {printf "%d MB", $2 / 1024}' "/proc/$(pid_of "$1")/status"; }
awk -v n="$loaded" -v s="$load_seconds" 'BEGIN {printf "loaded         %d rows in %s s (%d rows/s, synced)\n", n, s, n / s}'
echo "on disk        $(du -sm "$home/slave" | cut -f1) MB (Parquet source: $(du -m "$flights" | cut -f1) MB)"
echo "memory         master $(memory_of master), slave $(memory_of slave)"

if [[ $keep == yes ]]; then
  touch "$home/kept"
  how_to_go_on
else
  echo
  echo "Stopping the cluster. $again --keep leaves it running for the prompt ($client 127.0.0.1:$port)."
fi
