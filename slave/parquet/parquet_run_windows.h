// Rows that somebody reads one after the other, decoded: of each run so many that the next requests for a few
// of them unpack no page. Bounded in bytes, for the whole process; what was not used for longest goes.
// Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "common/types/schema.h"
#include "slave/parquet/parquet_chunk_values.h"

namespace dl::slave {

// Rows [first, first + offsets.size()) of a row group. The values may lie in the mapped file: they are looked
// at by its reader only, and not after the disk failed to give mapped bytes.
struct ParquetRunWindow {
    std::uint64_t reader = 0;  // ParquetRowReader::id()
    std::uint64_t pages_lost = 0;
    std::size_t group = 0;
    std::uint32_t first = 0;
    std::vector<Offset> offsets;  // ascending, never empty
    std::vector<std::int64_t> times_us;
    ParquetChunkValues deletes;
    std::vector<Field> fields;
    std::vector<ParquetChunkValues> columns;  // of `fields`
    std::uint64_t bytes = 0;                  // about, in memory
};

class ParquetRunWindows {
  public:
    static constexpr std::uint64_t kBytesMax = 64u << 20;
    static constexpr std::uint64_t kWindowBytesMax = 16u << 20;  // larger ones are not kept

    static ParquetRunWindows& instance();
    using Window = std::shared_ptr<const ParquetRunWindow>;
    // One with the first row at or behind `from`, or else one that ends right before it; nullptr: none.
    Window find(std::uint64_t reader, std::uint64_t pages_lost, Offset from, std::span<const Field> fields);
    // Takes the place of `before`, if any: its reader has come further.
    void keep(Window window, const Window& before);
    std::uint64_t bytes() const;

  private:
    mutable std::mutex mutex_;
    std::list<Window> windows_;  // newest use first
    std::uint64_t bytes_ = 0;
};

}  // namespace dl::slave
