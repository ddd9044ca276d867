#include "master/routing/rpc_fragment_runner.h"

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <utility>
#include <variant>

#include "common/async/blocking_call.h"
#include "common/async/run_all.h"
#include "common/rpc/messages/node_messages.h"
#include "master/routing/pin_routes.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kUnpinPatience = std::chrono::seconds(5);
// A slave that sends no rows for so long is asked whether it is there, and given up when it does not answer.
constexpr std::chrono::milliseconds kSilence{5000};
constexpr auto kAnswerPatience = std::chrono::seconds(10);

// A cancelled call says why the query was cancelled, whatever the connection made of it.
template <class T>
Result<T> with_reason(Result<T> result, const FragmentCall& call) {
    if (result.has_value()) return result;
    const auto reason = call.cancel->reason();
    if (!reason) return result;
    return make_error(*reason, *reason == ErrorCode::timeout
                                   ? "the query did not end within its time; set a longer "
                                     "timeout_ms, or ask for less"
                                   : "the query was cancelled");
}

std::vector<TablePtr> tables_of(const FragmentPin& pin) {
    std::vector<TablePtr> tables;
    for (const auto& table : pin.tables)
        tables.push_back(table.meta);
    return tables;
}

bool is_of_any(const FragmentPin& pin) {
    return std::any_of(pin.tables.begin(), pin.tables.end(),
                       [](const auto& table) { return table.asked.any; });
}

Error no_longer_led(const Route& route) {
    return make_error(ErrorCode::not_leader,
                      "slave " + route.address + " did not answer and does not lead the partitions any more");
}

struct PinSlot {
    FragmentPin pin;
    Route route;
    std::optional<Result<rpc::PinReply>> reply;
};

asio::awaitable<Result<rpc::PinReply>> pin_one(const PartitionCaller& caller, const PinSlot& slot,
                                               std::int64_t lease_ms, rpc::Deadline deadline) {
    SlaveCall retries(caller.routes(), caller.options(), tables_of(slot.pin), LostAnswer::is_read_again,
                      deadline);
    for (;;) {
        rpc::PinRequest request;
        request.lease_ms = lease_ms;
        DL_CO_TRY_ASSIGN(request.tables, tables_to_pin(caller.routes(), slot.pin));
        rpc::CallTrace trace;
        Result<rpc::RpcReply> reply = make_error(ErrorCode::cancelled, "the query was cancelled");
        Task attempt = [&]() -> asio::awaitable<void> {
            auto called =
                co_await slot.route.slave->call(rpc::Method::pin, rpc::encode(request), {}, deadline, &trace);
            reply = std::move(called);
        };
        auto led = led_by_pin(caller.routes(), slot.pin, request.tables, slot.route.node);
        const bool moved = co_await run_while_led(caller.routes(), std::move(led), std::move(attempt));
        if (moved && reply.has_error()) co_return no_longer_led(slot.route);
        if (reply.has_value()) co_return rpc::decode_reply<rpc::PinReply>(reply->end_json);
        DL_CO_TRY(co_await retries.settle(slot.route, std::move(reply).error(), trace));
    }
}

// A query that has begun: its first frame names the columns.
struct BegunQuery {
    std::unique_ptr<rpc::RpcStream> stream;
    SharedBytes head;
};

