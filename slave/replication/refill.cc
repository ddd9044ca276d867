#include "slave/replication/refill.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "slave/log/log_files.h"
#include "slave/log/segment_check.h"
#include "slave/snapshot/manifest.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kComponent = "slave.refill";
constexpr auto kReadTimeout = std::chrono::seconds(20);
constexpr std::uint64_t kManifestBytesMax = 256u << 20;
constexpr std::size_t kWritesSyncedBytes = 16u << 20;

// Of a log file of the history: where it begins.
std::optional<Offset> log_file_offset(const std::string& name) {
    Offset first = 0;
    if (!parse_segment_name(name, ".log", first)) return std::nullopt;
    return first;
}

// Names come from another node: files of a partition, of the kinds there are.
bool is_file_name(const std::string& name) {
    if (name.empty() || name.size() > 100) return false;
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
    });
    return plain && (name.ends_with(".parquet") || name.starts_with("batch-ids.") || log_file_offset(name));
}

class Refilling {
  public:
    Refilling(RefillSource from, RefillTarget to, rpc::ExportCopyReply exported, CopyStore::Refill place,
              std::shared_ptr<const Replica> replica, LeaderEpoch epoch, std::shared_ptr<RefillMeter> meter)
        : from_(std::move(from)),
          to_(to),
          exported_(std::move(exported)),
          place_(std::move(place)),
          replica_(std::move(replica)),
          epoch_(epoch),
          meter_(std::move(meter)) {
        for (const auto& file : exported_.files)
            meter_->bytes_total += file.bytes;
    }

    asio::awaitable<Result<void>> run() {
        auto text = co_await read_manifest();
        if (text.has_error()) co_return std::move(text).error();
        auto manifest = decode_manifest(*text);
        if (manifest.has_error()) co_return std::move(manifest).error();
        log_begin_ = manifest->flushed_end;
        for (std::size_t i = 1; i < exported_.files.size(); ++i) {
            const auto first = log_file_offset(exported_.files[i].name);
            if (first && !history_goes_on_) continue;
            auto copied = co_await copy_file(i);
            if (!copied.has_error() && first) copied = co_await check_log_file(i, *first);
            if (copied.has_error()) co_return std::move(copied).error();
        }
        // Where the log of the leader began; where this one does when it does not reach back as far. What
        // lies before it is in column files at least, as far as those are complete.
        const auto in_files = std::max(manifest->compacted_end, manifest->salvaged_end);
        manifest->log_start = std::max(manifest->log_start, std::min(log_begin_, in_files));
        // The manifest goes last: without it there is no partition. The log goes on behind the files.
        auto finish = [place = place_, text = encode_manifest(*manifest),
                       end = manifest->flushed_end]() -> Result<void> {
            auto& files = *place.files;
            DL_TRY(files.sync_directory(snapshots_directory(place.directory)));
            DL_TRY(write_new_file(files, segment_path(place.directory + "/log", end, ".log"), ""));
            DL_TRY(files.sync_directory(place.directory + "/log"));
            DL_TRY(write_new_file(files, place.directory + "/manifest", text));
            return files.sync_directory(place.directory);
        };
        auto finished = co_await run_on(*to_.work, finish);
        co_return finished;
    }
    std::uint64_t bytes() const { return meter_->bytes_done; }

  private:
    asio::awaitable<Result<std::string>> read_manifest() {
        const auto bytes = exported_.files[0].bytes;
        if (bytes > kManifestBytesMax)
            co_return make_error(ErrorCode::limit_exceeded, "the leader's manifest is too large");
        std::string text;
        while (text.size() < bytes) {
            auto part =
                co_await read(0, text.size(), std::min(bytes - text.size(), rpc::kExportReadBytesMax));
            if (part.has_error()) co_return std::move(part).error();
            text += part->view();
        }
        co_return text;
    }

