#include "slave/partition/cut_records.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "slave/log/log_files.h"

namespace dl::slave {
namespace {

constexpr std::string_view kPrefix = "log.cut-";
constexpr std::uint64_t kReadBytes = 4u << 20;

// Epochs only grow: the lowest is of the oldest cut.
std::uint64_t epoch_in(std::string_view name) {
    std::uint64_t epoch = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), epoch);
    return epoch;
}

Result<void> remove_oldest(FileSystem& files, const std::string& directory) {
    DL_TRY_ASSIGN(const auto names, files.list(directory));
    std::vector<std::pair<std::uint64_t, std::string>> kept;
    for (const auto& name : names)
        if (name.starts_with(kPrefix)) kept.emplace_back(epoch_in(name), name);
    std::sort(kept.begin(), kept.end());
    for (std::size_t i = 0; i + kCutFilesKept <= kept.size(); ++i)
        DL_TRY(files.remove(directory + "/" + kept[i].second));
    return {};
}

}  // namespace

Result<std::string> keep_cut_records(FileSystem& files, const std::string& directory, const SharedLog& log,
                                     Offset from, Offset end, LeaderEpoch epoch) {
    const auto path =
        directory + "/" + std::string(kPrefix) + std::to_string(epoch.value) + "-" + std::to_string(from);
    std::string bytes;
    while (from < end && bytes.size() < kCutBytesKept) {
        DL_TRY_ASSIGN(const auto batches, log.read(from, end, kReadBytes));
        if (batches.empty()) break;
        for (const auto& batch : batches) {
            if (bytes.size() + batch.header.total_bytes() > kCutBytesKept && !bytes.empty()) break;
            const auto at = bytes.size();
            bytes.resize(at + RecordBatchHeader::kHeaderBytes);
            encode_record_batch_header(batch.header, bytes.data() + at);
            bytes += batch.body.view();
            bytes.resize(at + batch.header.total_bytes());
        }
        if (from == batches.back().header.end_offset()) break;
        from = batches.back().header.end_offset();
    }
    DL_TRY(remove_oldest(files, directory));
    DL_TRY(files.replace_atomically(path, bytes));
    return path;
}

}  // namespace dl::slave
