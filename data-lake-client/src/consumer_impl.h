// The insides of Consumer and RecordBatch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/record/columnar_frame.h"
#include "data-lake-client/src/session.h"
#include "datalake/client.h"
#include "datalake/consumer.h"

namespace datalake {

// Columns of a stream, shared by its batches.
struct StreamSchema {
    std::vector<std::string> names;
    std::vector<std::string> types;
    std::vector<dl::FieldId> fields;  // columnar only
    dl::ColumnBatch defaults;         // columnar only: one row, what old records show for later columns
};

struct RecordBatch::Impl {
    std::shared_ptr<const StreamSchema> schema;
    std::uint32_t partition = 0;
    std::uint32_t rows = 0;
    // Columnar: the frame and, per column of the schema, its place in it (nullptr: added later).
    dl::ColumnarFrame frame;
    std::vector<const dl::ColumnView*> views;
    // Rows: cells point into `plain`, row by row.
    struct Cell {
        std::uint32_t begin = 0;
        std::uint32_t size = kNull;
        static constexpr std::uint32_t kNull = 0xffffffff;
    };
    bool columnar = false;
    std::string plain;
    std::vector<Cell> cells;
    std::vector<std::int64_t> offsets;
    std::vector<bool> deletes;

    // The column's view and row to read it at; nullptr when the value is NULL.
    const dl::ColumnView* find(std::uint32_t row, std::size_t column, std::uint32_t& at) const;
    std::int64_t offset(std::uint32_t row) const;
    bool is_delete(std::uint32_t row) const;
    std::string_view cell(std::uint32_t row, std::size_t column) const;
};

Result<std::shared_ptr<const StreamSchema>> parse_columnar_schema(std::string_view json);
Result<RecordBatch> decode_columnar_batch(std::shared_ptr<const StreamSchema> schema, std::string frame);
// A frame of the default format, of one partition.
Result<RecordBatch> decode_rows_batch(std::string_view frame);
// {"0":[5,9]}: partition -> first and last offset.
Result<std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>>> parse_offset_ranges(
    std::string_view json);
// {"0":41}: partition -> offset.
Result<std::map<std::uint32_t, std::int64_t>> parse_offsets(std::string_view json);

struct Consumer::Impl {
    Impl(dl::net::Address address, const Options& options, std::string a_table,
         const ConsumerOptions& consumer_options)
        : session(std::move(address), options),
          silence(options.timeout),
          table(std::move(a_table)),
          settings(consumer_options) {}

    // Finds the partitions and where to start, through `client`.
    Result<void> open(Client& client);
    Result<std::vector<RecordBatch>> poll(std::chrono::milliseconds max_wait);
    // What came, also with an error: then positions are as before, and `batches` are whole.
    Result<void> read_once(std::chrono::milliseconds max_wait, std::vector<RecordBatch>& batches);
    // Behind what came of a read that broke; the offsets that it passed over are those that are missing in
    // it.
    Result<void> move_behind(const std::vector<RecordBatch>& batches);
    std::string request(std::chrono::milliseconds max_wait) const;
    // The frame behind the records: where to go on, what was passed over.
    Result<void> read_meta(std::string_view frame, Positions& next);

    Session session;
    const std::chrono::milliseconds silence;
    std::string table;
    ConsumerOptions settings;
    Positions positions;
    std::string table_id;
    std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> compacted;  // of the last poll
    std::string schema_text;
    std::shared_ptr<const StreamSchema> schema;
};

}  // namespace datalake
