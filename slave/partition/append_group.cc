#include "slave/partition/append_group.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/record/batch_concat.h"
#include "slave/index/tail.h"
#include "slave/partition/batch_digest.h"

namespace dl::slave {
namespace {

bool joins(const AppendRequest& request) {
    return request.name == BatchName{} && request.batch.rows() <= kJoinRowsMax &&
           request.body.size() <= kJoinBytesMax;
}

class Planner {
  public:
    Planner(const std::vector<PendingAppend>& requests, const AppendPlanInput& input)
        : requests_(requests), input_(input) {
        group_.places.resize(requests.size());
    }

    AppendGroup run() {
        for (std::size_t i = 0; i < requests_.size();)
            i = place(i);
        return std::move(group_);
    }

  private:
    Result<void> check_epoch(const AppendRequest& request) const {
        if (!request.epoch) return {};
        return input_.check_epoch(*request.epoch);
    }

    // Places request `i`, and those after it that join it; returns the next one.
    std::size_t place(std::size_t i) {
        const auto& request = requests_[i].request;
        if (auto checked = check_epoch(request); checked.has_error()) {
            group_.places[i].error = std::move(checked).error();
            return i + 1;
        }
        if (request.name != BatchName{} && !is_new(i)) return i + 1;
        std::size_t end = i + 1;
        if (joins(request)) {
            std::uint32_t rows = request.batch.rows();
            std::size_t bytes = request.body.size();
            while (end < requests_.size() && joins(requests_[end].request) &&
                   check_epoch(requests_[end].request).has_value() &&
                   requests_[end].request.schema == request.schema &&
                   rows + requests_[end].request.batch.rows() <= kJoinedRowsMax &&
                   bytes + requests_[end].request.body.size() <= kJoinedBytesMax &&
                   same_columns(request.batch, requests_[end].request.batch)) {
                rows += requests_[end].request.batch.rows();
                bytes += requests_[end].request.body.size();
                ++end;
            }
        }
        add_batch(i, end);
        return end;
    }

    // False: its place says what it is instead.
    bool is_new(std::size_t i) {
        const auto& name = requests_[i].request.name;
        auto& place = group_.places[i];
        auto entry = input_.applied->find(name);
        if (entry.has_error()) {
            place.error = std::move(entry).error();
            return false;
        }
        if (!*entry) *entry = input_.unapplied->find(name);
        if (*entry) {
            if (auto same = check_same_rows(**entry, requests_[i].request); same.has_error())
                place.error = std::move(same).error();
            else
                place.known = *entry;
            return false;
        }
        if (const auto found = own_ids_.find(name); found != own_ids_.end()) {
            // Its place is not known yet: the rows themselves are.
            const auto& first = requests_[found->second].request;
            const BatchIdEntry known{name.id,
                                     0,
                                     Offset{first.batch.rows()} - 1,
                                     name.sequence,
                                     first.schema,
                                     batch_digest(first.body.view())};
            if (auto same = check_same_rows(known, requests_[i].request); same.has_error()) {
                place.error = std::move(same).error();
                return false;
            }
            place = group_.places[found->second];
            place.duplicate = true;
            return false;
        }
        if (auto room = input_.applied->check_room(); room.has_error()) {
            place.error = std::move(room).error();
            return false;
        }
        own_ids_.emplace(name, i);
        return true;
    }

    void add_batch(std::size_t begin, std::size_t end) {
        const auto& first = requests_[begin].request;
        AppendGroup::Batch batch{.batch = first.batch,
                                 .body_crc = first.body_crc,
                                 .schema = first.schema,
                                 .name = first.name,
                                 .hashes = {}};
        std::optional<Error> error;
        if (end - begin > 1) {
            std::vector<ColumnBatch> parts;
            for (std::size_t i = begin; i < end; ++i)
                parts.push_back(requests_[i].request.batch);
            if (auto joined = concat_batches(parts); joined.has_error()) {
                error = joined.error();
            } else {
                batch.batch = std::move(*joined);
                batch.body_crc = crc32c(0, batch.batch.body().data(), batch.batch.body().size());
            }
        }
        if (!error) {
            if (auto hashes = hash_keys(batch.batch, input_.key, input_.hash_seed); hashes.has_error())
                error = hashes.error();
            else
                batch.hashes = std::move(*hashes);
        }
        std::uint32_t row = 0;
        for (std::size_t i = begin; i < end; ++i) {
            auto& place = group_.places[i];
            place.error = error;
            place.batch = group_.batches.size();
            place.first_row = row;
            place.rows = requests_[i].request.batch.rows();
            row += place.rows;
        }
        if (!error) group_.batches.push_back(std::move(batch));
    }

    const std::vector<PendingAppend>& requests_;
    const AppendPlanInput& input_;
    AppendGroup group_;
    boost::unordered_flat_map<BatchName, std::size_t, BatchNameHasher> own_ids_;
};

}  // namespace

AppendGroup plan_append_group(const std::vector<PendingAppend>& requests, const AppendPlanInput& input) {
    return Planner(requests, input).run();
}

void answer(UnansweredGroup& group) {
    DL_CHECK(group.requests.size() == group.places.size(), "every request of a group has its place");
    for (std::size_t i = 0; i < group.requests.size(); ++i) {
        const auto& place = group.places[i];
        auto& done = group.requests[i].done;
        if (place.error) {
            done(*place.error);
        } else if (place.known) {
            done(AppendAck{place.known->first, place.known->last, true});
        } else {
            const Offset first = group.base_offsets[place.batch] + place.first_row;
            DL_CHECK(first + place.rows <= group.end, "INV-1 only what is applied is acknowledged");
            done(AppendAck{first, first + place.rows - 1, place.duplicate});
        }
    }
}

Result<StoredBatch> encode_stored_batch(const AppendGroup::Batch& batch, BodyCodec codec, TableId table,
                                        PartitionId partition, LeaderEpoch epoch,
                                        std::int64_t append_time_us) {
    StoredBatch stored;
    auto& header = stored.header;
    header.table = table;
    header.partition = partition;
    header.epoch = epoch;
    header.count = batch.batch.rows();
    header.schema = batch.schema;
    header.append_time_us = append_time_us;
    header.batch_id = batch.name.id;
    header.producer_sequence = batch.name.sequence;
    header.body_plain_bytes = static_cast<std::uint32_t>(batch.batch.body().size());
    header.body_crc = batch.body_crc;
    stored.body = batch.batch.body();
    if (codec == BodyCodec::lz4) {
        DL_TRY_ASSIGN(auto packed, compress_record_batch_body(batch.batch.body().view()));
        if (packed) {
            header.codec = BodyCodec::lz4;
            header.body_crc = crc32c(0, packed->data(), packed->size());
            stored.body = SharedBytes::from_string(std::move(*packed));
        }
    }
    header.body_bytes = static_cast<std::uint32_t>(stored.body.size());
    return stored;
}

}  // namespace dl::slave