// `pin`: what the request is to pin for itself; nullopt: it names a view. `led`: partitions of that view that
// have copies.
asio::awaitable<Result<std::shared_ptr<BegunQuery>>> begin_query(
    const PartitionCaller& caller, Route route, rpc::QueryRequest request, std::optional<FragmentPin> pin,
    std::vector<LedPartition> led, std::vector<SharedBytes> attached, rpc::Deadline deadline) {
    SlaveCall retries(caller.routes(), caller.options(), pin ? tables_of(*pin) : std::vector<TablePtr>(),
                      LostAnswer::is_read_again, deadline);
    for (;;) {
        if (pin) {
            DL_CO_TRY_ASSIGN(request.tables, tables_to_pin(caller.routes(), *pin));
        }
        request.timeout_ms = milliseconds_until(deadline, 1);
        rpc::CallTrace trace;
        Result<std::optional<SharedBytes>> first =
            make_error(ErrorCode::cancelled, "the query was cancelled");
        Result<std::unique_ptr<rpc::RpcStream>> opened = std::unique_ptr<rpc::RpcStream>();
        Task attempt = [&]() -> asio::awaitable<void> {
            auto stream = co_await route.slave->open(rpc::Method::query, rpc::encode(request), attached,
                                                     deadline, &trace);
            opened = std::move(stream);
            if (opened.has_error()) {
                first = opened.error();
                co_return;
            }
            auto frame = co_await (*opened)->next(deadline);
            first = std::move(frame);
            trace.lost = (*opened)->lost();
        };
        if (pin) led = led_by_pin(caller.routes(), *pin, request.tables, route.node);
        const bool moved = co_await run_while_led(caller.routes(), led, std::move(attempt));
        if (moved && first.has_error()) co_return no_longer_led(route);
        // A view is gone with its slave.
        const bool is_gone =
            first.has_error() && (trace.lost || first.error().code == ErrorCode::unavailable) &&
            first.error().code != ErrorCode::cancelled && first.error().code != ErrorCode::timeout;
        if (!pin && !led.empty() && is_gone)
            co_return make_error(ErrorCode::not_leader, first.error().message);
        if (first.has_value()) {
            if (!first->has_value())
                co_return make_error(ErrorCode::internal,
                                     "slave " + route.address + " ended a query without naming its columns");
            co_return std::make_shared<BegunQuery>(BegunQuery{std::move(*opened), std::move(**first)});
        }
        DL_CO_TRY(co_await retries.settle(route, std::move(first).error(), trace));
    }
}

asio::awaitable<void> unpin_one(std::shared_ptr<rpc::RpcClient> slave, std::uint64_t view) {
    const auto request = rpc::encode(rpc::UnpinRequest{view});
    (void)co_await slave->call(rpc::Method::unpin, request, {}, steady_clock::now() + kUnpinPatience);
}

asio::awaitable<Result<rpc::RpcReply>> ask_ping(std::shared_ptr<rpc::RpcClient> slave, rpc::Deadline until) {
    const auto request = rpc::encode(rpc::PingRequest{});
    co_return co_await slave->call(rpc::Method::ping, request, {}, until);
}

class RpcFragmentStream final : public FragmentStream {
  public:
    // `has_copies`: when the slave goes, another one has the rows.
    RpcFragmentStream(asio::any_io_executor executor, std::unique_ptr<rpc::RpcStream> stream,
                      FragmentCall call, std::string node, std::shared_ptr<rpc::RpcClient> slave,
                      bool has_copies)
        : has_copies_(has_copies),
          slave_(std::move(slave)),
          executor_(std::move(executor)),
          stream_(std::move(stream)),
          call_(std::move(call)),
          node_(std::move(node)) {}

    ~RpcFragmentStream() override {
        if (ahead_) {
            ahead_->abort();
            (void)ahead_->wait().has_value();
        }
        // The connection lives on its event loop and dies there.
        asio::post(executor_, [stream = std::shared_ptr<rpc::RpcStream>(std::move(stream_))]() mutable {
            stream.reset();
        });
    }

    void begin(std::vector<rpc::NamedType> columns) {
        for (auto& column : columns)
            columns_.push_back({std::move(column.name), column.type});
        read_ahead();
    }

    const std::vector<ResultColumn>& columns() const override { return columns_; }

    // Several threads of the engine may ask, one behind the other, also behind the first error.
    Result<std::optional<ColumnBatch>> next() override {
        if (error_) return *error_;
        if (ended_) return std::optional<ColumnBatch>();
        auto batch = next_batch();
        if (batch.has_error()) error_ = batch.error();
        return batch;
    }

