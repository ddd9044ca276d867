#include "slave/replication/fetcher.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>
#include <utility>

#include "common/async/run_on.h"
#include "common/base/check.h"
#include "common/base/log.h"

namespace dl::slave {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kComponent = "slave.fetch";
constexpr milliseconds kPauseFirst{20}, kPauseMax{500};
constexpr milliseconds kRefillPause{5000};
constexpr milliseconds kDamagedPause{500};
// How long a lane waits for those that catch up: the others in it have news to hear, and who is almost there
// must tell where it is before its leader has gone on.
constexpr milliseconds kCatchUpPatience{10};
constexpr auto kLogInterval = std::chrono::seconds(60);

// How long a partition is left alone after its leader's answer could not be taken.
milliseconds pause_after(ErrorCode code) {
    switch (code) {
        case ErrorCode::not_leader:
            return milliseconds(30);  // either side is about to be told
        case ErrorCode::overloaded:
            return milliseconds(50);  // a flush is under way
        case ErrorCode::schema_mismatch:
            return milliseconds(200);
        case ErrorCode::corrupt_data:
            return milliseconds(10'000);
        default:
            return milliseconds(1000);
    }
}

// Where the partitions of one answer meet; outlives it.
struct Taking {
    explicit Taking(std::size_t count) : left(count), results(count) {}
    std::mutex mutex;
    std::size_t left;
    std::vector<Result<void>> results;
    AsyncEvent all;

    void put(std::size_t index, Result<void> result) {
        {
            const std::lock_guard lock(mutex);
            results[index] = std::move(result);
            if (--left != 0) return;
        }
        all.set();
    }
};

}  // namespace

Fetcher::Fetcher(asio::any_io_executor executor, FetchIdentity identity, std::string address,
                 FetchOptions options, RefillTarget refills)
    : executor_(executor),
      identity_(std::move(identity)),
      address_(std::move(address)),
      options_(options),
      refills_(refills),
      leader_(rpc::RpcClient::create(std::move(executor), address_)) {
    for (std::uint32_t i = 0; i < lanes_.size(); ++i)
        lanes_[i].number = i;
}

void Fetcher::follow(std::vector<std::shared_ptr<Replica>> replicas) {
    std::map<rpc::ReplicaRef, Following> next;
    std::vector<Following*> fresh;
    const std::lock_guard lock(mutex_);
    for (auto& replica : replicas) {
        const auto ref = replica->ref();
        auto& one = next[ref];
        if (const auto known = following_.find(ref); known != following_.end()) {
            // In the lane it had: two sessions would send it the same records.
            if (known->second.replica == replica)
                one = std::move(known->second);
            else
                std::tie(one.lane, one.catching_up) = std::tie(known->second.lane, known->second.catching_up);
        } else {
            fresh.push_back(&one);
        }
        one.replica = std::move(replica);
    }
    for (const auto& [ref, one] : following_) {
        if (next.contains(ref)) continue;
        one.lane->left.insert(ref);
        one.lane->followed.erase(ref);
    }
    for (auto* one : fresh) {
        const auto& ref = one->replica->ref();
        one->lane = &lane_for(ref);
        one->lane->followed.insert(ref);
    }
    following_ = std::move(next);
    for (auto& lane : lanes_)
        lane.to_tell = lane.followed;  // some may have a newer epoch
    start_lanes();
}

Fetcher::Lane& Fetcher::lane_for(const rpc::ReplicaRef& ref) {
    for (auto& lane : lanes_)
        if (lane.left.erase(ref) > 0) return lane;  // its session has not been told
    return *std::min_element(lanes_.begin(), lanes_.end(), [](const Lane& one, const Lane& other) {
        return one.followed.size() < other.followed.size();
    });
}

void Fetcher::start() {
    const std::lock_guard lock(mutex_);
    started_ = true;
    start_lanes();
}

// A lane that nothing was ever followed in costs nothing.
void Fetcher::start_lanes() {
    if (!started_ || stopping_) return;
    for (auto& lane : lanes_) {
        if (lane.followed.empty() || std::exchange(lane.started, true)) continue;
        ++running_;
        asio::co_spawn(
            executor_, [self = shared_from_this(), &lane] { return self->run(lane); },
            asio::bind_cancellation_slot(
                lane.give_up.slot(), [self = shared_from_this()](std::exception_ptr thrown) {
                    if (thrown)
                        log_error(kComponent, "a fetch ended by an exception", {{"leader", self->address_}});
                    const std::lock_guard ending(self->mutex_);
                    --self->running_;
                    self->ended_changed_.notify_all();
                }));
    }
}

void Fetcher::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopping_, true)) return;
    }
    asio::post(executor_, [self = shared_from_this()] {
        for (auto& lane : self->lanes_)
            lane.give_up.emit(asio::cancellation_type::terminal);
    });
}

