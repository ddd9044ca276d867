#include "master/routing/append_router.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/async/pause.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// How often partitions are sent again whose leader changed while the request was under way.
constexpr int kRoundsMax = 5;
// Of partitions with copies, until the time is over.
constexpr std::chrono::milliseconds kRoundPause{50};

// One batch on its way.
class Sending {
  public:
    // `has_copies`: what one slave does not know of a batch, the next may.
    Sending(TablePtr table, std::shared_ptr<const PartitionedBatch> batch, std::optional<BatchId> batch_id,
            bool has_copies)
        : table_(std::move(table)),
          batch_(std::move(batch)),
          batch_id_(std::move(batch_id)),
          has_copies_(has_copies) {
        for (const auto& body : batch_->partitions) {
            places_.emplace(body.partition, results_.size());
            results_.emplace_back().partition = body.partition;
        }
    }

    asio::awaitable<Result<void>> send(const SlaveShare& share, rpc::CallTrace& trace,
                                       rpc::Deadline deadline) {
        rpc::AppendRequest request;
        request.table = rpc::table_ref(*table_);
        request.schema = table_->schema.id;
        if (batch_id_) {
            request.batch_id = batch_id_->text;
            request.sequence = batch_id_->sequence;
        }
        std::vector<SharedBytes> bodies;
        request.partitions.reserve(share.partitions.size());
        bodies.reserve(share.partitions.size());
        for (const auto& [partition, epoch] : share.partitions) {
            const auto& body = batch_->partitions[places_.at(partition)];
            request.partitions.push_back(
                {partition, epoch, body.rows, static_cast<std::uint32_t>(body.body.size()), body.crc});
            bodies.emplace_back(batch_, body.body.data(), body.body.size());
        }
        // From here on until it is answered: a call that is given up, because another leads, may not come
        // back.
        const auto fresh = has_copies_ ? note_sent(share) : std::vector<PartitionId>();
        auto reply = co_await share.route.slave->call(rpc::Method::append, rpc::encode(request),
                                                      std::move(bodies), deadline, &trace);
        if (trace.lost || !is_unanswered(reply, trace))
            for (const auto partition : fresh)
                lost_.erase(partition);
        if (reply.has_error()) {
            if (trace.lost)
                for (const auto& part : share.partitions)
                    lost_.emplace(part.partition, reply.error());
            co_return std::move(reply).error();
        }
        auto decoded = rpc::decode_reply<rpc::AppendReply>(reply->end_json);
        if (decoded.has_error()) co_return std::move(decoded).error();
        take(share, std::move(*decoded));
        co_return Result<void>();
    }

    void failed(const SlaveShare& share, const Error& error) {
        for (const auto& part : share.partitions)
            result_of(part.partition).error = told(part.partition, error);
    }

    // Those whose leader changed after the request was checked and before they were written; once.
    std::vector<PartitionId> take_unled() { return std::exchange(unled_, {}); }

    std::vector<rpc::AppendResult> results() && { return std::move(results_); }

  private:
    // Of which no earlier try may have been written.
    std::vector<PartitionId> note_sent(const SlaveShare& share) {
        std::vector<PartitionId> fresh;
        const auto error =
            make_error(ErrorCode::unknown_outcome, "slave " + share.route.address + " did not answer");
        for (const auto& part : share.partitions)
            if (lost_.emplace(part.partition, error).second) fresh.push_back(part.partition);
        return fresh;
    }
    static bool is_unanswered(const Result<rpc::RpcReply>& reply, const rpc::CallTrace& trace) {
        if (!reply.has_error() || !trace.sent) return false;
        const auto code = reply.error().code;
        return code == ErrorCode::cancelled || code == ErrorCode::timeout;
    }

    rpc::AppendResult& result_of(PartitionId partition) { return results_[places_.at(partition)]; }

    // What an earlier try may have written is not undone by what a later one runs into: a full disk, say.
    Error told(PartitionId partition, const Error& error) const {
        const auto lost = lost_.find(partition);
        if (lost == lost_.end() || error_outcome(error.code) != Outcome::nothing_done) return error;
        return make_error(ErrorCode::unknown_outcome,
                          lost->second.message + "; asked again: " + error.to_text());
    }