  private:
    using Frame = std::optional<SharedBytes>;

    Result<std::optional<ColumnBatch>> next_batch() {
        auto frame = with_reason(next_frame(), call_);
        ahead_.reset();
        if (frame.has_error()) {
            if (has_copies_ && frame.error().code == ErrorCode::unavailable)
                return make_error(ErrorCode::not_leader, frame.error().message);
            return std::move(frame).error();
        }
        if (!*frame) {
            ended_ = true;
            return std::optional<ColumnBatch>();
        }
        read_ahead();
        DL_TRY_ASSIGN(auto batch, rpc::decode_rows_frame(**frame, node_));
        return std::optional<ColumnBatch>(std::move(batch));
    }

    // One that hangs would be waited for until the deadline.
    Result<Frame> next_frame() {
        while (!ahead_->wait_for(kSilence)) {
            if (is_there() || ahead_->wait_for(std::chrono::milliseconds(0))) continue;
            ahead_->abort();
            (void)ahead_->wait().has_value();
            return make_error(ErrorCode::unavailable,
                              "slave " + node_ + " has begun to send rows and does not answer any more");
        }
        return ahead_->wait();
    }

    bool is_there() {
        BackgroundCall<rpc::RpcReply> ping(
            executor_,
            [slave = slave_, until = std::min(call_.deadline, steady_clock::now() + kAnswerPatience)] {
                return ask_ping(slave, until);
            },
            *call_.cancel);
        const auto answered = ping.wait();
        // Who is cancelled, or whose time is over, hears of it from the rows.
        return answered.has_value() || call_.cancel->reason() || steady_clock::now() >= call_.deadline;
    }

    void read_ahead() {
        auto* stream = stream_.get();
        ahead_.emplace(
            executor_,
            [stream, deadline = call_.deadline]() -> asio::awaitable<Result<Frame>> {
                return stream->next(deadline);
            },
            *call_.cancel);
    }
    const bool has_copies_;
    const std::shared_ptr<rpc::RpcClient> slave_;
    asio::any_io_executor executor_;
    std::unique_ptr<rpc::RpcStream> stream_;
    FragmentCall call_;
    std::string node_;
    std::vector<ResultColumn> columns_;
    std::optional<BackgroundCall<Frame>> ahead_;
    bool ended_ = false;
    std::optional<Error> error_;
};

rpc::QueryRequest query_request(const std::string& sql, const std::map<std::string, TableId>& names,
                                const FragmentCall& call) {
    rpc::QueryRequest request;
    request.number = call.number;
    request.sql = sql;
    for (const auto& [name, table] : names)
        request.names.push_back({name, table});
    return request;
}

}  // namespace

Result<std::vector<PinnedFragment>> RpcFragmentRunner::pin(const std::vector<FragmentPin>& pins,
                                                           std::chrono::milliseconds lease,
                                                           const FragmentCall& call) {
    auto slots = std::make_shared<std::vector<PinSlot>>(pins.size());
    for (std::size_t i = 0; i < pins.size(); ++i) {
        (*slots)[i].pin = pins[i];
        DL_TRY_ASSIGN((*slots)[i].route, caller_.routes().at_address(pins[i].node));
    }
    using Done = std::monostate;
    BackgroundCall<Done> pinning(
        pick_(),
        [this, slots, lease_ms = lease.count(), deadline = call.deadline]() -> asio::awaitable<Result<Done>> {
            std::vector<Task> tasks;
            for (auto& slot : *slots) {
                tasks.emplace_back([this, &slot, lease_ms, deadline]() -> asio::awaitable<void> {
                    auto reply = co_await pin_one(caller_, slot, lease_ms, deadline);
                    slot.reply.emplace(std::move(reply));
                });
            }
            co_await run_all(std::move(tasks));
            co_return Result<Done>(Done{});
        },
        *call.cancel);
    DL_TRY_ASSIGN([[maybe_unused]] const auto done, pinning.wait());

    std::vector<PinnedFragment> pinned;
    std::optional<Error> failure;
    for (std::size_t i = 0; i < pins.size(); ++i) {
        auto& reply = *(*slots)[i].reply;
        if (reply.has_value())
            pinned.push_back({pins[i].node, reply->view, std::move(reply->cut), is_of_any(pins[i])});
        else if (!failure)
            failure = std::move(reply).error();
    }
    if (!failure) return pinned;
    unpin(pinned);
    return with_reason(Result<std::vector<PinnedFragment>>(std::move(*failure)), call);
}

