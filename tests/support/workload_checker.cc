#include "tests/support/workload_checker.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace dl::test {
namespace {

struct Sent {
    WrittenRow row;
    int writer = 0;
    Outcome outcome = Outcome::unknown;
    int seen = 0;
};

class Checker {
  public:
    Checker(const History& history, std::size_t limit) : history_(history), limit_(limit) {}

    std::vector<Violation> run() {
        for (const auto& batch : history_.batches)
            for (const auto& row : batch.rows)
                sent_[row.write_id] = Sent{row, batch.writer, batch.outcome, 0};
        check_stream();
        check_early_reads();
        check_acknowledged();
        check_winners();
        check_table();
        return std::move(violations_);
    }

  private:
    void report(Fault fault, std::string text) {
        if (violations_.size() < limit_) violations_.push_back({fault, std::move(text)});
    }

    static std::string place(const ReadRecord& record) {
        return "partition " + std::to_string(record.partition) + " offset " + std::to_string(record.offset);
    }
    static std::string what(const WrittenRow& row) {
        return (row.is_delete ? "delete " : "insert ") + std::to_string(row.write_id) + " of key " +
               std::to_string(row.key);
    }

    void check_stream() {
        std::map<std::uint32_t, std::int64_t> next_offset;
        std::map<std::pair<int, std::uint32_t>, std::int64_t>
            last_acknowledged;  // writer, partition -> write id
        for (const auto& record : history_.stream) {
            check_offset(record, next_offset);
            const auto placed = partition_of_.emplace(record.key, record.partition).first;
            if (placed->second != record.partition)
                report(Fault::misplaced, "key " + std::to_string(record.key) + " at " + place(record) +
                                             " and in partition " + std::to_string(placed->second));
            newest_[record.key] = record;  // offsets ascend within a partition
            const auto found = sent_.find(record.write_id);
            if (found == sent_.end() || found->second.row.key != record.key ||
                found->second.row.is_delete != record.is_delete) {
                report(Fault::invented, "write " + std::to_string(record.write_id) + " of key " +
                                            std::to_string(record.key) + " at " + place(record) +
                                            " was never sent so");
                continue;
            }
            auto& sent = found->second;
            if (++sent.seen > 1)
                report(Fault::duplicated, what(sent.row) + " is there again at " + place(record));
            if (sent.outcome == Outcome::refused)
                report(Fault::refused_visible, what(sent.row) + " was refused, yet is at " + place(record));
            if (sent.outcome == Outcome::acknowledged) {
                auto& last = last_acknowledged[{sent.writer, record.partition}];
                if (last > sent.row.write_id)
                    report(Fault::reordered, what(sent.row) + " comes behind write " + std::to_string(last) +
                                                 " at " + place(record));
                last = std::max(last, sent.row.write_id);
            }
        }
    }

    void check_offset(const ReadRecord& record, std::map<std::uint32_t, std::int64_t>& next_offset) {
        auto& next = next_offset[record.partition];
        if (history_.compacted ? record.offset < next : record.offset != next)
            report(Fault::not_dense,
                   place(record) + " where offset " + std::to_string(next) +
                       (history_.compacted ? " or a later one was expected" : " was expected"));
        next = record.offset + 1;
    }

    void check_early_reads() {
        std::map<std::pair<std::uint32_t, std::int64_t>, std::int64_t> at;
        for (const auto& record : history_.stream)
            at[{record.partition, record.offset}] = record.write_id;
        for (const auto& record : history_.early) {
            const auto now = at.find({record.partition, record.offset});
            if (now == at.end()) {
                if (!history_.compacted)
                    report(Fault::rewritten, place(record) + " was shown as write " +
                                                 std::to_string(record.write_id) + " and is gone");
            } else if (now->second != record.write_id) {
                report(Fault::rewritten, place(record) + " was shown as write " +
                                             std::to_string(record.write_id) + " and is now write " +
                                             std::to_string(now->second));
            }
        }
    }

    void check_acknowledged() {
        std::unordered_map<std::int64_t, std::int64_t>
            last_delete;  // key -> write id of its last delete that may count
        for (const auto& batch : history_.batches)
            for (const auto& row : batch.rows)
                if (row.is_delete && batch.outcome != Outcome::refused) last_delete[row.key] = row.write_id;
        for (const auto& batch : history_.batches) {
            if (batch.outcome != Outcome::acknowledged) continue;
            for (const auto& row : batch.rows)
                if (sent_[row.write_id].seen == 0 && !compacted_away(row, last_delete))
                    report(Fault::lost, what(row) + " was acknowledged and is not in the log");
        }
    }

