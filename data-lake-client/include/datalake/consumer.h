// Reads a table as a log: every insert and delete, by partition and offset. The consumer keeps the next
// offset of each partition itself; save positions() after a batch has been processed and start from them
// again to miss nothing. One thread at a time, except cancel(). It has a connection of its own and outlives
// the Client it came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datalake/error.h"
#include "datalake/value.h"

namespace datalake {

using Positions = std::map<std::uint32_t, std::int64_t>;  // partition -> next offset

// Some consecutive records of one partition. Cheap to copy, immutable, thread-safe to read.
// Values of timestamp, date, decimal and binary columns are text; in StreamFormat::rows all values are.
class RecordBatch {
  public:
    struct Impl;
    explicit RecordBatch(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

    std::uint32_t partition() const;
    std::uint32_t rows() const;
    std::int64_t offset(std::uint32_t row) const;
    Operation operation(std::uint32_t row) const;
    // When the server wrote them, microseconds UTC; 0 in StreamFormat::rows.
    std::int64_t append_time_us() const;

    // Columns of the table as it is now, the key among them.
    const std::vector<std::string>& columns() const;
    // "int", "decimal(10,2)"; "string" for all in StreamFormat::rows.
    const std::string& type(std::size_t column) const;
    // Position of a column by lower-case name; -1 when there is none.
    int column(std::string_view name) const;

    bool is_null(std::uint32_t row, std::size_t column) const;
    Value value(std::uint32_t row, std::size_t column) const;
    std::string text(std::uint32_t row, std::size_t column) const;
    // Without allocation: int and long columns, else 0; float and double columns, else 0; string columns (and
    // all of StreamFormat::rows), else empty. NULL gives 0 or empty.
    std::int64_t int64(std::uint32_t row, std::size_t column) const;
    double float64(std::uint32_t row, std::size_t column) const;
    std::string_view string(std::uint32_t row, std::size_t column) const;
    // A whole column at once, NULL as 0; false when it is not of that kind.
    bool copy_int64(std::size_t column, std::vector<std::int64_t>& out) const;
    bool copy_float64(std::size_t column, std::vector<double>& out) const;

  private:
    std::shared_ptr<const Impl> impl_;
};

enum class StreamFormat : std::uint8_t {
    columnar,  // typed, as the log holds it; the fast one
    rows,      // text, what other clients read
};

struct ConsumerOptions {
    // `time`: at the first record appended at `since` or later, or else at the end.
    enum class Start : std::uint8_t { beginning, end, time };
    Start start = Start::beginning;  // for partitions not named in `positions`
    std::string since;               // a timestamp as the server takes them, "2024-01-31 12:00:00"
    Positions positions;             // where to go on
    // What the positions are of: Consumer::table_id() of when they were saved. Empty: the table of now.
    std::string table_id;
    std::vector<std::uint32_t> partitions;  // empty: all
    std::uint32_t read_count = 100'000;     // most records per partition and poll
    StreamFormat format = StreamFormat::columnar;
    bool any_copy = false;  // any copy in sync may be read from, not only the one that leads
};

class Consumer {
  public:
    struct Impl;
    explicit Consumer(std::unique_ptr<Impl> impl);
    Consumer(Consumer&&) noexcept;
    Consumer& operator=(Consumer&&) noexcept;
    ~Consumer();

    // Records after the positions, waiting up to `max_wait` (at most 5 minutes) for the first one; empty when
    // there are none. Positions move on with what is returned. A lost connection is made again by itself, and
    // while no slave leads a partition the read is repeated, for up to Options::retry_for; a read that broke
    // in the middle gives what came, and the next poll() goes on behind it. OFFSET_OUT_OF_RANGE: a position
    // lies beyond the end of its partition, or the table was dropped and created again; nothing of the new
    // one is passed off as the old one.
    Result<std::vector<RecordBatch>> poll(std::chrono::milliseconds max_wait);

    const Positions& positions() const;
    // Partitions that are not consumed are refused with INVALID_ARGUMENT.
    Result<void> seek(const Positions& positions);
    const std::string& table() const;
    // Of this table and no other that gets its name: to be saved with the positions.
    const std::string& table_id() const;
    // First and last of the offsets that the last poll() passed over because compaction has dropped their
    // records, by partition: they were older than the history that the table keeps.
    const std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>>& compacted() const;
    // From any thread or signal handler: the running poll() returns CANCELLED; the consumer stays usable.
    void cancel();

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake
