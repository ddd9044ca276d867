#include "common/io/open_file_pool.h"

namespace dl {

OpenFilePool& OpenFilePool::instance() {
    static OpenFilePool pool;
    return pool;
}

void OpenFilePool::add(PooledFile& file) {
    std::vector<PooledFile*> chosen;
    {
        const std::lock_guard lock(mutex_);
        if (!places_.contains(&file)) places_[&file] = ring_.insert(ring_.end(), &file);
        // Everybody may be in use: then there are more for a while.
        for (auto looks = 2 * ring_.size(); ring_.size() > open_max_ && looks > 0; --looks) {
            auto* const candidate = ring_.front();
            if (candidate != &file && !candidate->used_.exchange(false) && candidate->lock_to_close()) {
                chosen.push_back(candidate);
                places_.erase(candidate);
                ring_.pop_front();
            } else {
                ring_.splice(ring_.end(), ring_, ring_.begin());
            }
        }
    }
    // A disk may take its time for that; others need not wait for it.
    for (auto* const file_to_close : chosen)
        file_to_close->close_locked();
}

void OpenFilePool::remove(PooledFile& file) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(&file);
    if (place == places_.end()) return;
    ring_.erase(place->second);
    places_.erase(place);
}

std::size_t OpenFilePool::open() {
    const std::lock_guard lock(mutex_);
    return ring_.size();
}

void OpenFilePool::set_open_max(std::size_t count) {
    const std::lock_guard lock(mutex_);
    open_max_ = count;
}

std::shared_ptr<ReadableFile> PooledReader::get() {
    note_use();
    const std::lock_guard lock(mutex_);
    return file_;
}

void PooledReader::put(std::shared_ptr<ReadableFile> file) {
    {
        const std::lock_guard lock(mutex_);
        file_ = std::move(file);
    }
    OpenFilePool::instance().add(*this);
}

void PooledReader::reset() {
    OpenFilePool::instance().remove(*this);
    const std::lock_guard lock(mutex_);
    file_.reset();
}

bool PooledReader::lock_to_close() {
    return mutex_.try_lock();
}

void PooledReader::close_locked() {
    file_.reset();
    mutex_.unlock();
}

PooledReader::~PooledReader() {
    OpenFilePool::instance().remove(*this);
    const std::lock_guard until_it_is_closed(mutex_);
}

PooledWriter::PooledWriter(FileSystem& files, std::string path, std::unique_ptr<WritableFile> open)
    : files_(files), path_(std::move(path)), file_(std::move(open)), size_(file_->size()) {
    OpenFilePool::instance().add(*this);
}

Result<void> PooledWriter::make_ready() {
    {
        note_use();
        const std::lock_guard lock(mutex_);
        busy_ = true;
        if (file_ != nullptr) return {};
        auto opened = files_.open_append(path_, false);
        if (opened.has_error()) {
            busy_ = false;
            auto error = std::move(opened).error();
            error.code = ErrorCode::overloaded;
            return error.in("nothing was written");
        }
        if ((*opened)->size() != size_) {
            busy_ = false;
            return make_error(ErrorCode::io_error, "\"" + path_ + "\" has " +
                                                       std::to_string((*opened)->size()) + " bytes, it had " +
                                                       std::to_string(size_) +
                                                       ": somebody else has changed it; nothing was written");
        }
        file_ = std::move(*opened);
    }
    OpenFilePool::instance().add(*this);
    return {};
}

Result<void> PooledWriter::noted(Result<void> done) {
    failed_ = failed_ || done.has_error();
    size_ = file_->size();
    return done;
}

Result<void> PooledWriter::append(std::span<const std::string_view> parts) {
    DL_TRY(make_ready());
    const std::lock_guard lock(mutex_);
    return noted(file_->append(parts));
}

Result<void> PooledWriter::sync() {
    DL_TRY(make_ready());
    const std::lock_guard lock(mutex_);
    auto synced = noted(file_->sync());
    busy_ = failed_;
    return synced;
}

std::uint64_t PooledWriter::size() const {
    const std::lock_guard lock(mutex_);
    return size_;
}

Result<void> PooledWriter::truncate(std::uint64_t size) {
    DL_TRY(make_ready());
    const std::lock_guard lock(mutex_);
    return noted(file_->truncate(size));
}

bool PooledWriter::lock_to_close() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || busy_ || failed_) return false;
    lock.release();
    return true;
}

// Under the lock: it may give back what was allocated behind its end, which must not meet an append.
void PooledWriter::close_locked() {
    file_.reset();
    mutex_.unlock();
}

PooledWriter::~PooledWriter() {
    OpenFilePool::instance().remove(*this);
    const std::lock_guard until_it_is_closed(mutex_);
}

}  // namespace dl
