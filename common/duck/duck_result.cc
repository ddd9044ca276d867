#include "common/duck/duck_result.h"

#include <algorithm>

#include "common/duck/duck_types.h"
#include "common/duck/engine_message.h"

namespace dl::duck {

namespace {

// A batch is cut at about so many bytes of text, whatever its rows.
constexpr std::uint64_t kBatchHeapBytes = 8u << 20;

class BatchResult final : public DuckResult {
  public:
    explicit BatchResult(std::unique_ptr<SelectStream> stream)
        : stream_(std::move(stream)), encoder_(stream_->mappings()) {}

    const std::vector<ResultColumn>& columns() const override { return stream_->columns(); }

    Result<std::optional<ColumnBatch>> next(std::uint32_t target_rows) override {
        if (error_) return *error_;
        auto batch = oversized_ ? next_part() : next_batch(target_rows);
        if (!batch) error_ = batch.error();
        return batch;
    }

  private:
    Result<std::optional<ColumnBatch>> next_batch(std::uint32_t target_rows) {
        std::vector<Chunk> chunks;
        std::uint64_t rows = 0;
        std::uint64_t bytes = 0;
        const auto take = [&](Chunk chunk) {
            rows += duckdb_data_chunk_get_size(chunk.get());
            bytes += encoder_.heap_bytes(chunk.get());
            chunks.push_back(std::move(chunk));
        };
        if (held_) take(std::move(held_));
        while (!at_end_ && rows < target_rows && bytes < kBatchHeapBytes) {
            DL_TRY_ASSIGN(Chunk chunk, stream_->fetch());
            if (!chunk) {
                at_end_ = true;
                break;
            }
            if (!chunks.empty() && bytes + encoder_.heap_bytes(chunk.get()) > kBatchHeapBytes) {
                held_ = std::move(chunk);
                break;
            }
            take(std::move(chunk));
        }
        if (rows == 0) return std::optional<ColumnBatch>{};
        if (chunks.size() == 1 && bytes > kBatchHeapBytes) {
            oversized_ = std::move(chunks.front());
            oversized_row_ = 0;
            // About as many rows as fit, at least one.
            oversized_step_ = std::max<idx_t>(1, rows * kBatchHeapBytes / bytes);
            return next_part();
        }
        DL_TRY_ASSIGN(ColumnBatch batch, encoder_.encode(chunks));
        return std::optional<ColumnBatch>(std::move(batch));
    }

    // The next rows of a chunk that is too large for one batch.
    Result<std::optional<ColumnBatch>> next_part() {
        const idx_t rows = duckdb_data_chunk_get_size(oversized_.get());
        const idx_t end = std::min(rows, oversized_row_ + oversized_step_);
        DL_TRY_ASSIGN(ColumnBatch batch, encoder_.encode_rows(oversized_.get(), oversized_row_, end));
        oversized_row_ = end;
        if (end == rows) oversized_.reset();
        return std::optional<ColumnBatch>(std::move(batch));
    }

