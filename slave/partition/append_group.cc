#include "slave/partition/append_group.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/base/crc32c.h"
#include "common/record/batch_concat.h"
#include "slave/index/tail.h"

namespace dl::slave {
namespace {

bool joins(const AppendRequest& request) {
    return request.batch_id == Hash128{} && request.batch.rows() <= kJoinRowsMax &&
           request.body.size() <= kJoinBytesMax;
}

class Planner {
  public:
    Planner(const std::vector<PendingAppend>& requests, const BatchIdWindow& known, FieldId key,
            std::uint64_t seed)
        : requests_(requests), known_(known), key_(key), seed_(seed) {
        group_.places.resize(requests.size());
    }

    AppendGroup run() {
        for (std::size_t i = 0; i < requests_.size();)
            i = place(i);
        return std::move(group_);
    }

  private:
    // Places request `i`, and those after it that join it; returns the next one.
    std::size_t place(std::size_t i) {
        const auto& request = requests_[i].request;
        if (request.batch_id != Hash128{}) {
            if (auto entry = known_.find(request.batch_id)) {
                group_.places[i].known = entry;
                return i + 1;
            }
            if (const auto found = own_ids_.find(request.batch_id); found != own_ids_.end()) {
                group_.places[i] = group_.places[found->second];
                group_.places[i].duplicate = true;
                return i + 1;
            }
            own_ids_.emplace(request.batch_id, i);
        }
        std::size_t end = i + 1;
        if (joins(request)) {
            std::uint32_t rows = request.batch.rows();
            std::size_t bytes = request.body.size();
            while (end < requests_.size() && joins(requests_[end].request) &&
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

    void add_batch(std::size_t begin, std::size_t end) {
        const auto& first = requests_[begin].request;
        AppendGroup::Batch batch{.batch = first.batch,
                                 .body_crc = first.body_crc,
                                 .schema = first.schema,
                                 .batch_id = first.batch_id,
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
            if (auto hashes = hash_keys(batch.batch, key_, seed_); hashes.has_error())
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
    const BatchIdWindow& known_;
    FieldId key_;
    std::uint64_t seed_;
    AppendGroup group_;
    boost::unordered_flat_map<Hash128, std::size_t, Hash128Hasher> own_ids_;
};

}  // namespace

AppendGroup plan_append_group(const std::vector<PendingAppend>& requests, const BatchIdWindow& known,
                              FieldId key, std::uint64_t hash_seed) {
    return Planner(requests, known, key, hash_seed).run();
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
    header.batch_id = batch.batch_id;
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
