// Reads a small table before the fragments it goes along with are sent. Blocking: query pool only.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "common/duck/scan_source.h"
#include "master/sql/remote_scan.h"

namespace dl::master {

// What was read of a small table: all of it, or the parts of those slaves that had sent theirs when it was
// seen to be too large. No fragment is left open, as it would keep others waiting on its slave. One thread
// makes it; immutable from then on.
class BroadcastRows {
  public:
    // Reads from the slaves of the table side by side, on this thread and up to seven more that end before it
    // returns. The threads are not of the query pool, where they would wait behind queries that wait for
    // them; their number is bounded as that of the queries is (master.query.concurrent.max), which read one
    // table at a time. Errors are those of FragmentRunner.
    static Result<std::shared_ptr<const BroadcastRows>> read(FragmentRunner& runner,
                                                             std::shared_ptr<const Broadcast> broadcast,
                                                             const std::vector<PinnedFragment>& fragments,
                                                             const FragmentCall& call);

    // To be sent; null when there are more rows than limits::broadcast_rows_max or more bytes than
    // limits::broadcast_bytes_max.
    const std::shared_ptr<const BroadcastTable>& table() const { return sent_; }
    // Are these the rows that `fragment` asks for?
    bool has_rows_of(const Fragment& fragment) const;
    // The rows for the master itself, as a scan of all columns of the table. What was not read is asked for
    // again, and all of it by who needs other columns.
    static std::shared_ptr<ScanSource> source(std::shared_ptr<const BroadcastRows> rows);

  private:
    // What one slave has.
    struct Part {
        PinnedFragment fragment;
        std::vector<ScanUnit> units;
        bool complete = false;
    };
    class Reading;
    class Source;
    BroadcastRows() = default;

    std::shared_ptr<const Broadcast> broadcast_;
    std::shared_ptr<const RemoteTable> whole_;   // all of it
    std::shared_ptr<const RemoteTable> unread_;  // of the slaves whose part is not here; null: none
    std::vector<ScanUnit> units_;
    std::uint64_t rows_ = 0;
    std::shared_ptr<const BroadcastTable> sent_;
};

}  // namespace dl::master
