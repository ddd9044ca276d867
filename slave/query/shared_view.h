// A pinned cut as the process that runs the query sees it: over memory that its daemon shares, and the files.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/shared_bytes.h"
#include "slave/partition/read_view.h"

namespace dl::slave {

// A batch that is checked when it is read, and its live rows as bits.
struct SharedUnit {
    SharedBytes body;
    std::uint32_t batch_rows = 0;
    Offset base_offset = 0;
    std::optional<SharedBytes> live;  // absent: all rows

    Result<ScanUnit> open() const;
    // Only these columns of it, which may be none.
    Result<ScanUnit> open(std::span<const FieldId> fields) const;
};

class SharedView final : public ReadView {
  public:
    struct Cut {
        Offset end_offset = 0;
        std::optional<std::uint64_t> rows;  // as count_rows()
        std::uint64_t tail_rows = 0;
        std::vector<SharedUnit> tail;
        std::vector<ViewFile> files;
    };
    explicit SharedView(Cut cut);
    // One of which only these rows are wanted, which the daemon has found.
    explicit SharedView(std::vector<SharedUnit> found);

    Offset end_offset() const override { return cut_.end_offset; }
    const std::vector<ViewFile>& files() const override { return cut_.files; }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const override;
    std::uint64_t tail_rows() const override { return cut_.tail_rows; }
    std::optional<std::uint64_t> count_rows() const override { return cut_.rows; }
    // The rows that were found, whatever `keys` says.
    Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128> keys,
                                            std::span<const Field> fields) const override;

  private:
    Cut cut_;
    std::shared_ptr<const std::vector<SharedUnit>> tail_;
    std::optional<std::vector<SharedUnit>> found_;
};

// Keeps the rows whose bit of `dead` is not set: row r is bit r % 64 of word r / 64. CORRUPT_DATA when there
// are not as many as rows.
Result<std::shared_ptr<const RowFilter>> shared_filter(std::uint64_t rows, SharedBytes dead);

}  // namespace dl::slave
