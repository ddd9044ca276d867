// A slave that answers the RPCs of a master by a script.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/crc32c.h"
#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/node_messages.h"
#include "common/rpc/messages/query_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_server.h"
namespace dl::master::testing {

namespace asio = boost::asio;
using json = nlohmann::json;

// Keeps counts instead of rows: enough to see what was routed where.
class FakeSlave {
  public:
    explicit FakeSlave(net::NetPool& pool, std::string address = "127.0.0.1:0") : pool_(pool) {
        listen(address);
    }
    ~FakeSlave() { stop(); }
    void listen(const std::string& address) {
        std::map<rpc::Method, rpc::RpcHandler> handlers;
        for (int m = 1; m <= 16; ++m) {
            const auto method = static_cast<rpc::Method>(m);
            handlers[method] = [this, method](rpc::RpcCall& call) { return handle(method, call); };
        }
        auto server = rpc::RpcServer::listen(pool_.executor_of(0), address, std::move(handlers));
        if (server.has_error()) ADD_FAILURE() << server.error().to_text();
        server_ = *server;
        address_ = "127.0.0.1:" + std::to_string(server_->port());
    }
    // Connections are lost, what it knows is not.
    void restart() {
        stop();
        listen(address_);
    }
    void stop() {
        if (!server_) return;
        EXPECT_TRUE(server_->stop(std::chrono::milliseconds(0)));
        server_.reset();
    }
    std::string address() const { return address_; }
    std::uint16_t port() const { return server_->port(); }

    // The next call of `method` fails with this error; `after` tells whether its work is done first.
    void fail_next(rpc::Method method, Error error, bool after = false) {
        std::lock_guard lock(mutex_);
        failures_[method] = {std::move(error), after};
    }
    // The next call of `method` does its work and is not answered until the connection is lost.
    void hold_next(rpc::Method method) {
        std::lock_guard lock(mutex_);
        withheld_.insert(method);
    }
    bool holds() const { return holding_ > 0; }
    // Appends to and reads of this partition fail, those of others do not.
    void break_partition(std::uint32_t partition, Error error) {
        std::lock_guard lock(mutex_);
        broken_[partition] = std::move(error);
    }
    int calls(rpc::Method method) const {
        std::lock_guard lock(mutex_);
        const auto found = calls_.find(method);
        return found == calls_.end() ? 0 : found->second;
    }
    std::int64_t end(std::uint32_t partition) const {
        std::lock_guard lock(mutex_);
        const auto found = ends_.find(partition);
        return found == ends_.end() ? 0 : found->second;
    }
    std::set<std::uint64_t> tables() const {
        std::lock_guard lock(mutex_);
        return tables_;
    }
    // What an inventory lists: beside what create_table makes, which is not listed.
    void hold(rpc::InventoryTable table) {
        std::lock_guard lock(mutex_);
        highest_table_ = std::max(highest_table_, table.id);
        held_.push_back(std::move(table));
    }
    std::vector<rpc::InventoryTable> held() const {
        std::lock_guard lock(mutex_);
        return held_;
    }
    void set_cluster(std::string id) {
        std::lock_guard lock(mutex_);
        cluster_id_ = std::move(id);
    }
    std::uint32_t last_schema() const { return last_schema_; }
    bool wait_was_cancelled() const { return wait_cancelled_; }
    bool lookup_was_cancelled() const { return lookup_cancelled_; }

  private:
    asio::awaitable<Result<std::string>> handle(rpc::Method method, rpc::RpcCall& call) {
        std::optional<std::pair<Error, bool>> failure;
        {
            std::lock_guard lock(mutex_);
            ++calls_[method];
            if (auto found = failures_.find(method); found != failures_.end()) {
                failure = found->second;
                failures_.erase(found);
            }
        }
        if (failure && !failure->second) co_return failure->first;
        if (method == rpc::Method::inventory) {
            if (taken_to_hold(method)) co_await hold(call);
            const auto part = rpc::encode(rpc::InventoryPart{held()});
            auto sent = co_await call.send_data(std::string_view(part));
            if (sent.has_error()) co_return std::move(sent).error();
            co_return "{}";
        }
        if (method == rpc::Method::wait) co_return co_await wait(call);
        if (method == rpc::Method::read) co_return co_await read(call);
        if (method == rpc::Method::query) co_return co_await lookup(call);
        if (method == rpc::Method::create_table &&
            decode<rpc::CreateTableRequest>(call).cluster_id != cluster_of())
            co_return make_error(ErrorCode::unavailable, "the slave is of another cluster");
        auto reply = answer(method, call);
        if (taken_to_hold(method)) co_await hold(call);
        if (failure) co_return failure->first;
        co_return reply;
    }

