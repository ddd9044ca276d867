#include "master/routing/rpc_fragment_runner.h"

#include <boost/asio/detached.hpp>
#include <utility>
#include <variant>

#include "common/async/blocking_call.h"
#include "common/async/run_all.h"
#include "master/routing/pin_routes.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr auto kUnpinPatience = std::chrono::seconds(5);

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

struct PinSlot {
    std::shared_ptr<rpc::RpcClient> slave;
    std::string json;
    std::vector<std::shared_ptr<const TableMeta>> tables;
    std::optional<Result<rpc::PinReply>> reply;
};

// A slave that was away while a table was altered is told its schema first.
asio::awaitable<Result<rpc::PinReply>> pin_one(PinSlot& slot, rpc::Deadline deadline) {
    for (bool schemas_sent = false;; schemas_sent = true) {
        auto reply = co_await slot.slave->call(rpc::Method::pin, slot.json, {}, deadline);
        if (reply.has_value()) co_return rpc::decode_reply<rpc::PinReply>(reply->end_json);
        const bool is_older = reply.error().code == ErrorCode::schema_mismatch;
        if (!is_older || schemas_sent) co_return std::move(reply).error();
        for (const auto& table : slot.tables) {
            auto updated = co_await slot.slave->call(
                rpc::Method::update_table, rpc::encode(rpc::UpdateTableRequest{*table, {}}), {}, deadline);
            if (updated.has_error()) co_return std::move(updated).error();
        }
    }
}

asio::awaitable<void> unpin_one(std::shared_ptr<rpc::RpcClient> slave, std::uint64_t view) {
    (void)co_await slave->call(rpc::Method::unpin, rpc::encode(rpc::UnpinRequest{view}), {},
                               steady_clock::now() + kUnpinPatience);
}

class RpcFragmentStream final : public FragmentStream {
  public:
    RpcFragmentStream(asio::any_io_executor executor, std::unique_ptr<rpc::RpcStream> stream,
                      FragmentCall call, std::string node)
        : executor_(std::move(executor)),
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

    // The first frame, which names the columns; the cut, when one was taken for this query.
    Result<rpc::Cut> read_head() {
        read_ahead();
        DL_TRY_ASSIGN(auto frame, take_frame());
        if (!frame)
            return make_error(ErrorCode::internal,
                              "slave " + node_ + " ended a query without naming its columns");
        DL_TRY_ASSIGN(auto head, rpc::decode_reply<rpc::QueryHead>(frame->view()));
        for (auto& column : head.columns)
            columns_.push_back({std::move(column.name), column.type});
        read_ahead();
        return std::move(head.cut);
    }

    const std::vector<ResultColumn>& columns() const override { return columns_; }

    Result<std::optional<ColumnBatch>> next() override {
        if (ended_) return std::optional<ColumnBatch>();
        DL_TRY_ASSIGN(auto frame, take_frame());
        if (!frame) {
            ended_ = true;
            return std::optional<ColumnBatch>();
        }
        read_ahead();
        DL_TRY_ASSIGN(auto batch, rpc::decode_rows_frame(*frame, node_));
        return std::optional<ColumnBatch>(std::move(batch));
    }

  private:
    using Frame = std::optional<SharedBytes>;

    void read_ahead() {
        auto* stream = stream_.get();
        ahead_.emplace(
            executor_,
            [stream, deadline = call_.deadline]() -> asio::awaitable<Result<Frame>> {
                return stream->next(deadline);
            },
            *call_.cancel);
    }
    Result<Frame> take_frame() {
        if (!ahead_) return make_error(ErrorCode::internal, "a failed query was asked for more rows");
        auto frame = with_reason(ahead_->wait(), call_);
        ahead_.reset();
        return frame;
    }

    asio::any_io_executor executor_;
    std::unique_ptr<rpc::RpcStream> stream_;
    FragmentCall call_;
    std::string node_;
    std::vector<ResultColumn> columns_;
    std::optional<BackgroundCall<Frame>> ahead_;
    bool ended_ = false;
};

rpc::QueryRequest query_request(const std::string& sql, const std::map<std::string, TableId>& names,
                                const FragmentCall& call) {
    rpc::QueryRequest request;
    request.sql = sql;
    for (const auto& [name, table] : names)
        request.names.push_back({name, table});
    request.timeout_ms = milliseconds_until(call.deadline, 1);
    return request;
}

}  // namespace

