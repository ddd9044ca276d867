// DuckDB data chunks -> one ColumnBatch body. Internal to common/duck.
#pragma once

#include <vector>

#include "common/duck/duck_types.h"
#include "common/types/column_batch.h"

namespace dl::duck {

class ChunkEncoder {
  public:
    explicit ChunkEncoder(std::vector<ResultMapping> mappings) : mappings_(std::move(mappings)) {}

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
    Result<ColumnBatch> encode_pieces(const std::vector<Piece>& pieces) const;
    std::vector<ResultMapping> mappings_;
};

}  // namespace dl::duck