    std::string cluster_of() const {
        std::lock_guard lock(mutex_);
        return cluster_id_;
    }
    bool taken_to_hold(rpc::Method method) {
        std::lock_guard lock(mutex_);
        return withheld_.erase(method) != 0;
    }
    asio::awaitable<void> hold(rpc::RpcCall& call) {
        ++holding_;
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (!call.cancelled()) {
            timer.expires_after(std::chrono::milliseconds(2));
            boost::system::error_code ignored;
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        --holding_;
    }

    // A message the master should not have sent fails the test.
    template <class M>
    static M decode(rpc::RpcCall& call) {
        auto request = rpc::decode_request<M>(call.json());
        if (request.has_value()) return std::move(*request);
        ADD_FAILURE() << request.error().to_text();
        return M{};
    }

    std::string answer(rpc::Method method, rpc::RpcCall& call) {
        std::lock_guard lock(mutex_);
        switch (method) {
            case rpc::Method::ping:
                return rpc::encode(rpc::PingReply{"fake", "1", "1", NodeId{node_id_}, cluster_id_,
                                                  held_.size(), highest_table_});
            case rpc::Method::register_node: {
                const auto request = decode<rpc::RegisterNodeRequest>(call);
                node_id_ = request.node.value;
                cluster_id_ = request.cluster_id;
                for (const auto& [id, incarnation] : request.tables)
                    for (auto& table : held_)
                        if (table.id == id) table.incarnation = incarnation;
                return "{}";
            }
            case rpc::Method::create_table:
                tables_.insert(decode<rpc::CreateTableRequest>(call).table.id.value);
                return "{}";
            case rpc::Method::drop_table:
                tables_.erase(decode<rpc::DropTableRequest>(call).table.id.value);
                std::erase_if(held_, [id = decode<rpc::DropTableRequest>(call).table.id](
                                         const rpc::InventoryTable& table) { return table.id == id; });
                return "{}";
            case rpc::Method::compress:
                return rpc::encode(rpc::CompressProgress{});
            case rpc::Method::append:
                return append(decode<rpc::AppendRequest>(call), call);
            case rpc::Method::offsets: {
                rpc::OffsetsReply reply;
                for (const auto& part : decode<rpc::OffsetsRequest>(call).partitions)
                    reply.partitions.push_back({part.partition, 0, 0, ends_[part.partition.value]});
                return rpc::encode(reply);
            }
            default:
                return "{}";
        }
    }

    std::string append(const rpc::AppendRequest& request, rpc::RpcCall& call) {
        last_schema_ = request.schema.value;
        const auto& id = request.batch_id;
        if (!id.empty() && replies_.contains(id) && broken_.empty()) {
            auto reply = replies_[id];
            for (auto& result : reply.partitions)
                result.appended->duplicate = true;
            return rpc::encode(reply);
        }
        rpc::AppendReply reply;
        std::size_t at = 0;
        for (const auto& part : request.partitions) {
            EXPECT_EQ(crc32c(0, call.attachment().view().substr(at, part.bytes).data(), part.bytes),
                      part.crc);
            at += part.bytes;
            auto& result = reply.partitions.emplace_back();
            result.partition = part.partition;
            if (const auto broken = broken_.find(part.partition.value); broken != broken_.end()) {
                result.error = broken->second;
                continue;
            }
            auto& end = ends_[part.partition.value];
            result.appended = rpc::Appended{end, end + part.count - 1, false};
            end += part.count;
        }
        EXPECT_EQ(at, call.attachment().size());
        if (!id.empty()) replies_[id] = reply;
        return rpc::encode(reply);
    }

    std::uint64_t available(const rpc::WaitRequest& request) {
        std::lock_guard lock(mutex_);
        std::int64_t total = 0;
        for (const auto& part : request.partitions)
            total += std::max<std::int64_t>(ends_[part.partition.value] - part.offset, 0);
        return static_cast<std::uint64_t>(total);
    }

    asio::awaitable<Result<std::string>> wait(rpc::RpcCall& call) {
        const auto request = decode<rpc::WaitRequest>(call);
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.wait_ms);
        auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor);
        for (;;) {
            const auto total = available(request);
            if (total >= request.min_rows || std::chrono::steady_clock::now() >= until)
                co_return rpc::encode(rpc::WaitReply{total});
            if (call.cancelled()) {
                wait_cancelled_ = true;
                co_return make_error(ErrorCode::cancelled, "the master has gone");
            }
            timer.expires_after(std::chrono::milliseconds(2));
            boost::system::error_code ignored;
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
    }

