// The real file system, whose writes, syncs and renames can be made to fail, of paths that contain a text.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "common/io/file_system.h"

namespace dl::slave::test {

class FaultyFileSystem final : public FileSystem {
  public:
    enum class Call : std::uint8_t { create, append, sync, rename, sync_directory, open_read };
    // What the call fails with; nullopt: it is made. Any thread.
    void set_fault(std::function<std::optional<ErrorCode>(Call, const std::string& path)> fault) {
        const std::lock_guard lock(mutex_);
        fault_ = std::move(fault);
    }

    // Calls for paths that begin with `prefix` wait until let_go(), as on a disk that hangs.
    void hang(const std::string& prefix) {
        const std::lock_guard lock(hanging_mutex_);
        hanging_ = prefix;
    }
    void let_go() {
        const std::lock_guard lock(hanging_mutex_);
        hanging_.reset();
        answered_.notify_all();
    }
    std::size_t waiting_calls() {
        const std::lock_guard lock(hanging_mutex_);
        return waiting_calls_;
    }

    Result<std::unique_ptr<WritableFile>> open_append(const std::string& path, bool create_new) override {
        if (create_new) DL_TRY(enter(Call::create, path));
        DL_TRY_ASSIGN(auto file, real_.open_append(path, create_new));
        return std::unique_ptr<WritableFile>(std::make_unique<Writable>(*this, std::move(file), path));
    }
    Result<std::shared_ptr<ReadableFile>> open_read(const std::string& path) override {
        DL_TRY(enter(Call::open_read, path));
        return real_.open_read(path);
    }
    Result<std::string> read_all(const std::string& path) override { return real_.read_all(path); }
    Result<void> replace_atomically(const std::string& path, std::string_view content) override {
        DL_TRY(enter(Call::rename, path));
        return real_.replace_atomically(path, content);
    }
    Result<void> sync_file(const std::string& path) override {
        DL_TRY(enter(Call::sync, path));
        return real_.sync_file(path);
    }
    Result<void> sync_directory(const std::string& path) override {
        DL_TRY(enter(Call::sync_directory, path));
        return real_.sync_directory(path);
    }
    Result<void> create_directories(const std::string& path) override {
        return real_.create_directories(path);
    }
    Result<std::vector<std::string>> list(const std::string& directory) override {
        return real_.list(directory);
    }
    Result<bool> exists(const std::string& path) override { return real_.exists(path); }
    Result<std::uint64_t> file_size(const std::string& path) override { return real_.file_size(path); }
    Result<void> rename(const std::string& from, const std::string& to) override {
        DL_TRY(enter(Call::rename, to));
        return real_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return real_.remove(path); }
    Result<void> remove_tree(const std::string& path) override { return real_.remove_tree(path); }
    Result<std::uint64_t> free_bytes(const std::string& path) override {
        if (free_bytes_left) return *free_bytes_left;
        return real_.free_bytes(path);
    }
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return real_.lock(path); }

    std::optional<std::uint64_t> free_bytes_left;  // before anything is shared

  private:
    class Writable final : public WritableFile {
      public:
        Writable(FaultyFileSystem& owner, std::unique_ptr<WritableFile> real, std::string path)
            : owner_(owner), real_(std::move(real)), path_(std::move(path)) {}
        Result<void> append(std::span<const std::string_view> parts) override {
            DL_TRY(owner_.enter(Call::append, path_));
            return real_->append(parts);
        }
        Result<void> sync() override {
            DL_TRY(owner_.enter(Call::sync, path_));
            return real_->sync();
        }
        std::uint64_t size() const override { return real_->size(); }
        Result<void> truncate(std::uint64_t size) override { return real_->truncate(size); }

      private:
        FaultyFileSystem& owner_;
        std::unique_ptr<WritableFile> real_;
        std::string path_;
    };
    Result<void> enter(Call call, const std::string& path) {
        {
            std::unique_lock lock(hanging_mutex_);
            ++waiting_calls_;
            answered_.wait(lock, [&] { return !hanging_ || !path.starts_with(*hanging_); });
            --waiting_calls_;
        }
        const std::lock_guard lock(mutex_);
        if (!fault_) return {};
        if (const auto code = fault_(call, path)) return make_error(*code, "injected at " + path);
        return {};
    }

    FileSystem& real_ = posix_file_system();
    std::mutex hanging_mutex_;
    std::condition_variable answered_;
    std::optional<std::string> hanging_;
    std::size_t waiting_calls_ = 0;
    std::mutex mutex_;
    std::function<std::optional<ErrorCode>(Call, const std::string&)> fault_;
};

}  // namespace dl::slave::test
