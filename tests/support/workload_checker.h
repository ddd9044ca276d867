// Judges what a cluster did from what its clients saw: writes with their outcomes, records read by offset,
// rows queried. Pure; proven by workload_checker_test.cc with histories that are broken in one way each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dl::test {

// Every row ever sent carries its own write id, ascending in the order one writer sent them.
struct WrittenRow {
    std::int64_t key = 0;
    std::int64_t write_id = 0;
    bool is_delete = false;
};

enum class Outcome : std::uint8_t { acknowledged, refused, unknown };

// A batch is sent only when the one before it of the same writer has its outcome. A key belongs to one
// writer.
struct WrittenBatch {
    int writer = 0;
    Outcome outcome = Outcome::unknown;
    std::vector<WrittenRow> rows;
};

struct ReadRecord {
    std::uint32_t partition = 0;
    std::int64_t offset = 0;
    std::int64_t key = 0;
    std::int64_t write_id = 0;
    bool is_delete = false;
};

struct TableRow {
    std::int64_t key = 0;
    std::int64_t write_id = 0;
};

struct History {
    std::vector<WrittenBatch> batches;  // of each writer in the order sent
    std::vector<ReadRecord> stream;     // at the end, from the first offset, as read (order kept)
    std::vector<TableRow> table;        // select key, write id at the end
    std::vector<ReadRecord> early;      // what consumers were shown on the way
    bool compacted = false;             // older records of a key may be gone, offsets may have holes
    // An unknown write may take effect after a later acknowledged one: so it is when the master was killed
    // and the slave still held its request.
    bool late_unknown_allowed = false;
};

enum class Fault : std::uint8_t {
    lost,             // acknowledged, not in the log
    duplicated,       // one write twice in the log
    invented,         // a record nobody sent, or with another key or kind than sent
    refused_visible,  // refused, yet in the log
    reordered,        // acknowledged writes of one writer out of order in a partition
    not_dense,        // offsets not ascending, or with holes without compaction
    rewritten,        // a consumer was shown something else, or something that is gone, at an offset
    misplaced,        // one key in two partitions
    overtaken,        // the last acknowledged write of a key is not what counts for it
    table_differs,    // the query result is not what the log says
};

struct Violation {
    Fault fault;
    std::string text;
};

// At most `limit` of them. Empty: everything holds.
std::vector<Violation> check_history(const History& history, std::size_t limit = 20);
// One a line; for test messages.
std::string to_text(const std::vector<Violation>& violations);

}  // namespace dl::test