    std::string path_of(const std::string& name) const {
        const auto directory =
            log_file_offset(name) ? place_.directory + "/log" : snapshots_directory(place_.directory);
        return directory + "/" + name;
    }

    // The history goes on into older files as long as they are whole and meet: what is damaged at the leader
    // does not keep a copy from being made, and does not go into it.
    asio::awaitable<Result<void>> check_log_file(std::size_t index, Offset first) {
        const auto path = path_of(exported_.files[index].name);
        auto check =
            [place = place_, path, first, behind = log_begin_,
             whose = BatchPlace{replica_->ref().table, replica_->ref().partition, first}]() -> Result<void> {
            auto& files = *place.files;
            auto checked = check_segment(files, path, whose);
            if (!checked.has_error() && checked->end_offset != behind)
                checked =
                    make_error(ErrorCode::corrupt_data,
                               "\"" + path + "\" ends at offset " + std::to_string(checked->end_offset) +
                                   ", the next one begins at " + std::to_string(behind));
            if (!checked.has_error())
                return write_new_file(files, segment_path(place.directory + "/log", first, ".idx"),
                                      checked->encode());
            DL_TRY(files.remove(path));
            return std::move(checked).error();
        };
        auto done = co_await run_on(*to_.work, check);
        if (!done.has_error()) {
            log_begin_ = first;
        } else if (done.error().code == ErrorCode::corrupt_data) {
            log_warn(kComponent,
                     "a log file of the leader is damaged; the history of the copy begins behind it",
                     {{"partition", place_.directory},
                      {"leader", from_.leader->address()},
                      {"history_offset", log_begin_},
                      {"error", done.error()}});
            history_goes_on_ = false;
        } else {
            co_return done;
        }
        co_return Result<void>();
    }

    asio::awaitable<Result<void>> copy_file(std::size_t index) {
        const auto& file = exported_.files[index];
        const auto path = path_of(file.name);
        auto open = [place = place_, path] { return place.files->open_append(path, true); };
        auto opened = co_await run_on(*to_.work, open);
        if (opened.has_error()) co_return std::move(opened).error();
        const std::shared_ptr<WritableFile> target = std::move(*opened);
        std::size_t unsynced = 0;
        for (std::uint64_t at = 0; at < file.bytes;) {
            if (to_.stop->load()) co_return make_error(ErrorCode::unavailable, "the slave is stopping");
            auto bytes = co_await read(index, at, std::min(file.bytes - at, rpc::kExportReadBytesMax));
            if (bytes.has_error()) co_return std::move(bytes).error();
            at += bytes->size();
            unsynced += bytes->size();
            const bool sync = unsynced >= kWritesSyncedBytes || at == file.bytes;
            if (sync) unsynced = 0;
            auto write = [target, chunk = *bytes, sync]() -> Result<void> {
                const auto view = chunk.view();
                DL_TRY(target->append(std::span<const std::string_view>(&view, 1)));
                return sync ? target->sync() : Result<void>();
            };
            auto written = co_await run_on(*to_.work, write);
            if (written.has_error()) co_return std::move(written).error();
        }
        co_return Result<void>();
    }

