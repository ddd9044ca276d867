#include "common/net/net_pool.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/check.h"

namespace dl::net {

namespace asio = boost::asio;

namespace {

struct Loop {
    asio::io_context context{1};  // one thread runs it; posts from others stay safe
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
};

}  // namespace

struct NetPool::State {
    std::string name;
    std::vector<std::unique_ptr<Loop>> loops;
    std::atomic<std::size_t> next{0};
    std::once_flag stopped;
};

NetPool::NetPool(std::string name, std::size_t threads) : state_(std::make_unique<State>()) {
    DL_CHECK(threads > 0, "a net pool has at least one thread");
    state_->name = std::move(name);
    for (std::size_t i = 0; i < threads; ++i)
        state_->loops.push_back(std::make_unique<Loop>());
    for (std::size_t i = 0; i < threads; ++i) {
        auto& loop = *state_->loops[i];
        loop.thread = std::thread([&loop, title = state_->name.substr(0, 10) + "-" + std::to_string(i)] {
            pthread_setname_np(pthread_self(), title.c_str());
            loop.context.run();
        });
    }
}

NetPool::~NetPool() {
    stop();
}

asio::any_io_executor NetPool::executor() {
    const auto index = state_->next.fetch_add(1, std::memory_order_relaxed) % state_->loops.size();
    return state_->loops[index]->context.get_executor();
}

asio::any_io_executor NetPool::executor_of(std::size_t index) const {
    return state_->loops[index % state_->loops.size()]->context.get_executor();
}

std::size_t NetPool::size() const {
    return state_->loops.size();
}

void NetPool::stop() {
    std::call_once(state_->stopped, [this] {
        for (auto& loop : state_->loops)
            loop->context.stop();
        for (auto& loop : state_->loops)
            loop->thread.join();
    });
}

}  // namespace dl::net
