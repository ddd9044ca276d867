// The keys of one snapshot file, read from its Parquet in pieces: for rebuilding its key index and for
// checking it. Blocking; memory: one piece.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/base/hash.h"
#include "common/duck/duck_database.h"
#include "common/meta/table_meta.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

// Rows [first_row, first_row + hashes.size()) of the file.
struct KeyPiece {
    std::uint64_t first_row = 0;
    std::vector<Hash128> hashes;
    std::vector<Offset> offsets;
    std::vector<bool> deletes;
};

// Visits every row in order and checks what the manifest says of the file: number of rows, offsets ascending,
// within the range, dense when it was flushed. CORRUPT_DATA names file and row. An error of `visit` ends it.
Result<void> scan_parquet_keys(DuckDatabase& database, const std::string& path, const ManifestFile& info,
                               const TableMeta& table,
                               const std::function<Result<void>(const KeyPiece&)>& visit);

}  // namespace dl::slave
