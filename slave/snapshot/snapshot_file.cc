#include "slave/snapshot/snapshot_file.h"

#include <spdlog/spdlog.h>

#include <list>
#include <unordered_map>

#include "common/base/crc32c.h"

namespace dl::slave {

// Files with an open row reader, oldest first.
class OpenRowReaders {
  public:
    static OpenRowReaders& instance() {
        static OpenRowReaders readers;
        return readers;
    }
    void opened(const SnapshotFile& file) {
        const std::lock_guard lock(mutex_);
        if (places_.contains(&file)) return;
        places_[&file] = files_.insert(files_.end(), &file);
        if (files_.size() <= SnapshotFile::kRowReadersMax) return;
        const auto* const oldest = files_.front();
        {
            const std::lock_guard closing(oldest->row_reader_mutex_);
            oldest->row_reader_ = nullptr;
        }
        places_.erase(oldest);
        files_.pop_front();
    }
    void gone(const SnapshotFile& file) {
        const std::lock_guard lock(mutex_);
        const auto place = places_.find(&file);
        if (place == places_.end()) return;
        files_.erase(place->second);
        places_.erase(place);
    }

  private:
    std::mutex mutex_;
    std::list<const SnapshotFile*> files_;
    std::unordered_map<const SnapshotFile*, std::list<const SnapshotFile*>::iterator> places_;
};

SnapshotFile::~SnapshotFile() {
    OpenRowReaders::instance().gone(*this);
    if (!obsolete_.load()) return;
    for (const auto& name :
         {info_.parquet_name(), info_.index_name(), info_.vector_name(last_vector_version_.load())}) {
        // What cannot be removed now is garbage that the next start removes.
        const auto removed = files_.remove(directory_ + "/" + name);
        // Not there: its table was dropped, with all of its files.
        if (removed.has_error() && removed.error().code != ErrorCode::not_found)
            spdlog::warn("snapshot: a replaced file stays until the next start: {}",
                         removed.error().to_text());
    }
}

Result<void> SnapshotFile::prove() const {
    if (is_proven()) return {};
    const std::lock_guard lock(proof_mutex_);
    if (is_proven()) return {};
    if (const auto known = damage()) return *known;
    const auto found = check_parquet_file(files_, parquet_path(), info_);
    note_proof(found);
    return found;
}

void SnapshotFile::note_proof(const Result<void>& found) const {
    if (found.has_value()) return proven_.store(true, std::memory_order_release);
    if (found.error().code != ErrorCode::corrupt_data) return;
    const std::lock_guard lock(damage_mutex_);
    if (!damage_) damage_ = found.error();
}

std::optional<Error> SnapshotFile::damage() const {
    const std::lock_guard lock(damage_mutex_);
    return damage_;
}

Result<std::shared_ptr<const ParquetRowReader>> SnapshotFile::row_reader() const {
    DL_TRY(prove());
    std::shared_ptr<const ParquetRowReader> reader;
    {
        const std::lock_guard lock(row_reader_mutex_);
        if (row_reader_ != nullptr) return row_reader_;
        DL_TRY_ASSIGN(row_reader_, ParquetRowReader::open(files_, parquet_path()));
        reader = row_reader_;
    }
    OpenRowReaders::instance().opened(*this);
    return reader;
}

namespace {

struct Measured {
    std::uint64_t bytes = 0;
    std::uint32_t crc = 0;
};

// Read, not mapped: an error of the disk comes back as one.
// `spend`, if any, is called after every read with its bytes.
Result<Measured> measure(const ReadableFile& file,
                         const std::function<Result<void>(std::uint64_t bytes)>& spend) {
    Measured measured;
    for (;;) {
        DL_TRY_ASSIGN(const auto part, file.read(measured.bytes, kCheckReadBytes));
        if (part.empty()) return measured;
        measured.crc = crc32c(measured.crc, part.data(), part.size());
        measured.bytes += part.size();
        if (spend) DL_TRY(spend(part.size()));
    }
}

}  // namespace

Result<std::uint64_t> SnapshotFile::widest_group_bytes() const {
    if (const auto known = widest_group_bytes_.load(); known != 0) return known;
    DL_TRY_ASSIGN(const auto file, files_.open_read(parquet_path()));
    const auto footer = read_parquet_footer(*file);
    if (footer.has_error() && footer.error().code != ErrorCode::not_supported)
        return footer.error().in("snapshot file " + parquet_path());
    const auto bytes =
        footer.has_value() ? footer->widest_group_bytes() : info_.parquet_bytes + info_.plain_bytes;
    widest_group_bytes_ = bytes;
    return bytes;
}

Result<void> measure_parquet(FileSystem& files, const std::string& path, ManifestFile* info) {
    DL_TRY_ASSIGN(const auto file, files.open_read(path));
    if (const auto checked = check_parquet_pages(*file); checked.has_error())
        return checked.error().in("snapshot file " + path);
    DL_TRY_ASSIGN(const auto measured, measure(*file, {}));
    info->parquet_bytes = measured.bytes;
    info->parquet_crc = measured.crc;
    return {};
}

Result<void> check_parquet_file(FileSystem& files, const std::string& path, const ManifestFile& info,
                                const std::function<Result<void>(std::uint64_t bytes)>& spend) {
    const auto named = "snapshot file " + path;
    auto file = files.open_read(path);
    if (file.has_error()) return file.error().in(named);
    const auto found = measure(**file, spend);
    if (found.has_error()) return found.error().in(named);
    if (found->bytes == info.parquet_bytes && found->crc == info.parquet_crc) return {};
    if (found->bytes != info.parquet_bytes)
        return make_error(ErrorCode::corrupt_data, named + " has " + std::to_string(found->bytes) +
                                                       " bytes, the manifest says " +
                                                       std::to_string(info.parquet_bytes));
    const auto pages = check_parquet_pages(**file);
    return make_error(ErrorCode::corrupt_data,
                      named + " is damaged: " +
                          (pages.has_error() ? pages.error().message
                                             : std::string("its bytes do not match the checksum in the "
                                                           "manifest, outside its pages")));
}

}  // namespace dl::slave
