// DuckDB data chunks -> one ColumnBatch body. Internal to common/duck.
#pragma once

#include <vector>

#include "common/duck/duck_types.h"
#include "common/record/column_batch.h"

namespace dl::duck {

class ChunkEncoder {
  public:
    // What becomes of the columns of a chunk: field ids 1, 2, ... unless told.
    struct Shape {
        static constexpr std::size_t kNone = ~std::size_t{0};
        std::vector<FieldId> ids;           // by column; 0: the column is left out of the batch
        std::size_t delete_column = kNone;  // BOOLEAN: the row is a delete
    };
    explicit ChunkEncoder(std::vector<ResultMapping> mappings);
    ChunkEncoder(std::vector<ResultMapping> mappings, Shape shape)
        : mappings_(std::move(mappings)), shape_(std::move(shape)) {}

    // Bytes of strings and blobs in a chunk.
    std::uint64_t heap_bytes(duckdb_data_chunk chunk) const;
    // Rows [begin, end) of `chunk`, or all rows of several chunks one after the other.
    Result<ColumnBatch> encode(const std::vector<Chunk>& chunks) const;
    Result<ColumnBatch> encode_rows(duckdb_data_chunk chunk, idx_t begin, idx_t end) const;

  private:
    struct Piece {
        duckdb_data_chunk chunk;
        idx_t begin;
        idx_t end;
    };
    struct ColumnLayout {
        bool has_nulls = false;
        std::size_t validity_offset = 0, data_offset = 0, data_bytes = 0, heap_offset = 0;
        std::uint64_t heap_bytes = 0;
    };
    bool has_delete(const std::vector<Piece>& pieces) const;
    void fill_deletes(const std::vector<Piece>& pieces, std::uint8_t* bitmap) const;
    void measure(const std::vector<Piece>& pieces, std::size_t column, ColumnLayout& layout) const;
    Result<void> fill_column(const std::vector<Piece>& pieces, std::size_t column, const ColumnLayout& layout,
                             char* body) const;
    Result<ColumnBatch> encode_pieces(const std::vector<Piece>& pieces) const;
    std::vector<ResultMapping> mappings_;
    Shape shape_;
};

}  // namespace dl::duck
