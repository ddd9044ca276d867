#include "master/control/copy_progress.h"

#include <algorithm>
#include <cstdio>

namespace dl::master {
namespace {

std::string decimal(double value, const char* unit) {
    char text[64];
    std::snprintf(text, sizeof text, value < 10 ? "%.1f %s" : "%.0f %s", value, unit);
    return text;
}

std::string bytes_text(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (value >= 1e9) return decimal(value / 1e9, "GB");
    if (value >= 1e6) return decimal(value / 1e6, "MB");
    return decimal(value / 1e3, "kB");
}

std::string time_text(double seconds) {
    if (seconds >= 5400) return decimal(seconds / 3600, "h");
    if (seconds >= 90) return decimal(seconds / 60, "min");
    return decimal(seconds, "s");
}

// Of something that goes on as it went so far.
std::string to_go(std::uint64_t done, std::uint64_t total, std::uint64_t elapsed_ms) {
    if (done == 0 || done >= total) return "";
    const auto left = static_cast<double>(total - done) / static_cast<double>(done);
    return ", about " + time_text(left * static_cast<double>(elapsed_ms) / 1000) + " to go";
}

std::uint64_t percent(std::uint64_t done, std::uint64_t total) {
    return total == 0 ? 0 : std::min<std::uint64_t>(100, done * 100 / total);
}

}  // namespace

void CopyProgress::add(NodeId node, const rpc::CopyProgressReply& said) {
    follower_reads_[node] = said.follower_reads;
    for (const auto& lag : said.lags)
        copies_[{{lag.replica.table, lag.replica.partition}, lag.follower}].lag = lag;
    for (const auto& trouble : said.troubles)
        copies_[{{trouble.replica.table, trouble.replica.partition}, node}].trouble = trouble;
}

std::uint64_t CopyProgress::follower_reads(NodeId node) const {
    const auto found = follower_reads_.find(node);
    return found == follower_reads_.end() ? 0 : found->second;
}

const CopyProgress::Known* CopyProgress::find(TableId table, PartitionId partition, NodeId node) const {
    const auto found = copies_.find({{table, partition}, node});
    return found == copies_.end() ? nullptr : &found->second;
}

bool CopyProgress::is_stuck(TableId table, PartitionId partition, NodeId node) const {
    const auto* known = find(table, partition, node);
    return known != nullptr && known->trouble && !known->trouble->error.empty();
}

std::string CopyProgress::error_of(TableId table, PartitionId partition, NodeId node) const {
    const auto* known = find(table, partition, node);
    return known == nullptr || !known->trouble ? "" : known->trouble->error;
}

std::string CopyProgress::text_of(TableId table, PartitionId partition, NodeId node) const {
    const auto* known = find(table, partition, node);
    if (known == nullptr) return "";
    if (known->trouble && !known->trouble->error.empty())
        return "does not come forward: " + known->trouble->error;
    if (known->trouble) {
        const auto& files = *known->trouble;
        if (files.bytes_total == 0) return "begins to get its leader's files";
        return "has " + std::to_string(percent(files.bytes_done, files.bytes_total)) +
               " % of its leader's files (" + bytes_text(files.bytes_total) + ")" +
               to_go(files.bytes_done, files.bytes_total, files.elapsed_ms);
    }
    if (!known->lag) return "";
    const auto& lag = *known->lag;
    if (!lag.heard) return "has not said yet what it has";
    if (lag.records == 0) return "has all records, and joins";
    return "lacks " + std::to_string(lag.records) + (lag.records == 1 ? " record, " : " records, ") +
           time_text(static_cast<double>(lag.behind_ms) / 1000) + " behind";
}

std::string CopyProgress::files_text() const {
    std::uint64_t done = 0, total = 0, elapsed_ms = 0;
    for (const auto& [copy, known] : copies_)
        if (known.trouble && known.trouble->error.empty()) {
            done += known.trouble->bytes_done;
            total += known.trouble->bytes_total;
            elapsed_ms = std::max(elapsed_ms, known.trouble->elapsed_ms);
        }
    if (total == 0) return "";
    return std::to_string(percent(done, total)) + " % of " + bytes_text(total) + " copied" +
           to_go(done, total, elapsed_ms);
}

}  // namespace dl::master
