#include "common/worker/worker_process.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/failpoint.h"
#include "common/duck/adjustable_database.h"
#include "common/process/sandbox.h"

// jemalloc's, where the program is linked with it.
extern "C" int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh,
                       std::size_t fresh_size) __attribute__((weak));

namespace dl {
namespace {

constexpr int kDataFd = 3, kControlFd = 4;
constexpr std::chrono::milliseconds kLong{50};  // from here on a statement may have left much memory behind
constexpr std::uint32_t kBatchRows = 8192;      // as DuckResult::next() fills them
constexpr std::size_t kSmallBytes = 64u << 10;
constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();  // the daemon is trusted

// No thread of the allocator does it here (child_process.cc).
void give_memory_back() {
    if (mallctl != nullptr) (void)mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // of all arenas
}

// What nobody caught because there was no memory is told from a defect.
[[noreturn]] void end_uncaught() {
    try {
        if (const auto uncaught = std::current_exception()) std::rethrow_exception(uncaught);
    } catch (const std::bad_alloc&) {
        ::_exit(kOutOfMemoryStatus);
    } catch (...) {
    }
    std::abort();
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

// Which statement runs; stops come for it by number, from the control thread.
class Current {
  public:
    void begin(std::uint64_t number, std::shared_ptr<QueryCancel> cancel) {
        const std::lock_guard lock(mutex_);
        number_ = number;
        cancel_ = std::move(cancel);
        if (stopped_ == number) cancel_->cancel(why_);
    }
    void end() {
        const std::lock_guard lock(mutex_);
        cancel_.reset();
    }
    void stop(std::uint64_t number, ErrorCode why) {
        std::shared_ptr<QueryCancel> cancel;
        {
            const std::lock_guard lock(mutex_);
            stopped_ = number;
            why_ = why;
            if (number == number_) cancel = cancel_;
        }
        if (cancel) cancel->cancel(why);
    }

  private:
    std::mutex mutex_;
    std::uint64_t number_ = 0;
    std::uint64_t stopped_ = 0;
    ErrorCode why_ = ErrorCode::cancelled;
    std::shared_ptr<QueryCancel> cancel_;
};

class Worker {
  public:
    explicit Worker(WorkerRole& role)
        : role_(role), data_(UniqueFd(kDataFd)), control_(UniqueFd(kControlFd)), link_(data_) {}

    [[noreturn]] void run() {
        if (auto begun = begin(); !begun) {
            std::fprintf(stderr, "query worker: %s\n", begun.error().to_text().c_str());
            ::_exit(1);
        }
        for (;;) {
            auto frame = data_.receive(kAnyBytes, FrameChannel::kFdsMax, FrameChannel::wait_for_ever);
            if (!frame) ::_exit(0);
            const auto began = std::chrono::steady_clock::now();
            const auto failure = answer(std::move(*frame));
            current_.end();
            if (failure) {
                link_.send(WorkerFrame::failed, {failure->encode()});
                if (failure->ends) ::_exit(0);
            }
            if (std::chrono::steady_clock::now() - began > kLong) give_memory_back();
        }
    }

  private:
    Result<void> begin() {
        DL_TRY_ASSIGN(auto frame, data_.receive(kAnyBytes, 0, FrameChannel::wait_for_ever));
        DL_TRY_ASSIGN(setup_, WorkerSetup::decode(frame.bytes.view()));
        std::set_terminate(end_uncaught);
        live_with_parent(setup_.parent);
        DuckOptions options;
        options.memory_bytes_max = setup_.memory_bytes;
        options.threads = setup_.threads;
        options.readable_directories = setup_.readable_folders;
        options.spill_directory = setup_.spill_folder;
        DL_TRY_ASSIGN(database_, adjustable_duck_database(options));
        // Everything from here on, the engine's threads too.
        WorkerReady ready;
        DL_TRY_ASSIGN(ready.missing,
                      enter_sandbox({setup_.readable_folders, setup_.spill_folder, setup_.niceness}));
        DL_TRY(set_duck_threads(*database_, setup_.threads));
        std::thread([this] { follow_control(); }).detach();
        DL_TRY(role_.open(database_, link_));
        link_.send(WorkerFrame::ready, {ready.encode()});
        return {};
    }

    // Ends the process with its daemon.
    void follow_control() {
        for (;;) {
            auto frame = control_.receive(kAnyBytes, 0, FrameChannel::wait_for_ever);
            if (!frame) ::_exit(0);
            if (frame->kind == static_cast<std::uint32_t>(WorkerFrame::answer)) {
                role_.answered(std::move(*frame));
                continue;
            }
            ByteReader in(frame->bytes.view());
            const auto number = in.read<std::uint64_t>();
            const auto why = static_cast<ErrorCode>(in.read<std::uint8_t>());
            if (in.at_end()) current_.stop(number, why);
        }
    }

    std::optional<WorkerFailure> answer(Frame frame) {
        try {
            auto answered = run_statement(std::move(frame));
            if (answered) return std::nullopt;
            return failure_of(answered.error());
        } catch (const std::bad_alloc&) {
            return WorkerFailure{true, too_little_memory(setup_.memory_key)};
        } catch (const std::exception& error) {
            return WorkerFailure{true, make_error(ErrorCode::internal, error.what())};
        }
    }

    Result<void> run_statement(Frame frame) {
        ByteReader in(frame.bytes.view());
        const auto number = in.read<std::uint64_t>();
        const auto memory = in.read<std::uint64_t>();
        const auto spill = in.read<std::uint64_t>();
        WorkerTask task;
        task.statement = in.read_bytes(in.remaining());
        if (!in.ok()) return make_error(ErrorCode::internal, "a statement came cut short");
        task.fds = std::move(frame.fds);
        task.cancel = std::make_shared<QueryCancel>();
        current_.begin(number, task.cancel);
        if (memory != memory_ || spill != spill_) {
            DL_TRY(set_duck_limits(*database_, memory, spill));
            memory_ = memory;
            spill_ = spill;
        }
#ifdef DL_FAILPOINTS
        if (contains(std::string(task.statement), "worker.marked")) DL_FAILPOINT("worker.marked");
#endif
        DL_TRY(role_.run(std::move(task), link_));
        link_.send(WorkerFrame::end, {});
        return {};
    }

    // What a client may read, and whether the engine is fit for another statement.
    WorkerFailure failure_of(Error error) const {
        auto& text = error.message;
        if (contains(text, "bad_alloc") || contains(text, "bad allocation") ||
            contains(text, "Memory allocation failure"))
            return {true, too_little_memory(setup_.memory_key)};
        if (error.code == ErrorCode::limit_exceeded && text.starts_with("Out of Memory")) {
            // What follows tells of settings that a client cannot reach.
            text.resize(std::min(text.size(), text.find('\n')));
            text += "; raise " + setup_.memory_key + " or ask for less";
            return {true, std::move(error)};
        }
        if (const auto trace = text.find("Stack Trace"); trace != std::string::npos) text.resize(trace);
        while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
            text.pop_back();
        hide_folders(text);
        const bool broken = contains(text, "INTERNAL Error") || contains(text, "FATAL Error") ||
                            contains(text, "database has been invalidated");
        return {broken, std::move(error)};
    }

    // Paths of the machine are of no use to a client.
    void hide_folders(std::string& text) const {
        auto folders = setup_.readable_folders;
        if (!setup_.spill_folder.empty()) folders.push_back(setup_.spill_folder);
        for (const auto& folder : folders)
            for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder, at))
                text.replace(at, folder.size(), "...");
    }

