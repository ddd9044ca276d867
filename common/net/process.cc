#include "common/net/process.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>

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

struct SignalHandler::State : std::enable_shared_from_this<SignalHandler::State> {
    State(asio::any_io_executor executor, std::function<void()> on_first, std::function<void()> on_second)
        : signals(std::move(executor), SIGTERM, SIGINT),
          graceful(std::move(on_first)),
          forced(std::move(on_second)) {}

    asio::signal_set signals;
    std::function<void()> graceful;
    std::function<void()> forced;
    int received = 0;

    void wait() {
        signals.async_wait([self = shared_from_this()](const boost::system::error_code& error, int number) {
            if (error) return;
            ++self->received;
            const char* name = number == SIGTERM ? "SIGTERM" : "SIGINT";
            if (self->received == 1) {
                log_info("process", "stopping; once more stops at once", {{"signal", name}});
                if (!self->forced) {
                    stop_at_next_signal(self->signals);
                    self->graceful();
                    return;
                }
                self->graceful();
            } else {
                self->forced();
            }
            self->wait();
        });
    }
};

SignalHandler::SignalHandler(asio::any_io_executor executor, std::function<void()> graceful,
                             std::function<void()> forced)
    : state_(std::make_shared<State>(std::move(executor), std::move(graceful), std::move(forced))) {
    signal(SIGPIPE, SIG_IGN);
    state_->wait();
}

SignalHandler::~SignalHandler() {
    boost::system::error_code ignored;
    state_->signals.cancel(ignored);
}

}  // namespace dl::net
