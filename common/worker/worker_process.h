// The process that runs statements for a daemon: the daemon's own program, started with one argument. It
// closes itself in, takes one statement at a time over a socket, and ends with its daemon. What a statement
// is, is up to the role.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/duck/duck_database.h"
#include "common/process/frame_channel.h"
#include "common/process/unique_fd.h"
#include "common/worker/worker_protocol.h"

namespace dl {

// Frames to the daemon. Thread-safe; ends the process when the daemon is gone.
class WorkerLink {
  public:
    explicit WorkerLink(const FrameChannel& data) : data_(data) {}
    void send(WorkerFrame kind, std::span<const std::string_view> parts);
    void send(WorkerFrame kind, std::initializer_list<std::string_view> parts) {
        send(kind, std::span(parts.begin(), parts.size()));
    }
    // With the next one, in one go: a short answer wakes the daemon once.
    void send_later(WorkerFrame kind, std::string_view part);
    // Blocks while the daemon does not take them.
    void send_rows(const ColumnBatch& batch);

  private:
    const FrameChannel& data_;
    std::mutex mutex_;
    std::string held_;
};

struct WorkerTask {
    std::string_view statement;
    std::vector<UniqueFd> fds;
    std::shared_ptr<QueryCancel> cancel;  // never null: the daemon wants no more of it
};

class WorkerRole {
  public:
    virtual ~WorkerRole() = default;
    // Once, when the process has closed itself in: also what the first statement would wait for.
    virtual Result<void> open(std::shared_ptr<DuckDatabase> database, WorkerLink& link) = 0;
    // Sends columns, rows or calls; the end or the error it returns are sent for it.
    virtual Result<void> run(WorkerTask task, WorkerLink& link) = 0;
    // An answer to a call, on the thread of the control channel: must not block.
    virtual void answered(Frame) {}
};

// Was this process started as a worker? The first question of main().
bool is_worker_process(int argc, char** argv);
[[noreturn]] void serve_as_worker(WorkerRole& role);

}  // namespace dl
