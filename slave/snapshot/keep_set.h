// Which rows of a run of snapshot files a compaction keeps: the newest record of each key within the run,
// unless it is a delete. Found by one merge of the files' sorted key indexes; no row is read. Pure but for
// the mapped indexes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "slave/index/key_index_file.h"
#include "slave/snapshot/delete_vector.h"

namespace dl::slave {

// Kept rows of one file; knows the new number of each.
class KeptRows {
  public:
    explicit KeptRows(RowBits bits);
    bool test(std::uint64_t row) const { return bits_.test(row); }
    std::uint64_t rows() const { return bits_.rows(); }
    std::uint64_t count() const { return count_; }
    // How many kept rows lie before `row`.
    std::uint64_t rank(std::uint64_t row) const;
    std::span<const std::uint64_t> words() const { return bits_.words(); }

  private:
    RowBits bits_;
    std::vector<std::uint32_t> before_word_;
    std::uint64_t count_ = 0;
};

// All rows but the kept ones.
std::shared_ptr<const DeleteVector> dead_rows_of(const KeptRows& kept);

struct KeepInput {
    const KeyIndex* index = nullptr;
    std::uint64_t rows = 0;
};

// Visits all entries of the indexes in ascending hash order; entries of one key come newest file first
// (highest input). CORRUPT_DATA for a damaged index, in the midst of it.
Result<void> merge_indexes(std::span<const KeepInput> inputs,
                           const std::function<void(std::size_t input, const KeyIndex::Entry&)>& visit);

// One per input; inputs ascend by offset.
Result<std::vector<KeptRows>> find_kept_rows(std::span<const KeepInput> inputs);

// INV-5: a row that is live now is the newest of its key and must be kept. Rows that are live in `dead` and
// not in `kept`.
std::uint64_t live_rows_not_kept(const DeleteVector& dead, const KeptRows& kept);

}  // namespace dl::slave
