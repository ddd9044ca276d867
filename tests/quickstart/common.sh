# Shared by the tests beside it; sourced with the build folder as first argument.
#   $work     an empty folder that looks like a build folder with the three programs; removed at the end
#   $port     a pair of free ports begins here
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=${1:?the build folder}
[[ -r ${DL_DEPS_DIR:-/opt/datalakedb-deps}/vega-datasets-3.2.1/flights-3m.parquet ]] || {
  echo "the flights of vega-datasets are not here; scripts/install-deps.sh fetches them"
  exit 77
}

started=()  # process ids, ended with this script
work=$(mktemp -d)
on_exit() {
  local status=$?
  ((${#started[@]} == 0)) || kill -KILL "${started[@]}" 2>/dev/null || true
  [[ ! -d $work/quickstart-data ]] || quickstart --stop >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$status"
}
trap on_exit EXIT
for name in master slave data-lake-client; do
  mkdir "$work/$name"
  ln -s "$programs/$name/$name" "$work/$name/$name"
done

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=$((20000 + RANDOM % 5000 * 2))
while is_open "$port" || is_open $((port + 1)); do port=$((20000 + RANDOM % 5000 * 2)); done

quickstart() { "$repo/scripts/quickstart.sh" --build "$work" --port "$port" "$@"; }
fail() { echo "FAILED: $*"; exit 1; }
