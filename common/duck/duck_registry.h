// Which scan sources and row filters the sessions of one database may use. A handle is a random number and is
// valid for the connection it was made for only, so that no statement can reach another one's rows.
// Thread-safe. Internal to common/duck.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <unordered_map>

#include "common/duck/duck_handle.h"
#include "common/duck/scan_source.h"

namespace dl::duck {

// What the callbacks of a running statement and its session share.
struct SessionState {
    idx_t connection_id = 0;
    std::atomic<int> interrupted{-1};  // an ErrorCode once set

    std::optional<ErrorCode> interrupt_reason() const {
        const int code = interrupted.load(std::memory_order_acquire);
        if (code < 0) return std::nullopt;
        return static_cast<ErrorCode>(code);
    }
    // The first error a scan source gave: DuckDB would only keep its text.
    void set_scan_error(Error error) {
        const std::lock_guard lock(mutex);
        if (!scan_error) scan_error = std::move(error);
    }
    std::optional<Error> take_scan_error() {
        const std::lock_guard lock(mutex);
        return std::exchange(scan_error, std::nullopt);
    }
    std::mutex mutex;
    std::optional<Error> scan_error;
};

struct RegisteredHandle {
    std::shared_ptr<SessionState> session;
    std::shared_ptr<ScanSource> source;
    std::shared_ptr<const RowFilter> filter;
};

class HandleRegistry {
  public:
    std::uint64_t add(RegisteredHandle entry);
    // nullopt for a handle that is not known to that connection.
    std::optional<RegisteredHandle> find(std::uint64_t handle, idx_t connection_id) const;
    void remove(std::uint64_t handle);

  private:
    mutable std::mutex mutex_;
    std::random_device random_;
    std::unordered_map<std::uint64_t, RegisteredHandle> entries_;
};

// Registers dl_scan and dl_alive; `registry` outlives the database. `threads` bounds the threads of one scan.
Result<void> register_functions(duckdb_connection connection, HandleRegistry* registry, unsigned threads);

}  // namespace dl::duck
