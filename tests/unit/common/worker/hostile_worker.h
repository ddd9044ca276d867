// A process for queries that was taken over: it greets as it should, and then sends what the text of each
// statement tells it to. A test names a script as the program (WorkerSettings::program) that starts the
// test's own program with kHostileArgument; main() asks is_hostile_worker().
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/byte_io.h"
#include "common/process/frame_channel.h"
#include "common/worker/worker_protocol.h"

namespace dl::test {

inline constexpr const char* kHostileArgument = "--hostile-worker";

inline bool is_hostile_worker(int argc, char** argv) {
    return argc > 1 && std::strcmp(argv[1], kHostileArgument) == 0;
}

// Makes the script.
inline std::string hostile_program(const std::string& path) {
    char self[PATH_MAX] = {};
    if (::readlink("/proc/self/exe", self, sizeof self - 1) < 0) std::abort();
    std::ofstream(path) << "#!" << self << " " << kHostileArgument << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
}

class HostileWorker {
  public:
    using Act = std::function<void(HostileWorker&, std::string_view what)>;

    // `act` gets what stands between `hostile:` and the next quote. It goes on with the next statement.
    [[noreturn]] void serve(const Act& act) {
        if (!receive(data_)) ::_exit(0);
        send(WorkerFrame::ready, WorkerReady{}.encode());
        for (;;) {
            const auto statement = receive(data_);
            if (!statement) ::_exit(0);
            constexpr std::string_view kMark = "hostile:";
            const auto text = statement->bytes.view();
            const auto at = text.find(kMark);
            if (at == std::string_view::npos) ::_exit(1);
            const auto what = text.substr(at + kMark.size());
            act(*this, what.substr(0, what.find('\'')));
        }
    }

    void send(WorkerFrame kind, std::string_view bytes) {
        send_kind(static_cast<std::uint32_t>(kind), bytes);
    }
    void send_kind(std::uint32_t kind, std::string_view bytes) {
        if (!data_.send(kind, {&bytes, 1}, {}, FrameChannel::wait_for_ever)) ::_exit(0);
    }
    // A header that says what it likes, and bytes behind it.
    void send_raw(std::uint32_t kind, std::uint32_t fds, std::uint64_t length, std::string_view bytes) {
        std::string out;
        append_le(out, kind);
        append_le(out, fds);
        append_le(out, length);
        out += bytes;
        while (!out.empty()) {
            const auto written = ::write(data_.fd(), out.data(), out.size());
            if (written <= 0) ::_exit(0);
            out.erase(0, static_cast<std::size_t>(written));
        }
    }
    // The next one of the daemon's answers to calls.
    void await_answer() {
        if (!receive(control_)) ::_exit(0);
    }
    [[noreturn]] static void sleep() {
        for (;;)
            ::pause();
    }

  private:
    static std::optional<Frame> receive(const FrameChannel& channel) {
        auto frame = channel.receive(1u << 30, FrameChannel::kFdsMax, FrameChannel::wait_for_ever);
        if (!frame) return std::nullopt;
        return std::move(*frame);
    }
    FrameChannel data_{UniqueFd(3)};
    FrameChannel control_{UniqueFd(4)};
};

}  // namespace dl::test