    WorkerRole& role_;
    FrameChannel data_, control_;
    WorkerLink link_;
    WorkerSetup setup_;
    std::shared_ptr<DuckDatabase> database_;
    Current current_;
    std::uint64_t memory_ = 0, spill_ = 0;
};

}  // namespace

void WorkerLink::send_later(WorkerFrame kind, std::string_view part) {
    const std::lock_guard lock(mutex_);
    held_ += FrameChannel::framed(static_cast<std::uint32_t>(kind), {&part, 1});
}

void WorkerLink::send(WorkerFrame kind, std::span<const std::string_view> parts) {
    const std::lock_guard lock(mutex_);
    const auto held = std::exchange(held_, {});
    const auto sent =
        data_.send(static_cast<std::uint32_t>(kind), parts, {}, FrameChannel::wait_for_ever, held);
    if (!sent) ::_exit(0);  // the daemon is gone
}

void WorkerLink::send_rows(const ColumnBatch& batch) {
    DL_FAILPOINT("worker.sending");
    char count[4];
    store_le(count, batch.rows());
    // Batches are filled up: a small one is the last.
    if (batch.rows() < kBatchRows && batch.body().size() < kSmallBytes) {
        std::string bytes(count, sizeof count);
        bytes += batch.body().view();
        return send_later(WorkerFrame::rows, bytes);
    }
    send(WorkerFrame::rows, {std::string_view(count, sizeof count), batch.body().view()});
}

bool is_worker_process(int argc, char** argv) {
    return argc == 2 && std::strcmp(argv[1], kWorkerArgument) == 0;
}

void serve_as_worker(WorkerRole& role) {
    Worker(role).run();
}

}  // namespace dl