Result<std::unique_ptr<FragmentStream>> RpcFragmentRunner::query(const PinnedFragment& pinned,
                                                                 const FragmentStatement& statement,
                                                                 const FragmentCall& call) {
    auto request = query_request(statement.sql, statement.names, call);
    request.view = pinned.view;
    std::vector<SharedBytes> attached;
    for (const auto& table : statement.broadcasts) {
        request.broadcasts.push_back(rpc::broadcast_header(*table));
        for (const auto& batch : table->batches)
            attached.push_back(batch.body());
    }
    DL_TRY_ASSIGN(auto opened,
                  open_query(pinned.node, std::move(request), nullptr, &pinned, std::move(attached), call));
    return std::unique_ptr<FragmentStream>(std::move(opened.stream));
}

Result<PinnedStream> RpcFragmentRunner::pin_and_query(const FragmentPin& pin, const std::string& sql,
                                                      const std::map<std::string, TableId>& names,
                                                      const FragmentCall& call) {
    DL_TRY_ASSIGN(auto opened,
                  open_query(pin.node, query_request(sql, names, call), &pin, nullptr, {}, call));
    return PinnedStream{{pin.node, 0, std::move(opened.cut), is_of_any(pin)}, std::move(opened.stream)};
}

Result<RpcFragmentRunner::OpenQuery> RpcFragmentRunner::open_query(
    const std::string& node, rpc::QueryRequest request, const FragmentPin* pin, const PinnedFragment* pinned,
    std::vector<SharedBytes> attached, const FragmentCall& call) {
    DL_TRY_ASSIGN(auto route, caller_.routes().at_address(node));
    const auto slave = route.slave;
    const auto executor = pick_();
    std::optional<FragmentPin> own;
    if (pin != nullptr) own = *pin;
    std::vector<LedPartition> led;
    if (pinned != nullptr) led = led_by_cut(caller_.routes(), pinned->cut, route.node, pinned->any);
    bool has_copies = !led.empty();
    if (pin != nullptr)
        for (const auto& table : pin->tables) {
            const auto placement = caller_.routes().catalog().placement(table.meta->id);
            has_copies = has_copies || (placement != nullptr && dl::master::has_copies(*placement));
        }
    BackgroundCall<std::shared_ptr<BegunQuery>> opening(
        executor,
        [this, route = std::move(route), request = std::move(request), own = std::move(own),
         led = std::move(led), attached = std::move(attached), deadline = call.deadline] {
            return begin_query(caller_, route, request, own, led, attached, deadline);
        },
        *call.cancel);
    DL_TRY_ASSIGN(const auto begun, with_reason(opening.wait(), call));
    auto stream = std::make_unique<RpcFragmentStream>(executor, std::move(begun->stream), call, node, slave,
                                                      has_copies);
    DL_TRY_ASSIGN(auto head, rpc::decode_reply<rpc::QueryHead>(begun->head.view()));
    stream->begin(std::move(head.columns));
    return OpenQuery{std::move(head.cut), std::move(stream)};
}

void RpcFragmentRunner::unpin(const std::vector<PinnedFragment>& pinned) {
    for (const auto& fragment : pinned) {
        auto slave = caller_.routes().slaves().client(fragment.node);
        if (slave.has_error()) continue;
        const auto executor = pick_();
        asio::co_spawn(executor, unpin_one(*slave, fragment.view), asio::detached);
    }
}

}  // namespace dl::master
