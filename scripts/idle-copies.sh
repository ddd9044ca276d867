#!/usr/bin/env bash
# What partitions with copies cost while nothing happens: a master and three slaves, tables with three copies, then
# the CPU time of each process over a while.
#
#   scripts/idle-copies.sh [--partitions 20000] [--seconds 30] [--build DIR] [--port P]
#
# Takes the programs of a build folder (build, the release build) and its cluster of scripts/cluster.sh, which is
# removed first and at the end. Nothing else should run.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

partitions=20000 seconds=30 build_dir=$repo/build port=7963
while (($#)); do
  case $1 in
    --partitions) partitions=${2:?}; shift ;;
    --seconds) seconds=${2:?}; shift ;;
    --build) build_dir=${2:?}; shift ;;
    --port) port=${2:?}; shift ;;
    -h | --help) sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option '$1'; scripts/idle-copies.sh --help lists them" ;;
  esac
  shift
done
[[ $partitions =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] || fail "--partitions and --seconds take numbers"
build_dir=$(cd "$build_dir" && pwd)
cluster=("$repo/scripts/cluster.sh" --build "$build_dir")
"${cluster[@]}" --remove >/dev/null 2>&1 || true
trap '"${cluster[@]}" --remove >/dev/null 2>&1 || true' EXIT
"${cluster[@]}" 3 --port "$port" >/dev/null

sql() { "$build_dir/data-lake-client/data-lake-client" "127.0.0.1:$port" -c "$1"; }
per_table=1000 made=0 number=0
while ((made < partitions)); do
  count=$((partitions - made < per_table ? partitions - made : per_table))
  sql "create table idle$number(id int primary key) partition.number = $count, replicas.number = 2" >/dev/null
  made=$((made + count)) number=$((number + 1))
done
say "$made partitions with three copies in $number tables; waiting for quiet"
sleep 20
sql cluster_status | sed -n '1,3p'

processes=(master slave1 slave2 slave3)
ticks() { local pid=$(<"$build_dir/cluster-data/$1/pid"); awk '{print $14 + $15}' "/proc/$pid/stat"; }
declare -A before
for one in "${processes[@]}"; do before[$one]=$(ticks "$one"); done
sleep "$seconds"
hertz=$(getconf CLK_TCK)
for one in "${processes[@]}"; do
  awk -v name="$one" -v used=$(($(ticks "$one") - ${before[$one]})) -v hertz="$hertz" -v seconds="$seconds" \
    'BEGIN { printf "%-8s %5.2f %% of a core\n", name, used * 100 / hertz / seconds }'
done