    std::unique_ptr<SelectStream> stream_;
    ChunkEncoder encoder_;
    Chunk held_;
    Chunk oversized_;
    idx_t oversized_row_ = 0;
    idx_t oversized_step_ = 0;
    bool at_end_ = false;
    std::optional<Error> error_;
};

Result<Prepared> prepare_select(duckdb_connection connection, SessionState& session, const std::string& sql) {
    Extracted extracted;
    const idx_t count = duckdb_extract_statements(connection, sql.c_str(), extracted.out());
    if (count == 0) {
        const char* message = duckdb_extract_statements_error(extracted.get());
        if (message != nullptr && *message != '\0') return query_error(message);
        return make_error(ErrorCode::syntax_error, "there is no statement");
    }
    if (count != 1)
        return make_error(ErrorCode::not_supported, "one statement at a time, not " + std::to_string(count));
    Prepared prepared;
    if (duckdb_prepare_extracted_statement(connection, extracted.get(), 0, prepared.out()) != DuckDBSuccess) {
        return statement_error(session, duckdb_prepare_error(prepared.get()));
    }
    const auto type = duckdb_prepared_statement_type(prepared.get());
    if (type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN) {
        return make_error(ErrorCode::not_supported, "only SELECT can be run here");
    }
    if (duckdb_nparams(prepared.get()) != 0) {
        return make_error(ErrorCode::not_supported,
                          "parameters (? or $1) cannot be bound; write the values into the statement");
    }
    return prepared;
}

// The statement as a subquery whose columns DuckDB casts to what ChunkEncoder can convert. Columns go by
// position: names may repeat.
std::string wrapped(std::string sql, const std::vector<ResultMapping>& mappings) {
    std::string select;
    std::string names;
    for (std::size_t i = 0; i < mappings.size(); ++i) {
        const std::string name = "c" + std::to_string(i);
        if (i != 0) {
            select += ", ";
            names += ", ";
        }
        select += mappings[i].cast_before == nullptr
                      ? name
                      : mappings[i].cast_before + name + mappings[i].cast_after;
        names += name;
    }
    while (!sql.empty() && (sql.back() == ';' || static_cast<unsigned char>(sql.back()) <= ' '))
        sql.pop_back();
    // The line break ends a comment at the end of the statement.
    return "SELECT " + select + " FROM (" + sql + "\n) AS dl_result(" + names + ")";
}

}  // namespace

Error query_error(const char* message, duckdb_error_type type) {
    std::string text = message == nullptr || *message == '\0' ? "the query failed" : message;
    const bool memory = type == DUCKDB_ERROR_OUT_OF_MEMORY || text.starts_with("Out of Memory");
    return engine_error(memory ? ErrorCode::limit_exceeded : ErrorCode::query_error, std::move(text));
}

Error statement_error(SessionState& session, const char* message, duckdb_error_type type) {
    if (const auto reason = session.interrupt_reason()) {
        return make_error(*reason,
                          *reason == ErrorCode::timeout
                              ? "the query ran out of time and was stopped; raise timeout_ms or ask for less"
                              : "the query was cancelled");
    }
    if (auto error = session.take_scan_error()) return std::move(*error);
    return query_error(message, type);
}

Result<std::unique_ptr<SelectStream>> SelectStream::start(duckdb_connection connection,
                                                          std::shared_ptr<SessionState> session,
                                                          const std::string& sql) {
    std::unique_ptr<SelectStream> stream(new SelectStream(connection, std::move(session)));
    DL_TRY(stream->prepare(sql));
    DL_TRY(stream->execute());
    return stream;
}

Result<std::unique_ptr<SelectStream>> SelectStream::run(duckdb_connection connection,
                                                        std::shared_ptr<SessionState> session,
                                                        const std::string& sql) {
    std::unique_ptr<SelectStream> stream(new SelectStream(connection, std::move(session)));
    auto& state = *stream->session_;
    if (state.interrupt_reason()) return statement_error(state, nullptr);
    auto* result = stream->result_.get();
    if (duckdb_query(connection, sql.c_str(), result) != DuckDBSuccess)
        return statement_error(state, duckdb_result_error(result), duckdb_result_error_type(result));
    if (state.interrupt_reason()) return statement_error(state, nullptr);
    if (duckdb_result_statement_type(*result) != DUCKDB_STATEMENT_TYPE_SELECT)
        return make_error(ErrorCode::not_supported, "only SELECT can be run here");
    for (idx_t i = 0; i < duckdb_column_count(result); ++i) {
        const LogicalType type(duckdb_column_logical_type(result, i));
        if (stream->add_column(duckdb_column_name(result, i), type.get()))
            return std::unique_ptr<SelectStream>();
    }
    return stream;
}

// Whether DuckDB has to cast it.
bool SelectStream::add_column(const char* name, duckdb_logical_type type) {
    mappings_.push_back(result_mapping(type));
    columns_.push_back({name == nullptr ? "" : name, mappings_.back().type});
    return mappings_.back().cast_before != nullptr;
}

SelectStream::~SelectStream() {
    // What still runs would otherwise go on to the end of its current tasks.
    if (running_) duckdb_interrupt(connection_);
}

Result<void> SelectStream::prepare(const std::string& sql) {
    DL_TRY_ASSIGN(prepared_, prepare_select(connection_, *session_, sql));
    const idx_t count = duckdb_prepared_statement_column_count(prepared_.get());
    bool wrap = false;
    for (idx_t i = 0; i < count; ++i) {
        // DuckDB copies the types of all columns to tell one.
        if (session_->interrupt_reason()) return statement_error(*session_, nullptr);
        LogicalType type(duckdb_prepared_statement_column_logical_type(prepared_.get(), i));
        const char* name = duckdb_prepared_statement_column_name(prepared_.get(), i);
        wrap = add_column(name, type.get()) || wrap;
        duckdb_free(const_cast<char*>(name));
    }
    if (!wrap) return {};
    DL_TRY_ASSIGN(prepared_, prepare_select(connection_, *session_, wrapped(sql, mappings_)));
    return {};
}

Result<void> SelectStream::execute() {
    if (session_->interrupt_reason()) return statement_error(*session_, nullptr);
    Pending pending;
    if (duckdb_pending_prepared_streaming(prepared_.get(), pending.out()) != DuckDBSuccess) {
        return statement_error(*session_, duckdb_pending_error(pending.get()));
    }
    running_ = true;
    // Starting clears DuckDB's own flag: an interrupt that came in between is repeated.
    if (session_->interrupt_reason()) duckdb_interrupt(connection_);
    if (duckdb_execute_pending(pending.get(), result_.get()) != DuckDBSuccess) {
        running_ = false;
        const char* message = duckdb_result_error(result_.get());
        if (message == nullptr) message = duckdb_pending_error(pending.get());
        return statement_error(*session_, message, duckdb_result_error_type(result_.get()));
    }
    return {};
}

Result<Chunk> SelectStream::fetch() {
    if (session_->interrupt_reason()) return statement_error(*session_, nullptr);
    Chunk chunk(duckdb_fetch_chunk(*result_.get()));
    if (chunk && duckdb_data_chunk_get_size(chunk.get()) != 0) return chunk;
    running_ = false;
    const char* message = duckdb_result_error(result_.get());
    const bool failed = message != nullptr && *message != '\0';
    if (failed || session_->interrupt_reason()) {
        return statement_error(*session_, message, duckdb_result_error_type(result_.get()));
    }
    return Chunk{};
}

std::unique_ptr<DuckResult> batches_of(std::unique_ptr<SelectStream> stream) {
    return std::make_unique<BatchResult>(std::move(stream));
}

}  // namespace dl::duck