    // Compaction keeps the newest record of each key, and may drop a delete with nothing older behind it.
    bool compacted_away(const WrittenRow& row,
                        const std::unordered_map<std::int64_t, std::int64_t>& last_delete) const {
        if (!history_.compacted) return false;
        const auto newest = newest_.find(row.key);
        if (newest != newest_.end()) return newest->second.write_id > row.write_id;
        const auto deleted = last_delete.find(row.key);
        return deleted != last_delete.end() && deleted->second >= row.write_id;
    }

    // The newest record of a key must be its last acknowledged write, or a later one of unknown outcome.
    void check_winners() {
        std::unordered_map<std::int64_t, WrittenRow> last;
        for (const auto& batch : history_.batches)
            if (batch.outcome == Outcome::acknowledged)
                for (const auto& row : batch.rows)
                    last[row.key] = row;
        for (const auto& [key, row] : last) {
            const auto newest = newest_.find(key);
            if (newest == newest_.end()) continue;  // lost, or a compacted delete: reported above
            if (newest->second.write_id >= row.write_id) continue;
            const auto& winner = sent_[newest->second.write_id];
            if (winner.outcome == Outcome::unknown && history_.late_unknown_allowed) continue;
            report(Fault::overtaken, what(row) + " was acknowledged last, but " + what(winner.row) +
                                         " counts (" + place(newest->second) + ")");
        }
    }

    void check_table() {
        std::unordered_map<std::int64_t, std::int64_t> table;
        for (const auto& row : history_.table)
            if (!table.emplace(row.key, row.write_id).second)
                report(Fault::table_differs,
                       "key " + std::to_string(row.key) + " is twice in the query result");
        for (const auto& [key, record] : newest_) {
            const auto row = table.find(key);
            if (record.is_delete) {
                if (row != table.end())
                    report(Fault::table_differs, "key " + std::to_string(key) + " is deleted at " +
                                                     place(record) + " and queried as write " +
                                                     std::to_string(row->second));
            } else if (row == table.end()) {
                report(Fault::table_differs, "key " + std::to_string(key) + " is inserted at " +
                                                 place(record) + " and not in the query result");
            } else if (row->second != record.write_id) {
                report(Fault::table_differs, "key " + std::to_string(key) + " is write " +
                                                 std::to_string(record.write_id) + " at " + place(record) +
                                                 " and queried as write " + std::to_string(row->second));
            }
        }
        for (const auto& [key, write_id] : table)
            if (!newest_.contains(key))
                report(Fault::table_differs, "key " + std::to_string(key) + " is queried as write " +
                                                 std::to_string(write_id) + " and not in the log");
    }

    const History& history_;
    std::size_t limit_;
    std::unordered_map<std::int64_t, Sent> sent_;          // by write id
    std::unordered_map<std::int64_t, ReadRecord> newest_;  // by key
    std::unordered_map<std::int64_t, std::uint32_t> partition_of_;
    std::vector<Violation> violations_;
};

std::string_view name(Fault fault) {
    switch (fault) {
        case Fault::lost:
            return "LOST";
        case Fault::duplicated:
            return "DUPLICATED";
        case Fault::invented:
            return "INVENTED";
        case Fault::refused_visible:
            return "REFUSED BUT VISIBLE";
        case Fault::reordered:
            return "REORDERED";
        case Fault::not_dense:
            return "NOT DENSE";
        case Fault::rewritten:
            return "REWRITTEN";
        case Fault::misplaced:
            return "MISPLACED";
        case Fault::overtaken:
            return "OVERTAKEN";
        case Fault::table_differs:
            return "TABLE DIFFERS";
    }
    return "?";
}

}  // namespace

std::vector<Violation> check_history(const History& history, std::size_t limit) {
    return Checker(history, limit).run();
}

std::string to_text(const std::vector<Violation>& violations) {
    std::string out;
    for (const auto& violation : violations) {
        out += name(violation.fault);
        out += ": " + violation.text + "\n";
    }
    return out;
}

}  // namespace dl::test
