#include <optional>
#include <string>

#include "master/routing/append_router.h"

namespace dl::master {
namespace {

void add_to_list(std::string& list, PartitionId partition) {
    list += (list.empty() ? "" : ",") + std::to_string(partition.value);
}

// Partitions that came to the same end.
struct Group {
    std::string partitions;
    std::optional<Error> cause;  // of the first
    bool one_cause = true;

    void add(PartitionId partition, const Error& error) {
        add_to_list(partitions, partition);
        if (!cause) cause = error;
        one_cause = one_cause && cause->code == error.code && cause->message == error.message;
    }
    bool empty() const { return partitions.empty(); }
};

}  // namespace

Result<AppendOutcome> append_outcome(const std::vector<rpc::AppendResult>& results, bool has_batch_id) {
    AppendOutcome outcome;
    outcome.duplicate = !results.empty();
    std::string written;
    Group unknown, not_written;
    for (const auto& result : results) {
        if (result.appended) {
            outcome.duplicate = outcome.duplicate && result.appended->duplicate;
            outcome.offsets[result.partition.value] = {result.appended->first, result.appended->last};
            add_to_list(written, result.partition);
            continue;
        }
        const bool nothing_done = error_outcome(result.error->code) == Outcome::nothing_done;
        (nothing_done ? not_written : unknown).add(result.partition, *result.error);
    }
    if (unknown.empty() && not_written.empty()) return outcome;
    // Nothing to tell apart: nothing was done at all, or one thing holds for all.
    if (written.empty() && unknown.empty()) return *not_written.cause;
    if (written.empty() && not_written.empty() && unknown.one_cause) return *unknown.cause;

    const std::string advice =
        has_batch_id ? "; repeat the batch with the same batch_id"
                     : "; read the rows back, or repeat the batch: the same rows again do no harm";
    std::string text = "partitions written: " + (written.empty() ? "none" : written);
    if (!unknown.empty()) text += "; not known of: " + unknown.partitions;
    if (!not_written.empty()) text += "; not written: " + not_written.partitions;
    const auto& cause = unknown.empty() ? *not_written.cause : *unknown.cause;
    text += " (" + cause.to_text() + ")" + advice;
    return make_error(unknown.empty() ? ErrorCode::partial : ErrorCode::unknown_outcome, std::move(text));
}

}  // namespace dl::master
