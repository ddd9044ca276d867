#!/usr/bin/env bash
# Starts a master and N slaves on loopback and leaves them running.
#
#   scripts/cluster.sh 3                 a master and three slaves, of the release build (built if it is missing)
#   scripts/cluster.sh 3 --copies 3      says beside how a table with three copies is made, and makes the table `demo`
#   scripts/cluster.sh --stop            stops what runs; the data stay
#   scripts/cluster.sh --remove          stops it and removes the data
#   scripts/cluster.sh kill K | start K  kills slave K with kill -9, or starts it again
#   ... --port P                         master on port P, slaves on P+1 ... (default 7953)
#   ... --build DIR                      takes the programs of a build folder, e.g. build/dev
#
# Everything lies in build/cluster-data (DIR/cluster-data): configuration, data and logs, one folder a process.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

slaves='' copies=1 port=7953 action=run number='' build_dir=$repo/build built=no
while (($#)); do
  case $1 in
    --copies) copies=${2:?--copies needs a number}; shift ;;
    --port) port=${2:?--port needs a number}; shift ;;
    --build) build_dir=${2:?--build needs a folder} built=yes; shift ;;
    --stop | --remove) action=${1#--} ;;
    kill | start) action=$1 number=${2:?$1 needs the number of a slave}; shift ;;
    -h | --help) sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    [0-9]*) slaves=$1 ;;
    *) fail "unknown option '$1'; scripts/cluster.sh --help lists them" ;;
  esac
  shift
done
[[ $built == no || -d $build_dir ]] || fail "--build takes a build folder, and '$build_dir' is none"
build_dir=$(mkdir -p "$build_dir" && cd "$build_dir" && pwd)
home=$build_dir/cluster-data
again=''  # what the next call needs to find these programs and their data
[[ $built == no ]] || printf -v again ' --build %q' "$build_dir"
master=$build_dir/master/master slave=$build_dir/slave/slave client=$build_dir/data-lake-client/data-lake-client
[[ -f $home/port && $action != run ]] && port=$(<"$home/port")

running() { [[ -f $home/$1/pid ]] && kill -0 "$(<"$home/$1/pid")" 2>/dev/null && [[ $(readlink "/proc/$(<"$home/$1/pid")/cwd") == "$home/$1" ]]; }
start_one() {
  local name=$1 program=$2
  running "$name" && return 0
  (cd "$home/$name" && exec setsid "$program" "$home/$name/$name.properties" >>"$home/$name/log" 2>&1 </dev/null) &
  echo $! >"$home/$name/pid"
}
stop_one() {
  running "$1" || return 0
  local pid=$(<"$home/$1/pid") deadline=$((SECONDS + 30))
  kill -TERM "$pid"
  while running "$1" && ((SECONDS < deadline)); do sleep 0.05; done
  ! running "$1" || kill -KILL "$pid"
}
any_runs() {
  local folder
  for folder in "$home"/slave* "$home/master"; do running "$(basename "$folder")" && return 0; done
  return 1
}
stop_all() {
  [[ -d $home ]] || return 0
  for folder in "$home"/slave* "$home/master"; do [[ -d $folder ]] && stop_one "$(basename "$folder")"; done
}

case $action in
  stop | remove)
    said=stopped
    any_runs || said="nothing runs there"
    stop_all
    [[ $action == stop ]] || rm -rf "$home"
    [[ ! -d $home ]] || said+="; the data are in $home"
    say "$said"
    exit 0 ;;
  kill)
    running "slave$number" || fail "slave $number does not run"
    kill -KILL "$(<"$home/slave$number/pid")"
    say "slave $number (127.0.0.1:$((port + number))) was killed with kill -9"
    exit 0 ;;
  start)
    [[ -d $home/slave$number ]] || fail "there is no slave $number in $home"
    start_one "slave$number" "$slave"
    say "slave $number (127.0.0.1:$((port + number))) starts"
    exit 0 ;;
esac

[[ $slaves =~ ^[1-9][0-9]?$ ]] || fail "how many slaves? e.g. scripts/cluster.sh 3 --copies 3"
[[ $copies =~ ^[1-5]$ ]] && ((copies <= slaves)) || fail "--copies takes 1 to 5, and not more than there are slaves"
if [[ $built == no && ! -x $client ]]; then
  "$repo/scripts/install-deps.sh"
  build release master slave data-lake-client
fi
[[ -x $master && -x $slave && -x $client ]] || fail "there is no program $master, $slave or $client; build them first"
nodes=$(for ((i = 1; i <= slaves; i++)); do printf '127.0.0.1:%d,' $((port + i)); done)
mkdir -p "$home/master/data"
echo "$port" >"$home/port"
printf 'master.data.port = 127.0.0.1:%s\nmaster.data.path = %s\nslave.nodes = %s\n' \
  "$port" "$home/master/data" "${nodes%,}" >"$home/master/master.properties"
for ((i = 1; i <= slaves; i++)); do
  mkdir -p "$home/slave$i/data"
  printf 'slave.node = 127.0.0.1:%s\nslave.data = %s\n' $((port + i)) "$home/slave$i/data" >"$home/slave$i/slave$i.properties"
  start_one "slave$i" "$slave"
done
start_one master "$master"
sql() { "$client" "127.0.0.1:$port" -c "$1"; }
deadline=$((SECONDS + 60))
until sql "show tables" >/dev/null 2>&1; do
  ((SECONDS < deadline)) || fail "the cluster does not answer; see $home/master/log"
  sleep 0.1
done
if ((copies > 1)); then
  sql "create table demo (id long primary key, device string, ts timestamp, temp double) partition.number = 6, replicas.number = $((copies - 1))" ||
    true # it is there from an earlier start
fi
cat <<END
running: a master on 127.0.0.1:$port and $slaves slave(s) on 127.0.0.1:$((port + 1)) and following; data and logs in $home
  prompt:          $client 127.0.0.1:$port
  their state:     $client 127.0.0.1:$port -c cluster_status
  kill a slave:    scripts/cluster.sh kill 1$again
  start it again:  scripts/cluster.sh start 1$again
  stop:            scripts/cluster.sh --stop$again
END
