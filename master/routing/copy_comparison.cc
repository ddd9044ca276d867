#include "master/routing/copy_comparison.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "common/async/run_all.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

rpc::CheckRow unknown_row(PartitionId partition, const Error& error) {
    rpc::CheckRow row;
    row.partition = partition;
    row.hash = std::string(16, '0');
    row.problems.push_back("could not be checked: " + error.to_text());
    return row;
}

// What has to be the same.
using Content = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::string>;
Content content_of(const ComparedCopy& copy, bool logs_too, bool rows_too) {
    Content content;
    if (logs_too) {
        std::get<0>(content) = copy.log->batches;
        std::get<1>(content) = copy.log->digest;
    }
    if (rows_too) {
        std::get<2>(content) = copy.row.live_rows;
        std::get<3>(content) = copy.row.hash;
    }
    return content;
}

std::string text_of(const Content& content, bool rows_too) {
    auto text = std::to_string(std::get<0>(content)) + " batches of log with digest " +
                std::to_string(std::get<1>(content));
    if (rows_too)
        text +=
            ", " + std::to_string(std::get<2>(content)) + " live rows with digest " + std::get<3>(content);
    return text;
}

}  // namespace

bool has_open_problems(const rpc::CheckRow& row) {
    return std::any_of(row.problems.begin(), row.problems.end(),
                       [](const std::string& problem) { return !problem.starts_with("repaired: "); });
}

void judge_copies(std::vector<ComparedCopy>& copies) {
    std::vector<ComparedCopy*> whole;
    bool logs_too = true, rows_too = true;
    for (auto& copy : copies) {
        if (!copy.is_known || has_open_problems(copy.row)) continue;
        whole.push_back(&copy);
        logs_too = logs_too && copy.log.has_value();
        rows_too = rows_too && copy.row.end_offset == whole.front()->row.end_offset;
    }
    if (whole.empty()) return;
    std::map<Content, std::vector<ComparedCopy*>> groups;
    for (auto* copy : whole)
        groups[content_of(*copy, logs_too, rows_too)].push_back(copy);
    const auto largest = std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
        return a.second.size() < b.second.size();
    });
    const bool is_told = groups.size() == 1 || largest->second.size() * 2 > whole.size();
    if (groups.size() > 1)
        for (const auto& [content, members] : groups) {
            if (is_told && content == largest->first) continue;
            for (auto* copy : members)
                copy->row.problems.push_back(
                    is_told ? "differs from " + std::to_string(largest->second.size()) +
                                  " other copies: " + text_of(content, rows_too) + ", they have " +
                                  text_of(largest->first, rows_too)
                            : "the copies differ, and which of them is right cannot be told: this one has " +
                                  text_of(content, rows_too));
        }
    if (!is_told) return;
    const auto& right = largest->second;
    const auto is_right = [&](const ComparedCopy& copy) {
        return std::find(right.begin(), right.end(), &copy) != right.end();
    };
    const auto leader =
        std::find_if(copies.begin(), copies.end(), [](const ComparedCopy& copy) { return copy.leads; });
    if (leader == copies.end() || !leader->is_known) return;
    if (!is_right(*leader)) {
        right.front()->repair = CopyRepair::lead;
        return;
    }
    for (auto& copy : copies)
        if (!copy.leads && copy.is_known && !is_right(copy)) copy.repair = CopyRepair::make_anew;
}

void CopyComparison::leader_row(std::string address, rpc::CheckRow row) {
    ComparedCopy copy;
    copy.address = std::move(address);
    copy.row = std::move(row);
    copy.leads = true;
    auto& copies = copies_[copy.row.partition];
    copies.insert(copies.begin(), std::move(copy));
}

