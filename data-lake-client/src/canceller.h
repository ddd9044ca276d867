// Lets any thread, or a signal handler, interrupt the one that waits on a connection.
#pragma once

#include <atomic>

namespace datalake {

class Canceller {
  public:
    Canceller();
    ~Canceller();
    Canceller(const Canceller&) = delete;
    Canceller& operator=(const Canceller&) = delete;

    // Async-signal-safe; does nothing while nothing runs.
    void cancel();
    // Around a statement. begin() forgets an earlier cancel.
    void begin();
    void end() { running_.store(false); }
    bool cancelled() const { return cancelled_.load(); }
    // Readable once cancelled.
    int fd() const { return fd_; }
    // False when cancelled meanwhile.
    bool sleep_ms(int milliseconds) const;

  private:
    int fd_;
    std::atomic<bool> running_{false};
    std::atomic<bool> cancelled_{false};
};

}  // namespace datalake
