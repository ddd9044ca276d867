#include "slave/snapshot/snapshot_file.h"

#include <spdlog/spdlog.h>

#include "common/base/crc32c.h"

namespace dl::slave {

SnapshotFile::~SnapshotFile() {
    if (!obsolete_.load()) return;
    for (const auto& name :
         {info_.parquet_name(), info_.index_name(), info_.vector_name(last_vector_version_.load())}) {
        // What cannot be removed now is garbage that the next start removes.
        if (const auto removed = files_.remove(directory_ + "/" + name); removed.has_error())
            spdlog::warn("snapshot: a replaced file stays until the next start: {}",
                         removed.error().to_text());
    }
}

Result<std::shared_ptr<const ParquetRowReader>> SnapshotFile::row_reader() const {
    const std::lock_guard lock(row_reader_mutex_);
    if (row_reader_ == nullptr) {
        DL_TRY_ASSIGN(row_reader_, ParquetRowReader::open(files_, parquet_path()));
    }
    return row_reader_;
}

Result<void> measure_parquet(FileSystem& files, const std::string& path, ManifestFile* info) {
    DL_TRY_ASSIGN(const auto file, files.open_read(path));
    DL_TRY_ASSIGN(const auto bytes, file->map());
    info->parquet_bytes = bytes.size();
    info->parquet_crc = crc32c(0, bytes.data(), bytes.size());
    return {};
}

}  // namespace dl::slave