    asio::awaitable<Result<SharedBytes>> read(std::size_t index, std::uint64_t offset, std::uint64_t length) {
        // Others are to have the budget as soon as the files are of no use any more.
        auto wanted = to_.check(*replica_, epoch_);
        if (wanted.has_error()) co_return std::move(wanted).error();
        if (to_.budget != nullptr) {
            const auto wait = to_.budget->reserve(length, IoBudget::Clock::now());
            asio::steady_timer timer(co_await asio::this_coro::executor, wait);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        rpc::ReadExportRequest request;
        request.export_id = exported_.export_id;
        request.file = static_cast<std::uint32_t>(index);
        request.offset = offset;
        request.length = length;
        std::vector<SharedBytes> nothing;
        auto reply = co_await from_.leader->call(rpc::Method::read_export, rpc::encode(request),
                                                 std::move(nothing), steady_clock::now() + kReadTimeout);
        if (reply.has_error()) co_return std::move(reply).error();
        if (reply->data.size() != 1 || reply->data[0].empty() || reply->data[0].size() > length)
            co_return make_error(ErrorCode::corrupt_data, "the leader's file is shorter than it was");
        meter_->bytes_done += reply->data[0].size();
        co_return reply->data[0];
    }

    const RefillSource from_;
    const RefillTarget to_;
    const rpc::ExportCopyReply exported_;
    const CopyStore::Refill place_;
    const std::shared_ptr<const Replica> replica_;
    const LeaderEpoch epoch_;
    const std::shared_ptr<RefillMeter> meter_;
    Offset log_begin_ = 0;  // of the copy's log, as far as it has been copied
    bool history_goes_on_ = true;
};

class UnderWay {
  public:
    UnderWay(std::shared_ptr<RefillsUnderWay> all, const rpc::ReplicaRef& ref)
        : all_(std::move(all)), ref_(ref), entered_(all_->enter(ref)) {}
    ~UnderWay() {
        if (entered_) all_->leave(ref_);
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    bool entered() const { return entered_; }

  private:
    const std::shared_ptr<RefillsUnderWay> all_;
    const rpc::ReplicaRef ref_;
    const bool entered_;
};

}  // namespace

asio::awaitable<Result<void>> refill(RefillSource from, RefillTarget to, std::shared_ptr<Replica> replica,
                                     std::shared_ptr<RefillMeter> meter) {
    const auto ref = replica->ref();
    const UnderWay alone(to.under_way, ref);
    if (!alone.entered())
        co_return make_error(ErrorCode::unavailable,
                             "an earlier attempt to make the copy anew has not ended yet");
    const auto epoch = replica->assignment().leader_epoch;
    auto may = to.check(*replica, epoch);
    if (may.has_error()) co_return may;
    const auto began = steady_clock::now();
    rpc::ExportCopyRequest request;
    request.cluster_id = from.cluster_id;
    request.follower = from.self;
    request.replica = ref;
    request.leader_epoch = epoch;
    std::vector<SharedBytes> nothing;
    auto reply = co_await from.leader->call(rpc::Method::export_copy, rpc::encode(request),
                                            std::move(nothing), steady_clock::now() + kReadTimeout);
    if (reply.has_error()) co_return std::move(reply).error();
    auto exported = rpc::decode_reply<rpc::ExportCopyReply>(reply->end_json);
    if (exported.has_error()) co_return std::move(exported).error();
    if (exported->files.empty()) co_return make_error(ErrorCode::corrupt_data, "the leader exports nothing");
    for (std::size_t i = 1; i < exported->files.size(); ++i)
        if (!is_file_name(exported->files[i].name))
            co_return make_error(ErrorCode::corrupt_data,
                                 "the leader names a file that is none of a partition");
    auto begin = [to, ref] { return to.store->begin_refill(ref.table, ref.incarnation, ref.partition); };
    auto place = co_await run_on(*to.work, begin);
    if (place.has_error()) co_return std::move(place).error();
    log_info(kComponent, "a copy is made anew from its leader's files",
             {{"partition", replica->name()},
              {"leader", from.leader->address()},
              {"files", exported->files.size()}});
    Refilling refilling(std::move(from), to, std::move(*exported), std::move(*place), replica, epoch,
                        std::move(meter));
    auto copied = co_await refilling.run();
    if (copied.has_error()) co_return std::move(copied).error();
    auto finish = [to, replica, epoch] { return to.replace(*replica, epoch); };
    auto finished = co_await run_on(*to.work, finish);
    if (finished.has_error()) co_return std::move(finished).error();
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - began).count();
    log_info(kComponent, "it has the leader's files, and goes on from its log",
             {{"partition", replica->name()}, {"bytes", refilling.bytes()}, {"ms", ms}});
    co_return Result<void>();
}

}  // namespace dl::slave
