#include "slave/parquet/parquet_run_windows.h"

#include <algorithm>

namespace dl::slave {
namespace {

bool same_fields(std::span<const Field> one, std::span<const Field> other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](const Field& a, const Field& b) { return a.id == b.id && a.type == b.type; });
}

}  // namespace

ParquetRunWindows& ParquetRunWindows::instance() {
    static ParquetRunWindows windows;
    return windows;
}

ParquetRunWindows::Window ParquetRunWindows::find(std::uint64_t reader, std::uint64_t pages_lost, Offset from,
                                                  std::span<const Field> fields) {
    const std::lock_guard lock(mutex_);
    auto before = windows_.end();
    auto found = windows_.end();
    for (auto at = windows_.begin(); at != windows_.end() && found == windows_.end(); ++at) {
        const auto& window = **at;
        if (window.reader != reader || window.pages_lost != pages_lost || !same_fields(window.fields, fields))
            continue;
        // Below its first row there may be others, which it knows nothing of.
        if (window.offsets.front() <= from && from <= window.offsets.back()) found = at;
        if (window.offsets.back() + 1 == from) before = at;
    }
    if (found == windows_.end()) found = before;
    if (found == windows_.end()) return nullptr;
    windows_.splice(windows_.begin(), windows_, found);
    return windows_.front();
}

void ParquetRunWindows::keep(Window window, const Window& before) {
    if (window->bytes > kWindowBytesMax) return;
    std::vector<Window> dropped;  // freed behind the lock
    const std::lock_guard lock(mutex_);
    const auto drop = [&](std::list<Window>::iterator at) {
        bytes_ -= (*at)->bytes;
        dropped.push_back(std::move(*at));
        windows_.erase(at);
    };
    if (const auto at = std::find(windows_.begin(), windows_.end(), before);
        before != nullptr && at != windows_.end())
        drop(at);
    bytes_ += window->bytes;
    windows_.push_front(std::move(window));
    while (bytes_ > kBytesMax)
        drop(std::prev(windows_.end()));
}

std::uint64_t ParquetRunWindows::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

}  // namespace dl::slave
