// Calls of a process that runs a SELECT to its master: each waits for its answer, or until the statement is
// stopped. Thread-safe; one for all statements of the process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/async/query_cancel.h"
#include "common/worker/worker_process.h"
#include "master/sql/worker_messages.h"

namespace dl::master {

class DaemonCalls {
  public:
    explicit DaemonCalls(WorkerLink& link) : link_(link) {}

    struct Answer {
        SharedBytes bytes;  // what `json` lies in
        std::string_view json;
        SharedBytes attached;
    };
    // One call under way. Dropping it forgets the answer.
    class Waiting {
      public:
        ~Waiting();
        // Once. The error the master answers with, or the reason of the cancel.
        Result<Answer> wait(QueryCancel& cancel);

      private:
        friend class DaemonCalls;
        Waiting(DaemonCalls& owner, std::uint32_t id) : owner_(owner), id_(id) {}
        DaemonCalls& owner_;
        const std::uint32_t id_;
        std::mutex mutex_;
        std::condition_variable changed_;
        std::optional<SharedBytes> answer_;
        std::optional<ErrorCode> stopped_;
    };

    std::shared_ptr<Waiting> begin(WorkerCall method, const std::string& json,
                                   std::initializer_list<std::string_view> attached = {});
    // For what has no answer.
    void tell(WorkerCall method, const std::string& json);
    Result<Answer> call(QueryCancel& cancel, WorkerCall method, const std::string& json,
                        std::initializer_list<std::string_view> attached = {}) {
        return begin(method, json, attached)->wait(cancel);
    }
    void answered(Frame frame);

  private:
    void send(std::uint32_t id, WorkerCall method, const std::string& json,
              std::initializer_list<std::string_view> attached);

    WorkerLink& link_;
    std::mutex mutex_;
    std::uint32_t last_ = 0;
    std::map<std::uint32_t, std::weak_ptr<Waiting>> waiting_;
};

}  // namespace dl::master