    void take(const SlaveShare& share, rpc::AppendReply reply) {
        for (const auto& part : share.partitions) {
            auto& result = result_of(part.partition);
            result.error.reset();
            const auto named =
                "table " + table_->name + ", partition " + std::to_string(part.partition.value);
            const auto answer =
                std::find_if(reply.partitions.begin(), reply.partitions.end(),
                             [&](const auto& one) { return one.partition == part.partition; });
            if (answer == reply.partitions.end())
                result.error = make_error(ErrorCode::internal,
                                          "slave " + share.route.address + " did not answer for " + named);
            else if (answer->appended)
                result.appended = answer->appended;
            else
                result.error = answer->error->in(named);
            if (!result.error) continue;
            if (is_sent_again(result.error->code)) unled_.push_back(part.partition);
            if (has_copies_ && result.error->code == ErrorCode::unknown_outcome)
                lost_.emplace(part.partition, *result.error);
            result.error = told(part.partition, *result.error);
        }
    }

    bool is_sent_again(ErrorCode code) const {
        if (code == ErrorCode::not_leader) return true;
        return has_copies_ && (code == ErrorCode::unavailable || code == ErrorCode::unknown_outcome);
    }

    const TablePtr table_;
    const std::shared_ptr<const PartitionedBatch> batch_;
    const std::optional<BatchId> batch_id_;
    const bool has_copies_;
    std::map<PartitionId, std::size_t> places_;
    std::vector<rpc::AppendResult> results_;  // as batch_->partitions
    std::vector<PartitionId> unled_;
    std::map<PartitionId, Error> lost_;  // tries that may have been written: the first error of each
};

}  // namespace

asio::awaitable<std::vector<rpc::AppendResult>> AppendRouter::append(
    TablePtr table, std::shared_ptr<const PartitionedBatch> batch, std::optional<BatchId> batch_id,
    rpc::Deadline deadline) {
    const auto placement = caller_.routes().catalog().placement(table->id);
    const bool copies = placement != nullptr && has_copies(*placement);
    if (batch_id || !copies)
        co_return co_await append_named(std::move(table), std::move(batch), std::move(batch_id), copies,
                                        deadline);
    const auto own = own_ids_.take();
    std::optional<BatchId> id = own.id();
    auto results = co_await append_named(std::move(table), std::move(batch), std::move(id), copies, deadline);
    for (auto& result : results)
        if (result.appended) result.appended->duplicate = false;  // of an id that the client does not know
    co_return results;
}

asio::awaitable<std::vector<rpc::AppendResult>> AppendRouter::append_named(
    TablePtr table, std::shared_ptr<const PartitionedBatch> batch, std::optional<BatchId> batch_id,
    bool has_copies, rpc::Deadline deadline) {
    PartitionCaller::Call call;
    call.table = table;
    for (const auto& body : batch->partitions)
        call.partitions.push_back(body.partition);
    call.deadline = deadline;
    call.lost = batch_id ? LostAnswer::is_asked_for : LostAnswer::is_an_error;
    // Of the whole batch: a slave remembers its id for longer than that.
    call.ask_until = steady_clock::now() + std::chrono::milliseconds(limits::batch_repeat_ms_max);
    Sending sending(std::move(table), std::move(batch), std::move(batch_id), has_copies);
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        return sending.send(share, trace, deadline);
    };
    call.failed = [&](const SlaveShare& share, Error error) { sending.failed(share, error); };
    DL_FAILPOINT("append.after-route");
    const auto give_up = std::min(call.ask_until, deadline);
    for (int round = 1;; ++round) {
        co_await caller_.run(call);
        call.partitions = sending.take_unled();
        if (call.partitions.empty() || (round == kRoundsMax && !has_copies)) break;
        if (steady_clock::now() + kRoundPause >= give_up) break;
        if (!has_copies) continue;
        const bool in_time = co_await pause_before(give_up, kRoundPause);
        if (!in_time) break;
    }
    co_return std::move(sending).results();
}

}  // namespace dl::master
