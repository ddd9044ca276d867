#include "common/io/paced_write_back.h"

namespace dl {

void PacedWriteBack::wrote(std::uint64_t bytes) {
    if (pending_.fetch_add(bytes) + bytes < kStepBytes) return;
    pending_ = 0;
    // What fails here fails in the sync too; the file may not even exist yet.
    (void)files_.start_write_back(path_);
}

}  // namespace dl
