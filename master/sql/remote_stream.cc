#include "master/sql/remote_stream.h"

#include "master/sql/error_translation.h"

namespace dl::master {

void ResultCut::note(const QueryTables& tables, const PinnedFragment& fragment) {
    for (const auto& [name, meta] : tables) {
        for (const auto& seen : fragment.cut) {
            if (seen.table != meta->id) continue;
            for (const auto& [partition, offset] : seen.partitions)
                offsets[name][partition.value] = offset;
            behind[name] += seen.behind;
        }
    }
}

Error told_error(const Error& error, const QueryCancel& cancel, const std::string& sent,
                 const std::vector<Fragment>& fragments) {
    const auto reason = cancel.reason();
    if (!reason) return translated_error(error, sent, fragments);
    if (error.code == *reason) return error;
    return make_error(*reason, *reason == ErrorCode::timeout
                                   ? "the query ran out of time; raise timeout_ms or ask for less"
                                   : "the query was cancelled");
}

Result<std::optional<ColumnBatch>> RemoteStream::next() {
    if (error_) return *error_;
    if (ended_) return std::optional<ColumnBatch>{};
    auto batch = rows_->next();
    if (!batch) error_ = told_error(batch.error(), *cancel_, sent_);
    if (error_) return *error_;
    ended_ = !*batch;
    return batch;
}

}  // namespace dl::master
