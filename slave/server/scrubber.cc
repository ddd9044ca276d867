#include "slave/server/scrubber.h"

#include <algorithm>
#include <numeric>

#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.scrub";
constexpr auto kEmptyWait = std::chrono::minutes(1);
constexpr std::uint64_t kWeightOfAny = 4096;  // the smallest partition has files too
constexpr auto kNothingSooner = std::chrono::milliseconds(10);

}  // namespace

std::size_t scrub_position(const std::vector<std::uint64_t>& weights, std::chrono::milliseconds since_epoch,
                           std::chrono::milliseconds period) {
    const auto total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    const double share = static_cast<double>(since_epoch.count() % period.count()) /
                         static_cast<double>(period.count()) * static_cast<double>(total);
    double below = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        below += static_cast<double>(weights[i]);
        if (share < below) return i;
    }
    return 0;
}

Scrubber::Scrubber(const TableRegistry& registry, ScrubSettings settings,
                   std::chrono::milliseconds first_wait)
    : registry_(registry), settings_(settings), first_wait_(first_wait), budget_(settings.bytes_per_second) {
    thread_ = std::jthread([this] { run(); });
}

void Scrubber::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

bool Scrubber::wait_until(std::chrono::steady_clock::time_point due) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_until(lock, due, [this] { return stopping_.load(); });
}

std::vector<Scrubber::Place> Scrubber::places() const {
    std::vector<Place> places;
    for (const auto& table : registry_.held())
        for (auto& entry : registry_.partitions(table.meta->id)) {
            if (entry.partition == nullptr) continue;
            const auto stats = entry.partition->stats();
            const auto bytes = stats.log_bytes + stats.file_bytes + stats.index_bytes_mapped;
            places.push_back(
                {table.meta->id, entry.id, std::move(entry.partition), std::max(bytes, kWeightOfAny)});
        }
    std::sort(places.begin(), places.end());
    return places;
}

bool Scrubber::still_there(const Place& place) const {
    const auto here = registry_.partition(place.table, place.id);
    return here.has_value() && *here == place.partition;
}

void Scrubber::prove() {
    std::uint64_t files = 0, bytes = 0, findings = 0;
    auto all = places();
    // One at a time, so that none that is dropped meanwhile is held until its turn comes.
    for (auto& place : all)
        place.partition.reset();
    for (auto& place : all) {
        if (stopping_) return;
        auto here = registry_.partition(place.table, place.id);
        if (here.has_error()) continue;
        place.partition = std::move(*here);
        const auto report = scrub(place, true);
        place.partition.reset();
        if (!report) continue;
        files += report->files;
        bytes += report->bytes;
        findings += report->findings.size();
    }
    if (stopping_ || files == 0) return;
    log_info(kComponent, "has read what the start had not",
             {{"files", files}, {"bytes", bytes}, {"findings", findings}});
}

std::optional<ScrubReport> Scrubber::scrub(const Place& place, bool unproven_only) {
    ScrubOptions options;
    options.unproven_only = unproven_only;
    options.spend = [&](std::uint64_t bytes) -> Result<void> {
        budget_.take(bytes, stopping_);
        if (stopping_) return make_error(ErrorCode::cancelled, "the slave stops");
        // Its files may go any moment.
        if (!still_there(place)) return make_error(ErrorCode::cancelled, "the partition is gone");
        return {};
    };
    const auto table = registry_.table(place.table);
    const auto name = table.has_value() ? (*table)->name : std::to_string(place.table.value);
    auto report = place.partition->scrub(options);
    if (report.has_error()) {
        if (report.error().code != ErrorCode::cancelled)
            log_error(kComponent, "a partition could not be read",
                      {{"table", name}, {"partition", place.id.value}, {"error", report.error()}});
        return std::nullopt;
    }
    for (const auto& finding : report->findings)
        log_error(kComponent, "damage found",
                  {{"table", name}, {"partition", place.id.value}, {"finding", finding}});
    return std::move(*report);
}

void Scrubber::run() {
    using Clock = std::chrono::steady_clock;
    prove();
    if (settings_.period.count() <= 0) return;
    auto due = Clock::now() + first_wait_;
    std::optional<Place> last;
    std::uint64_t bytes = 0, partitions = 0;
    while (wait_until(due)) {
        const auto all = places();
        if (all.empty()) {
            due = Clock::now() + kEmptyWait;
            continue;
        }
        std::vector<std::uint64_t> weights;
        for (const auto& place : all)
            weights.push_back(place.weight);
        auto next = all.begin();
        if (last) {
            next = std::upper_bound(all.begin(), all.end(), *last);
        } else {
            const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::system_clock::now().time_since_epoch());
            next += static_cast<std::ptrdiff_t>(scrub_position(weights, since_epoch, settings_.period));
        }
        if (next == all.end()) {
            log_info(kComponent, "has read everything once", {{"partitions", partitions}, {"bytes", bytes}});
            bytes = partitions = 0;
            next = all.begin();
        }
        const auto total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
        const auto share = std::chrono::duration<double, std::milli>(
            static_cast<double>(settings_.period.count()) * static_cast<double>(next->weight) /
            static_cast<double>(total));
        const auto begin = Clock::now();
        scrub(*next, false);
        bytes += next->weight;
        ++partitions;
        last = *next;
        last->partition.reset();
        // When the budget was too small for the period it takes longer; nothing is left out.
        due = std::max(begin + std::chrono::duration_cast<Clock::duration>(share),
                       Clock::now() + kNothingSooner);
    }
}

}  // namespace dl::slave
