// dl_scan(handle): a ScanSource as a table.
#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/duck/average_function.h"
#include "common/duck/duck_registry.h"
#include "common/duck/duck_types.h"
#include "common/duck/row_alive_function.h"
#include "common/duck/scan_fill.h"
#include "common/duck/timestamp_cast.h"

namespace dl::duck {

namespace {

// DuckDB copies chunks whole: long rows come in smaller ones.
constexpr std::size_t kChunkBytesMax = 4u << 20;

struct FunctionContext {
    HandleRegistry* registry = nullptr;
    unsigned threads = 1;
};

struct BindData {
    RegisteredHandle handle;
    std::vector<BoundColumn> columns;
    unsigned threads = 1;
};

// Shared by the threads of one pass over the source.
struct PassData {
    std::shared_ptr<SessionState> session;
    std::shared_ptr<ScanSource> source;
    const std::vector<BoundColumn>* columns = nullptr;
    std::vector<std::size_t> projection;  // positions in columns; >= columns->size(): no column of ours
};

struct ThreadData {
    std::optional<ScanUnit> unit;
    std::uint32_t next_row = 0;  // position in unit->rows, or row of the batch
    std::uint32_t rows_left = 0;
    // Texts and binaries of the unit that are wanted, and what defaults for those it lacks take a row.
    std::vector<const ColumnView*> texts;
    std::size_t default_bytes = 0;
};

template <class T>
void destroy(void* data) {
    delete static_cast<T*>(data);
}

void bind(duckdb_bind_info info) {
    const auto* context = static_cast<const FunctionContext*>(duckdb_bind_get_extra_info(info));
    ClientContext client;
    duckdb_table_function_get_client_context(info, client.out());
    DuckValue argument(duckdb_bind_get_parameter(info, 0));
    const auto handle = static_cast<std::uint64_t>(duckdb_get_int64(argument.get()));
    auto found = context->registry->find(handle, duckdb_client_context_get_connection_id(client.get()));
    if (!found || !found->source) {
        duckdb_bind_set_error(info, "dl_scan: no such source in this session");
        return;
    }
    auto data = std::make_unique<BindData>();
    data->handle = std::move(*found);
    data->threads = context->threads;
    for (const auto& column : data->handle.source->columns()) {
        auto bound = bind_column(column);
        if (!bound) {
            duckdb_bind_set_error(info, bound.error().message.c_str());
            return;
        }
        const auto type = logical_type(bound->column.type);
        duckdb_bind_add_result_column(info, column.name.c_str(), type.get());
        bound->position = data->columns.size();
        data->columns.push_back(std::move(*bound));
    }
    duckdb_bind_set_cardinality(info, data->handle.source->row_estimate(), false);
    duckdb_bind_set_bind_data(info, data.release(), destroy<BindData>);
}

void init(duckdb_init_info info) {
    const auto* bound = static_cast<const BindData*>(duckdb_init_get_bind_data(info));
    auto pass = std::make_unique<PassData>();
    pass->session = bound->handle.session;
    pass->columns = &bound->columns;
    std::vector<std::size_t> needed;
    const idx_t count = duckdb_init_get_column_count(info);
    for (idx_t i = 0; i < count; ++i) {
        const std::size_t position = duckdb_init_get_column_index(info, i);
        pass->projection.push_back(position);
        if (position < bound->columns.size()) needed.push_back(position);
    }
    // Every pass reads from its own cursor: one source may stand behind several references in one statement.
    pass->source = bound->handle.source->rewound();
    pass->source->set_projection(needed);
    duckdb_init_set_max_threads(info, bound->threads);
    duckdb_init_set_init_data(info, pass.release(), destroy<PassData>);
}

void init_thread(duckdb_init_info info) {
    duckdb_init_set_init_data(info, new ThreadData, destroy<ThreadData>);
}

void find_texts(const PassData& pass, ThreadData& mine) {
    mine.texts.clear();
    mine.default_bytes = 0;
    for (const auto position : pass.projection) {
        if (position >= pass.columns->size()) continue;
        const auto& bound = (*pass.columns)[position];
        if (bound.column.source != ScanColumn::Source::field || bound.physical != PhysicalType::bytes)
            continue;
        if (const auto* view = find_view(*mine.unit, bound); view == nullptr) {
            if (bound.default_row.rows() != 0)
                mine.default_bytes += bound.default_row.columns().front().bytes(0).size();
        } else if (physical_type(view->type) == PhysicalType::bytes) {
            mine.texts.push_back(view);
        }
    }
}

// Fetches the next unit that has rows; false at the end.
Result<bool> next_unit(PassData& pass, ThreadData& mine) {
    for (;;) {
        mine.unit.reset();
        DL_TRY_ASSIGN(mine.unit, pass.source->next());
        if (!mine.unit) return false;
        mine.next_row = 0;
        mine.rows_left = mine.unit->all_rows ? mine.unit->batch_rows()
                                             : static_cast<std::uint32_t>(mine.unit->rows.size());
        if (mine.rows_left == 0) continue;
        find_texts(pass, mine);
        return true;
    }
}

// What the vectors take of the `count` rows from position `next` on, texts of the batch's rows between them
// included.
std::size_t text_bytes(const ThreadData& mine, std::uint32_t next, std::uint32_t count) {
    const auto& unit = *mine.unit;
    const auto row_at = [&](std::uint32_t i) { return unit.all_rows ? i : unit.rows[i]; };
    std::size_t bytes = mine.default_bytes * count;
    for (const auto* column : mine.texts) {
        const auto end = column->bytes(row_at(next + count - 1));
        bytes += static_cast<std::size_t>(end.data() + end.size() - column->bytes(row_at(next)).data());
    }
    return bytes;
}

// How many of the next `count` rows fit into what is left of a chunk's bytes; an empty chunk takes one
// always.
std::uint32_t rows_within(const ThreadData& mine, std::uint32_t count, bool empty, std::size_t* bytes_left) {
    if (const auto bytes = text_bytes(mine, mine.next_row, count); bytes <= *bytes_left) {
        *bytes_left -= bytes;
        return count;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto bytes = text_bytes(mine, mine.next_row + i, 1);
        if (bytes > *bytes_left && (i > 0 || !empty)) {
            *bytes_left = 0;
            return i;
        }
        *bytes_left -= std::min(bytes, *bytes_left);
    }
    return count;
}

Result<idx_t> fill_chunk(PassData& pass, ThreadData& mine, duckdb_data_chunk output) {
    const idx_t capacity = duckdb_vector_size();
    idx_t filled = 0;
    std::size_t bytes_left = kChunkBytesMax;
    while (filled < capacity) {
        if (mine.rows_left == 0) {
            DL_TRY_ASSIGN(const bool more, next_unit(pass, mine));
            if (!more) break;
        }
        const auto count =
            rows_within(mine, static_cast<std::uint32_t>(std::min<idx_t>(mine.rows_left, capacity - filled)),
                        filled == 0, &bytes_left);
        if (count == 0) break;
        const Range range{&*mine.unit, mine.next_row, count, filled};
        for (std::size_t i = 0; i < pass.projection.size(); ++i) {
            duckdb_vector vector = duckdb_data_chunk_get_vector(output, i);
            const auto position = pass.projection[i];
            if (position < pass.columns->size()) {
                DL_TRY(fill_column(vector, (*pass.columns)[position], range));
            } else {
                set_all_null(vector, range);  // a row id nobody reads: count(*) needs rows only
            }
        }
        mine.next_row += count;
        mine.rows_left -= count;
        filled += count;
    }
    return filled;
}

void scan(duckdb_function_info info, duckdb_data_chunk output) {
    auto* pass = static_cast<PassData*>(duckdb_function_get_init_data(info));
    auto* mine = static_cast<ThreadData*>(duckdb_function_get_local_init_data(info));
    if (pass->session->interrupt_reason()) {
        duckdb_function_set_error(info, "interrupted");
        return;
    }
    auto filled = fill_chunk(*pass, *mine, output);
    if (!filled) {
        duckdb_function_set_error(info, filled.error().message.c_str());
        pass->session->set_scan_error(std::move(filled).error());
        return;
    }
    duckdb_data_chunk_set_size(output, *filled);
}

}  // namespace

Result<void> register_functions(duckdb_connection connection, HandleRegistry* registry, unsigned threads) {
    TableFunction function(duckdb_create_table_function());
    duckdb_table_function_set_name(function.get(), "dl_scan");
    LogicalType handle(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    duckdb_table_function_add_parameter(function.get(), handle.get());
    duckdb_table_function_set_extra_info(function.get(), new FunctionContext{registry, std::max(1u, threads)},
                                         destroy<FunctionContext>);
    duckdb_table_function_set_bind(function.get(), bind);
    duckdb_table_function_set_init(function.get(), init);
    duckdb_table_function_set_local_init(function.get(), init_thread);
    duckdb_table_function_set_function(function.get(), scan);
    duckdb_table_function_supports_projection_pushdown(function.get(), true);
    if (duckdb_register_table_function(connection, function.get()) != DuckDBSuccess) {
        return make_error(ErrorCode::internal, "DuckDB refused the table function dl_scan");
    }
    DL_TRY(register_average(connection));
    DL_TRY(register_timestamp_cast(connection));
    return register_row_alive(connection, registry);
}

}  // namespace dl::duck
