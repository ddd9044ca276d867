#include "tests/sim/disk.h"

#include "tests/sim/fiber.h"
#include "tests/sim/world.h"

namespace dl::sim {
namespace {

Error no_space(const std::string& path) {
    return make_error(ErrorCode::disk_full, "cannot write \"" + path + "\": no space left (simulated)");
}

class SlowFile final : public WritableFile {
  public:
    SlowFile(Disk& disk, std::string path, std::unique_ptr<WritableFile> inner)
        : disk_(disk), path_(std::move(path)), inner_(std::move(inner)) {}
    Result<void> append(std::span<const std::string_view> parts) override {
        if (disk_.full) return no_space(path_);
        return inner_->append(parts);
    }
    Result<void> sync() override {
        disk_.take_time();
        auto synced = inner_->sync();
        disk_.take_time();
        return synced;
    }
    std::uint64_t size() const override { return inner_->size(); }
    Result<void> truncate(std::uint64_t size) override { return inner_->truncate(size); }

  private:
    Disk& disk_;
    const std::string path_;
    std::unique_ptr<WritableFile> inner_;
};

class NoLock final : public FileLock {};

}  // namespace

void Disk::replace() {
    files_ = std::make_unique<SimFileSystem>();
}

void Disk::take_time() const {
    auto* fiber = Fiber::current();
    if (fiber == nullptr || sync_us_max <= 0) return;
    fiber->wake_at_us = world_.now + world_.below(sync_us_max);
    fiber->awaited = this;
    fiber->state = Fiber::State::waiting;
    fiber->pause();
    fiber->wake_at_us = -1;
}

Result<std::unique_ptr<WritableFile>> Disk::open_append(const std::string& path, bool create_new) {
    DL_TRY_ASSIGN(auto file, files_->open_append(path, create_new));
    return std::unique_ptr<WritableFile>(new SlowFile(*this, path, std::move(file)));
}
Result<std::shared_ptr<ReadableFile>> Disk::open_read(const std::string& path) {
    return files_->open_read(path);
}
Result<std::string> Disk::read_all(const std::string& path) {
    return files_->read_all(path);
}
Result<void> Disk::replace_atomically(const std::string& path, std::string_view content) {
    if (full) return no_space(path);
    take_time();
    return files_->replace_atomically(path, content);
}
Result<void> Disk::sync_file(const std::string& path) {
    take_time();
    return files_->sync_file(path);
}
Result<void> Disk::sync_directory(const std::string& path) {
    take_time();
    return files_->sync_directory(path);
}
Result<void> Disk::create_directories(const std::string& path) {
    return files_->create_directories(path);
}
Result<std::vector<std::string>> Disk::list(const std::string& directory) {
    return files_->list(directory);
}
Result<bool> Disk::exists(const std::string& path) {
    return files_->exists(path);
}
Result<std::uint64_t> Disk::file_size(const std::string& path) {
    return files_->file_size(path);
}
Result<void> Disk::rename(const std::string& from, const std::string& to) {
    return files_->rename(from, to);
}
Result<void> Disk::remove(const std::string& path) {
    return files_->remove(path);
}
Result<void> Disk::remove_tree(const std::string& path) {
    return files_->remove_tree(path);
}
Result<std::uint64_t> Disk::free_bytes(const std::string&) {
    return full ? std::uint64_t{0} : std::uint64_t{1} << 40;
}
Result<std::unique_ptr<FileLock>> Disk::lock(const std::string&) {
    return std::unique_ptr<FileLock>(new NoLock());
}

}  // namespace dl::sim
