#!/usr/bin/env bash
# parquet_readers.sh BUILD_DIR: see README.md here. Exit status 77: skipped.
set -euo pipefail
build_dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
python=${DL_PYTHON:-python3}
rows=${DL_INTEROP_ROWS:-150000} # more than one row group

# shellcheck source=tests/interop/cluster.sh
source "$here/cluster.sh"
"$python" -c 'import pyarrow.parquet' 2>/dev/null || skip "$python has no pyarrow; DL_PYTHON names an interpreter that has"
client=$build_dir/data-lake-client/data-lake-client

start_cluster

types=$("$python" "$here/parquet_readers.py" write "$rows" "$work/rows.jsonl")
"$client" -q --load "$work/rows.jsonl" --table t --key id --create --partitions 1 --types "$types" "127.0.0.1:$master_port"
"$client" -q -c '{"compress_table":"t"}' "127.0.0.1:$master_port"
"$python" "$here/parquet_readers.py" compare "$rows" $(find "$work/slave" -name '*.parquet')