Result<std::vector<PinnedFragment>> RpcFragmentRunner::pin(const std::vector<FragmentPin>& pins,
                                                           std::chrono::milliseconds lease,
                                                           const FragmentCall& call) {
    auto slots = std::make_shared<std::vector<PinSlot>>(pins.size());
    for (std::size_t i = 0; i < pins.size(); ++i) {
        DL_TRY_ASSIGN((*slots)[i].slave, slaves_.client(pins[i].node));
        rpc::PinRequest request;
        request.lease_ms = lease.count();
        DL_TRY_ASSIGN(request.tables, tables_to_pin(routes_, pins[i]));
        for (const auto& table : pins[i].tables)
            (*slots)[i].tables.push_back(table.meta);
        (*slots)[i].json = rpc::encode(request);
    }
    using Done = std::monostate;
    BackgroundCall<Done> pinning(
        pick_(),
        [slots, deadline = call.deadline]() -> asio::awaitable<Result<Done>> {
            std::vector<Task> tasks;
            for (auto& slot : *slots) {
                tasks.emplace_back([&slot, deadline]() -> asio::awaitable<void> {
                    auto reply = co_await pin_one(slot, deadline);
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
            pinned.push_back({pins[i].node, reply->view, std::move(reply->cut)});
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
    DL_TRY_ASSIGN(auto opened, open_query(pinned.node, rpc::encode(request), std::move(attached), call));
    return std::unique_ptr<FragmentStream>(std::move(opened.stream));
}

Result<PinnedStream> RpcFragmentRunner::pin_and_query(const FragmentPin& pin, const std::string& sql,
                                                      const std::map<std::string, TableId>& names,
                                                      const FragmentCall& call) {
    for (bool schemas_sent = false;; schemas_sent = true) {
        auto request = query_request(sql, names, call);
        DL_TRY_ASSIGN(request.tables, tables_to_pin(routes_, pin));
        auto opened = open_query(pin.node, rpc::encode(request), {}, call);
        if (opened.has_value())
            return PinnedStream{{pin.node, 0, std::move(opened->cut)}, std::move(opened->stream)};
        if (opened.error().code != ErrorCode::schema_mismatch || schemas_sent)
            return std::move(opened).error();
        DL_TRY(send_schemas(pin, call));
    }
}

// A slave that was away while a table was altered is told its schema.
Result<void> RpcFragmentRunner::send_schemas(const FragmentPin& pin, const FragmentCall& call) {
    using Done = std::monostate;
    DL_TRY_ASSIGN(auto slave, slaves_.client(pin.node));
    for (const auto& table : pin.tables) {
        BackgroundCall<Done> sending(
            pick_(),
            [slave, json = rpc::encode(rpc::UpdateTableRequest{*table.meta, {}}),
             deadline = call.deadline]() -> asio::awaitable<Result<Done>> {
                auto updated = co_await slave->call(rpc::Method::update_table, json, {}, deadline);
                if (updated.has_error()) co_return std::move(updated).error();
                co_return Result<Done>(Done{});
            },
            *call.cancel);
        DL_TRY_ASSIGN([[maybe_unused]] const auto done, with_reason(sending.wait(), call));
    }
    return {};
}

Result<RpcFragmentRunner::OpenQuery> RpcFragmentRunner::open_query(const std::string& node, std::string json,
                                                                   std::vector<SharedBytes> attached,
                                                                   const FragmentCall& call) {
    DL_TRY_ASSIGN(auto slave, slaves_.client(node));
    const auto executor = pick_();
    using Opened = std::shared_ptr<std::unique_ptr<rpc::RpcStream>>;
    BackgroundCall<Opened> opening(
        executor,
        [slave, json = std::move(json), attached = std::move(attached),
         deadline = call.deadline]() -> asio::awaitable<Result<Opened>> {
            auto opened = co_await slave->open(rpc::Method::query, json, attached, deadline);
            if (opened.has_error()) co_return std::move(opened).error();
            co_return std::make_shared<std::unique_ptr<rpc::RpcStream>>(std::move(*opened));
        },
        *call.cancel);
    DL_TRY_ASSIGN(auto opened, with_reason(opening.wait(), call));
    auto stream = std::make_unique<RpcFragmentStream>(executor, std::move(*opened), call, node);
    OpenQuery query;
    DL_TRY_ASSIGN(query.cut, stream->read_head());
    query.stream = std::move(stream);
    return query;
}

void RpcFragmentRunner::unpin(const std::vector<PinnedFragment>& pinned) {
    for (const auto& fragment : pinned) {
        auto slave = slaves_.client(fragment.node);
        if (slave.has_error()) continue;
        const auto executor = pick_();
        asio::co_spawn(executor, unpin_one(*slave, fragment.view), asio::detached);
    }
}

}  // namespace dl::master
