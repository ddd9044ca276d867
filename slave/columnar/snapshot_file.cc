#include "slave/columnar/snapshot_file.h"

#include <spdlog/spdlog.h>

namespace dl::slave {

SnapshotFile::~SnapshotFile() {
    if (!obsolete_.load()) return;
    for (const auto& name :
         {info_.parquet_name(), info_.index_name(), info_.vector_name(last_vector_version_.load())}) {
        // What cannot be removed now is garbage that the next start removes.
        if (const auto removed = files_.remove(directory_ + "/" + name); removed.has_error())
            spdlog::warn("snapshot: a replaced file stays until the next start: {}", removed.error().to_text());
    }
}

}  // namespace dl::slave
