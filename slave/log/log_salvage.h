// Reads what can be read of a log that does not open: which records are there, and which of those that had
// been acknowledged are provably not. Changes nothing. Blocking.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "slave/log/log_seal.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

// Offsets [from, end) of records that had been acknowledged and are not there.
struct LostRange {
    Offset from = 0;
    Offset end = 0;
    bool end_is_known =
        true;  // false: there may have been more, and the log may have gone on to `end` at most
    friend bool operator==(const LostRange&, const LostRange&) = default;
};

// "1200 records, offsets 300 to 1499", "an unknown number of records from offset 300 on"
std::string describe(const LostRange& lost);
std::string describe(const std::vector<LostRange>& lost);

// Where a log whose end is not known goes on: no segment holds as many records.
inline constexpr Offset kUnknownRecordsMax = Offset{1} << 32;

struct Salvage {
    std::vector<LostRange> lost;  // ascending
    Offset end = 0;               // behind the last record, there or lost
    LeaderEpoch newest_epoch{0};  // of the batches that are there
};

// Gives all intact batches of the log to `sink`, in the order of their offsets; its error ends the search.
// `from`: records below are in other files, and are lost only as options.complete_from says. Errors other
// than of `sink`: the disk's, of which nothing is taken for a loss.
Result<Salvage> salvage_log(FileSystem& files, const LogIdentity& identity, const LogOptions& options,
                            Offset from, const std::function<Result<void>(const StoredBatch&)>& sink);

}  // namespace dl::slave
