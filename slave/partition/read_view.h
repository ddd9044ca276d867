// A pinned cut of one partition: the files of one manifest with their delete vectors, and the tail up to one
// offset. Immutable, thread-safe; what it refers to is not deleted while it lives (INV-7).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/duck/scan_source.h"
#include "common/meta/table_meta.h"

namespace dl::slave {

struct StoredColumn {
    FieldId id;
    DataType type;  // in the file: that of the table or, from before it was made wider, a narrower one
    friend bool operator==(const StoredColumn&, const StoredColumn&) = default;
};

struct ViewFile {
    std::string path;                  // Parquet
    std::vector<StoredColumn> fields;  // fields it has, as f<id> columns
    std::uint64_t rows = 0;
    std::uint64_t dead_rows = 0;              // 0: scan without a predicate
    std::shared_ptr<const RowFilter> filter;  // liveness by file row number; set when dead_rows > 0
};

class ReadView {
  public:
    virtual ~ReadView() = default;
    virtual Offset end_offset() const = 0;  // the cut: rows below it
    virtual const std::vector<ViewFile>& files() const = 0;
    // Before rows are read from files(): that they are what was written (SnapshotFile::prove). Blocking.
    virtual Result<void> prove_files() const { return {}; }
    // Live rows of the tail as a source with exactly `columns`.
    virtual std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const = 0;
    // Its records, of which some may be deletes or replaced.
    virtual std::uint64_t tail_rows() const = 0;
    // How many rows a scan of files and tail would find, from their marks alone; nullopt: these do not tell.
    virtual std::optional<std::uint64_t> count_rows() const { return std::nullopt; }
    // The live rows of these keys (hashes, any order, repeats are fine), found through the key tables and key
    // indexes: no scan, a few pages of Parquet. Batches have at least those of `fields` that are stored with
    // the row. Blocking. NOT_SUPPORTED: this view cannot, scan it instead.
    virtual Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128> keys,
                                                    std::span<const Field> fields) const = 0;
};

}  // namespace dl::slave
