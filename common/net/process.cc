#include "common/net/process.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "common/base/log.h"

namespace dl::net {

namespace asio = boost::asio;

std::uint64_t raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    if (limit.rlim_cur < 8192)
        log_warn("process",
                 "few file descriptors; raise the limit (ulimit -n, LimitNOFILE=) to serve many connections",
                 {{"limit", static_cast<std::uint64_t>(limit.rlim_cur)}});
    return limit.rlim_cur;
}

namespace {

// Whatever the threads do that would have to run a handler of ours.
void stop_at_next_signal(asio::signal_set& signals) {
    boost::system::error_code ignored;
    signals.clear(ignored);
    struct sigaction at_once {};
    at_once.sa_handler = [](int) {
        constexpr char kText[] = "stopped at once\n";
        (void)!::write(STDERR_FILENO, kText, sizeof kText - 1);
        _exit(1);
    };
    for (const int number : {SIGTERM, SIGINT})
        sigaction(number, &at_once, nullptr);
}

}  // namespace

struct SignalHandler::State {
    State(std::function<void()> on_first, std::chrono::milliseconds limit, std::function<void()> on_second)
        : signals(context, SIGTERM, SIGINT),
          end(context),
          graceful(std::move(on_first)),
          ends_within(limit),
          forced(std::move(on_second)) {}

    asio::io_context context{1};
    asio::signal_set signals;
    asio::steady_timer end;
    std::function<void()> graceful;
    std::chrono::milliseconds ends_within;
    std::function<void()> forced;
    int received = 0;
    std::thread thread;

    void wait() {
        signals.async_wait([this](const boost::system::error_code& error, int number) {
            if (error) return;
            if (++received > 1) {
                forced();
                return wait();
            }
            log_info("process", "stopping; once more stops at once",
                     {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
            end.expires_after(ends_within);
            end.async_wait([](const boost::system::error_code& stopped) {
                if (stopped) return;
                log_error("process", "has not come to its end in time; exits as it is");
                _exit(1);
            });
            if (forced)
                wait();
            else
                stop_at_next_signal(signals);
            graceful();
        });
    }
};

SignalHandler::SignalHandler(std::function<void()> graceful, std::chrono::milliseconds ends_within,
                             std::function<void()> forced)
    : state_(std::make_unique<State>(std::move(graceful), ends_within, std::move(forced))) {
    signal(SIGPIPE, SIG_IGN);
    state_->wait();
    state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

SignalHandler::~SignalHandler() {
    state_->context.stop();
    state_->thread.join();
}

}  // namespace dl::net