asio::awaitable<void> CopyComparison::check_share(const CopyShare& share) {
    std::set<PartitionId> left(share.partitions.begin(), share.partitions.end());
    const rpc::CheckRequest request{rpc::table_ref(*table_), share.partitions, repair_,
                                    std::min(milliseconds_until(deadline_, 1), rpc::kUpkeepTimeMsMax)};
    const auto json = rpc::encode(request);
    std::vector<SharedBytes> nothing;
    Error ended = make_error(ErrorCode::unavailable, "the slave told nothing of it");
    auto stream = co_await share.route.slave->open(rpc::Method::check, json, std::move(nothing), deadline_);
    if (stream.has_error()) ended = std::move(stream).error();
    while (stream.has_value()) {
        auto frame = co_await (*stream)->next(deadline_);
        if (frame.has_error()) ended = std::move(frame).error();
        if (frame.has_error() || !frame->has_value()) break;
        auto row = rpc::decode_reply<rpc::CheckRow>((**frame).view());
        if (row.has_error() || left.erase(row->partition) == 0) break;
        ComparedCopy copy;
        copy.address = share.route.address;
        copy.row = std::move(*row);
        copies_[copy.row.partition].push_back(std::move(copy));
    }
    for (const auto partition : left) {
        ComparedCopy copy;
        copy.address = share.route.address;
        copy.row = unknown_row(partition, ended);
        copy.is_known = false;
        copies_[partition].push_back(std::move(copy));
    }
}

asio::awaitable<Result<rpc::LogDigestReply>> CopyComparison::digest(const std::string& address,
                                                                    PartitionId partition, Offset from,
                                                                    Offset end) const {
    auto route = routes_.at_address(address);
    if (route.has_error()) co_return std::move(route).error();
    rpc::LogDigestRequest request;
    request.table = rpc::table_ref(*table_);
    request.partition = partition;
    request.from = from;
    request.end = end;
    request.timeout_ms = std::min(milliseconds_until(deadline_, 1), rpc::kUpkeepTimeMsMax);
    const auto json = rpc::encode(request);
    std::vector<SharedBytes> nothing;
    auto reply = co_await route->slave->call(rpc::Method::log_digest, json, std::move(nothing), deadline_);
    if (reply.has_error()) co_return std::move(reply).error();
    co_return rpc::decode_reply<rpc::LogDigestReply>(reply->end_json);
}

asio::awaitable<void> CopyComparison::read_logs(PartitionId partition,
                                                std::vector<ComparedCopy>& copies) const {
    Offset from = 0;
    std::optional<Offset> end;
    std::vector<ComparedCopy*> asked;
    for (auto& copy : copies) {
        if (!copy.is_known) continue;
        const auto extent = co_await digest(copy.address, partition, 0, 0);
        if (extent.has_error()) continue;  // its row says what is wrong with it
        from = std::max(from, extent->first);
        end = std::min(end.value_or(extent->end), extent->end);
        asked.push_back(&copy);
    }
    if (!end || from >= *end) co_return;
    bool comparable = true;
    for (auto* copy : asked) {
        auto read = co_await digest(copy->address, partition, from, *end);
        if (read.has_error()) {
            if (read.error().code == ErrorCode::corrupt_data)
                copy->row.problems.push_back("its log cannot be read: " + read.error().to_text());
            continue;
        }
        // A log that was shortened meanwhile begins elsewhere.
        comparable = comparable && read->first <= from;
        copy->log = *read;
    }
    if (!comparable)
        for (auto* copy : asked)
            copy->log.reset();
}

asio::awaitable<std::vector<ComparedCopy>> CopyComparison::run() {
    std::vector<Task> tasks;
    for (const auto& share : shares_)
        tasks.emplace_back([this, &share]() -> asio::awaitable<void> { co_await check_share(share); });
    co_await run_all(std::move(tasks));
    std::vector<ComparedCopy> rows;
    for (auto& [partition, copies] : copies_) {
        if (copies.size() > 1) {
            co_await read_logs(partition, copies);
            judge_copies(copies);
        }
        for (auto& copy : copies)
            rows.push_back(std::move(copy));
    }
    co_return rows;
}

}  // namespace dl::master