    // One row a key: the key. Key 404 has none, 500 hangs.
    asio::awaitable<Result<std::string>> lookup(rpc::RpcCall& call) {
        const auto request = decode<rpc::QueryRequest>(call);
        const auto& table = request.tables.at(0);
        const DataType key_type{TypeKind::int32};
        ColumnBatchBuilder builder({{FieldId{1}, key_type}});
        for (const auto& text : table.keys) {
            if (text == "500") {
                asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::seconds(20));
                boost::system::error_code ignored;
                co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
                lookup_cancelled_ = call.cancelled();
            }
            if (text == "404") continue;
            builder.append_fixed(0, static_cast<std::int32_t>(std::stoi(text)));
            builder.finish_row(false);
        }
        rpc::QueryHead head;
        head.columns.push_back({"the id", key_type});
        auto& cut = head.cut.emplace_back();
        cut.table = table.table.id;
        cut.partitions.push_back({table.partitions.at(0).partition, 12});
        cut.behind = 2;
        std::vector<SharedBytes> frames;
        frames.push_back(SharedBytes::from_string(rpc::encode(head)));
        if (builder.rows() > 0) {
            const auto rows = builder.rows();
            std::string frame(reinterpret_cast<const char*>(&rows), sizeof rows);
            frames.push_back(SharedBytes::from_string(frame + builder.encode()));
        }
        call.send_with_end(std::move(frames));
        co_return rpc::encode(rpc::QueryReply{builder.rows()});
    }

    // One frame per partition that has records: "<partition>:<from>-<to>".
    asio::awaitable<Result<std::string>> read(rpc::RpcCall& call) {
        const auto request = decode<rpc::ReadRequest>(call);
        rpc::ReadReply reply;
        for (const auto& part : request.partitions) {
            const auto p = part.partition.value;
            auto& result = reply.partitions.emplace_back();
            result.partition = part.partition;
            result.next = part.offset;
            if (auto error = broken(p)) {
                result.error = std::move(error);
                continue;
            }
            const auto to = std::min(end(p), part.offset + static_cast<std::int64_t>(request.read_count));
            if (to <= part.offset) continue;
            result.next = to;
            const auto frame =
                std::to_string(p) + ":" + std::to_string(part.offset) + "-" + std::to_string(to);
            auto sent = co_await call.send_data(std::string_view(frame));
            if (sent.has_error()) co_return std::move(sent).error();
        }
        co_return rpc::encode(reply);
    }

    std::optional<Error> broken(std::uint32_t partition) const {
        std::lock_guard lock(mutex_);
        const auto found = broken_.find(partition);
        return found == broken_.end() ? std::nullopt : std::optional(found->second);
    }

    net::NetPool& pool_;
    std::string address_;
    std::shared_ptr<rpc::RpcServer> server_;
    mutable std::mutex mutex_;
    std::map<rpc::Method, std::pair<Error, bool>> failures_;
    std::map<rpc::Method, int> calls_;
    std::map<std::uint32_t, std::int64_t> ends_;
    std::set<std::uint64_t> tables_;
    std::map<std::string, rpc::AppendReply> replies_;
    std::map<std::uint32_t, Error> broken_;
    std::set<rpc::Method> withheld_;
    std::atomic<int> holding_{0};
    std::uint32_t node_id_ = 0;
    std::string cluster_id_;
    std::vector<rpc::InventoryTable> held_;
    TableId highest_table_;
    std::atomic<std::uint32_t> last_schema_{0};
    std::atomic<bool> wait_cancelled_{false};
    std::atomic<bool> lookup_cancelled_{false};
};

}  // namespace dl::master::testing
