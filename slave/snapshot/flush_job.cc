#include "slave/snapshot/flush_job.h"

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/snapshot/segment_file.h"

namespace dl::slave {
namespace {

// Is record `row` of the segment a delete? Rows are asked for in any order.
class DeleteLookup {
  public:
    explicit DeleteLookup(const TailSegment& segment) : deletes_(segment.rows()) {
        for (const auto& chunk : segment.chunks()) {
            if (!chunk->batch.has_deletes()) continue;
            const auto base = static_cast<std::uint64_t>(chunk->base_offset - segment.first_offset());
            for (std::uint32_t row = 0; row < chunk->batch.rows(); ++row)
                if (chunk->batch.is_delete(row)) deletes_.set(base + row);
        }
    }
    bool operator()(std::uint32_t row) const { return deletes_.test(row); }

  private:
    RowBits deletes_;
};

}  // namespace

Result<std::shared_ptr<SnapshotFile>> run_flush_job(const FlushInput& input) {
    const auto& segment = *input.segment;
    DL_CHECK(segment.closed() && segment.rows() > 0, "closed segments are flushed");
    ManifestFile info;
    info.first_offset = segment.first_offset();
    info.end_offset = segment.end_offset();
    info.edition = input.edition;
    info.rows = segment.rows();
    info.first_row_offset = info.first_offset;
    info.last_row_offset = info.end_offset - 1;
    info.plain_bytes = segment.body_bytes();
    info.epoch = input.epoch;
    info.fields = segment_fields(segment, input.table->schema, input.table->next_field_id);

    DL_FAILPOINT("flush.before-write");
    const std::string parquet = input.snapshots_directory + "/" + info.parquet_name();
    DL_TRY(write_segment_file(*input.files, parquet, segment, info.fields));
    DL_TRY(measure_parquet(*input.files, parquet, &info));

    const KeyIndexInfo index_info{info.first_offset, info.end_offset, info.rows,
                                  input.table->index_hash_seed};
    const std::string index_path = input.snapshots_directory + "/" + info.index_name();
    {
        KeyIndexWriter writer(index_info);
        writer.reserve(segment.keys().keys());
        const DeleteLookup is_delete(segment);
        for (const auto& key : segment.keys().sorted())
            writer.add(key.hash, key.row, is_delete(key.row));
        DL_CHECK(writer.entries() == segment.keys().keys(), "INV-5 every key has one key index entry");
        DL_TRY(writer.write(*input.files, index_path));
    }
    DL_TRY_ASSIGN(auto index, KeyIndex::open(*input.files, index_path, index_info));
    return std::make_shared<SnapshotFile>(*input.files, input.snapshots_directory, std::move(info),
                                          std::move(index));
}

void remove_unfinished_flush(const FlushInput& input) {
    ManifestFile info;
    info.first_offset = input.segment->first_offset();
    info.end_offset = input.segment->end_offset();
    info.edition = input.edition;
    for (const auto& name : {info.parquet_name(), info.index_name()})
        (void)input.files->remove(input.snapshots_directory + "/" + name);
}

std::shared_ptr<const DeleteVector> segment_delete_vector(const TailSegment& segment, Offset cut) {
    RowBits dead(segment.rows());
    std::uint64_t rows = 0;
    for (const auto& chunk : segment.chunks()) {
        rows += chunk->batch.rows();
        const auto base = static_cast<std::uint64_t>(chunk->base_offset - segment.first_offset());
        for (std::uint32_t row = 0; row < chunk->batch.rows(); ++row)
            if (!chunk->is_live(row, cut)) dead.set(base + row);
    }
    DL_CHECK(rows == segment.rows(), "INV-2 the chunks hold every row of their segment");
    auto vector = DeleteVector::from_bits(dead);
    DL_CHECK(rows - vector->dead() <= segment.keys().keys(), "INV-5 a key has one live row at most");
    return vector;
}

}  // namespace dl::slave