void Fetcher::wait_until_ended() {
    std::unique_lock lock(mutex_);
    ended_changed_.wait(lock, [this] { return running_ == 0 && !refilling_; });
}

asio::awaitable<void> Fetcher::run(Lane& lane) {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto pause = kPauseFirst;
    bool reachable = true;
    while (!is_stopping()) {
        const auto fetched = co_await fetch(lane);
        if (is_stopping()) break;
        note_reachable(reachable, fetched);
        if (fetched.has_value()) {
            pause = kPauseFirst;
            continue;
        }
        lane.session = 0;
        asio::steady_timer timer(executor_, pause);
        (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        pause = std::min(pause * 2, kPauseMax);
    }
}

void Fetcher::note_reachable(bool& reachable, const Result<void>& fetched) {
    if (std::exchange(reachable, fetched.has_value()) == fetched.has_value()) return;
    bool first = false, last = false;
    {
        const std::lock_guard lock(mutex_);
        if (fetched.has_value())
            last = --unreachable_ == 0;
        else
            first = unreachable_++ == 0;
    }
    if (first) log_warn(kComponent, "cannot fetch", {{"leader", address_}, {"error", fetched.error()}});
    if (last) log_info(kComponent, "fetches again", {{"leader", address_}});
}

bool Fetcher::is_stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

rpc::FetchRequest Fetcher::next_request(Lane& lane) {
    rpc::FetchRequest request;
    request.cluster_id = identity_.cluster_id;
    request.follower = identity_.self;
    request.process = identity_.process;
    request.bytes_max = options_.bytes_max;
    const auto now = steady_clock::now();
    auto wait = options_.wait;
    std::vector<std::shared_ptr<Replica>> asked;
    {
        const std::lock_guard lock(mutex_);
        if (lane.catching_up > 0) wait = std::min(wait, kCatchUpPatience);
        if (lane.session == 0) {
            lane.request_number = 0;
            lane.left.clear();
            lane.to_tell = lane.followed;
        }
        request.left.assign(lane.left.begin(), lane.left.end());
        if (request.left.size() > rpc::FetchRequest::kPositionsMax)
            request.left.resize(rpc::FetchRequest::kPositionsMax);
        for (const auto& ref : request.left)
            lane.left.erase(ref);
        for (auto next = lane.to_tell.begin(); next != lane.to_tell.end();) {
            const auto at = next++;
            const auto& ref = *at;
            auto& one = following_.at(ref);
            if (one.refilled || one.catching_up) continue;
            if (one.not_before > now) {
                wait = std::min(wait, std::chrono::ceil<milliseconds>(one.not_before - now));
                continue;
            }
            if (one.replica->is_damaged()) {
                // Tried again after a pause, also while another one is being made anew.
                wait = std::min(wait, kDamagedPause);
                // Until it has left the sets it counts.
                if (one.replica->is_member()) {
                    if (request.damaged.size() < rpc::FetchRequest::kPositionsMax)
                        request.damaged.push_back(ref);
                    continue;
                }
                if (!refilling_ && !stopping_) post_refill(one);
                continue;
            }
            if (asked.size() == rpc::FetchRequest::kPositionsMax) {
                wait = milliseconds(0);
                break;
            }
            asked.push_back(one.replica);
            lane.to_tell.erase(at);
        }
    }
    for (const auto& replica : asked) {
        const auto position = replica->position();
        request.positions.push_back({replica->ref(), position.epoch, position.offset, position.synced_end,
                                     position.high_watermark, position.last_epoch.value, position.losses});
    }
    request.lane = lane.number;
    request.session = lane.session;
    request.number = ++lane.request_number;
    request.wait_ms = static_cast<std::uint32_t>(wait.count());
    return request;
}

asio::awaitable<Result<void>> Fetcher::fetch(Lane& lane) {
    const auto request = next_request(lane);
    auto json = rpc::encode(request);
    const auto deadline = steady_clock::now() + milliseconds(request.wait_ms) + options_.timeout;
    std::vector<SharedBytes> nothing;
    // Cancelled by stop().
    auto reply = co_await leader_->call(rpc::Method::fetch, std::move(json), std::move(nothing), deadline);
    if (reply.has_error()) co_return std::move(reply).error();
    auto end = rpc::decode_reply<rpc::FetchReply>(reply->end_json);
    if (end.has_error()) co_return std::move(end).error();
    lane.session = end->session;
    if (end->session == 0) co_return Result<void>();
    std::vector<FetchFrame> frames;
    frames.reserve(reply->data.size());
    for (const auto& bytes : reply->data) {
        auto frame = decode_fetch_frame(bytes);
        if (frame.has_error()) co_return std::move(frame).error();
        frames.push_back(std::move(*frame));
    }
    co_await take(lane, std::move(frames));
    co_return Result<void>();
}

asio::awaitable<void> Fetcher::take(Lane& lane, std::vector<FetchFrame> frames) {
    std::vector<Part> in_sync, behind;
    {
        const std::lock_guard lock(mutex_);
        for (auto& frame : frames) {
            const auto found = following_.find(frame.partition.replica);
            if (found == following_.end()) continue;
            auto& one = found->second;
            one.catching_up = refills_.work != nullptr && !frame.batches.empty() && !one.replica->is_member();
            auto shared = std::make_shared<const FetchFrame>(std::move(frame));
            (one.catching_up ? behind : in_sync).push_back({one.replica, std::move(shared)});
        }
    }
    const auto begun = begin_catching_up(lane, std::move(behind));
    // What is being written is not left alone: its position is told next.
    if (!in_sync.empty()) co_await take_in_sync(std::move(in_sync));
    if (begun != nullptr) (void)co_await begun->all.wait(steady_clock::now() + kCatchUpPatience);
}

asio::awaitable<void> Fetcher::take_in_sync(std::vector<Part> parts) {
    const auto taking = std::make_shared<Taking>(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto& part = parts[i];
        const bool posted = part.replica->post([part, taking, i] {
            taking->put(i, part.replica->take(part.frame->partition, part.frame->batches));
        });
        if (!posted) taking->put(i, make_error(ErrorCode::unavailable, "the partition is closing"));
    }
    while (!co_await taking->all.wait(steady_clock::time_point::max())) {
    }
    const std::lock_guard lock(taking->mutex);
    for (std::size_t i = 0; i < parts.size(); ++i)
        took(parts[i].frame->partition, taking->results[i]);
}

std::shared_ptr<Fetcher::CatchingUp> Fetcher::begin_catching_up(Lane& lane, std::vector<Part> parts) {
    if (parts.empty()) return nullptr;
    auto begun = std::make_shared<CatchingUp>();
    begun->left = parts.size();
    {
        const std::lock_guard lock(mutex_);
        lane.catching_up += parts.size();
        running_ += parts.size();
    }
    for (const auto& part : parts) {
        const auto run = [self = shared_from_this(), part] { return self->catch_up(part); };
        asio::co_spawn(
            executor_, run,
            [self = shared_from_this(), &lane, part, begun](std::exception_ptr thrown, Result<void> taken) {
                if (thrown) taken = make_error(ErrorCode::internal, "taking records threw");
                self->took(part.frame->partition, taken);
                if (--begun->left == 0) begun->all.set();
                const std::lock_guard lock(self->mutex_);
                --lane.catching_up;
                --self->running_;
                self->ended_changed_.notify_all();
            });
    }
    return begun;
}

asio::awaitable<Result<void>> Fetcher::catch_up(Part part) {
    if (refills_.budget != nullptr) {
        std::uint64_t bytes = 0;
        for (const auto& batch : part.frame->batches)
            bytes += batch.header.total_bytes();
        asio::steady_timer timer(executor_, refills_.budget->reserve(bytes, IoBudget::Clock::now()));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (is_stopping()) co_return make_error(ErrorCode::unavailable, "the slave is stopping");
    auto work = [part] {
        return part.replica->take(part.frame->partition, part.frame->batches, Replica::ApplyOn::this_thread);
    };
    auto taken = co_await run_on(*refills_.work, work);
    co_return taken;
}

void Fetcher::took(const rpc::FetchedPartition& sent, const Result<void>& taken) {
    const auto& ref = sent.replica;
    const std::lock_guard lock(mutex_);
    const auto found = following_.find(ref);
    if (found == following_.end()) return;
    auto& one = found->second;
    one.catching_up = false;
    one.lane->to_tell.insert(ref);
    if (taken.has_value()) {
        one.trouble.clear();
        one.not_before = {};
        return;
    }
    const auto& error = taken.error();
    const auto now = steady_clock::now();
    one.not_before = now + pause_after(error.code);
    if (error.code == ErrorCode::not_leader) return;
    if (sent.losses && !stopping_ && !refilling_) {
        post_condemn(one, sent.leader_epoch);
        return;
    }
    if (error.code == ErrorCode::not_found && !stopping_ && !refilling_) {
        post_refill(one);
        return;
    }
    if (error.code == ErrorCode::not_found && refilling_) {
        one.trouble = "waits for its turn to get its leader's files";
        return;
    }
    one.trouble = error.to_text();
    if (error.code == ErrorCode::overloaded) return;  // the flush speaks of its own trouble
    if (error.code == one.last_error && now - one.logged < kLogInterval) return;
    one.last_error = error.code;
    one.logged = now;
    log_warn(kComponent, "a copy does not come forward",
             {{"partition", one.replica->name()}, {"leader", address_}, {"error", error}});
}

void Fetcher::post_refill(Following& one) {
    refilling_ = one.refilled = true;
    one.meter = std::make_shared<RefillMeter>();
    asio::post(executor_, [self = shared_from_this(), replica = one.replica, meter = one.meter] {
        self->begin_refill(replica, meter);
    });
}

void Fetcher::post_condemn(Following& one, LeaderEpoch epoch) {
    refilling_ = one.refilled = true;
    asio::post(executor_, [self = shared_from_this(), replica = one.replica, epoch] {
        self->begin_condemn(replica, epoch);
    });
}

void Fetcher::begin_condemn(std::shared_ptr<Replica> replica, LeaderEpoch epoch) {
    auto condemn = [to = refills_, replica, epoch] {
        return to.condemn(*replica, epoch,
                          "other records were given up by order ('accept loss') in the leader's copy");
    };
    asio::co_spawn(
        executor_,
        [to = refills_, condemn]() -> asio::awaitable<Result<void>> {
            auto work = condemn;
            co_return co_await run_on(*to.work, work);
        },
        [self = shared_from_this(), replica](std::exception_ptr thrown, Result<void> condemned) {
            if (thrown) condemned = make_error(ErrorCode::internal, "giving a copy up threw");
            self->end_refill(replica, condemned);
        });
}

void Fetcher::add_troubles(std::vector<rpc::CopyTrouble>& troubles) const {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    for (const auto& [ref, one] : following_) {
        if (!one.refilled && one.trouble.empty()) continue;
        if (troubles.size() == rpc::kCopyProgressMax) return;
        rpc::CopyTrouble trouble;
        trouble.replica = ref;
        if (one.refilled && one.meter != nullptr) {
            trouble.bytes_done = one.meter->bytes_done;
            trouble.bytes_total = one.meter->bytes_total;
            trouble.elapsed_ms = static_cast<std::uint64_t>(
                std::chrono::duration_cast<milliseconds>(now - one.meter->began).count());
        } else {
            trouble.error = one.trouble.substr(0, rpc::kTroubleBytesMax);
        }
        troubles.push_back(std::move(trouble));
    }
}

void Fetcher::begin_refill(std::shared_ptr<Replica> replica, std::shared_ptr<RefillMeter> meter) {
    RefillSource from{leader_, identity_.cluster_id, identity_.self};
    const auto run = [from, to = refills_, replica, meter] { return refill(from, to, replica, meter); };
    asio::co_spawn(executor_, run,
                   [self = shared_from_this(), replica](std::exception_ptr thrown, Result<void> refilled) {
                       if (thrown) refilled = make_error(ErrorCode::internal, "making a copy anew threw");
                       self->end_refill(replica, refilled);
                   });
}

void Fetcher::end_refill(const std::shared_ptr<Replica>& replica, const Result<void>& refilled) {
    if (refilled.has_error() && refilled.error().code == ErrorCode::not_leader)
        log_info(kComponent,
                 "a copy is not made anew from the files of a leader that it does not follow any more",
                 {{"partition", replica->name()}, {"leader", address_}});
    else if (refilled.has_error())
        log_warn(kComponent, "a copy could not be made anew; it is tried again",
                 {{"partition", replica->name()}, {"leader", address_}, {"error", refilled.error()}});
    const std::lock_guard lock(mutex_);
    refilling_ = false;
    if (const auto found = following_.find(replica->ref()); found != following_.end()) {
        auto& one = found->second;
        one.refilled = false;
        one.meter.reset();
        one.trouble =
            refilled.has_error() ? "it could not be made anew: " + refilled.error().to_text() : std::string();
        one.lane->to_tell.insert(replica->ref());
        one.not_before = steady_clock::now() + (refilled.has_error() ? kRefillPause : milliseconds(0));
    }
    ended_changed_.notify_all();
}

}  // namespace dl::slave
