// dl_scan(handle): a ScanSource as a table.
#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/duck/average_function.h"
#include "common/duck/duck_registry.h"
#include "common/duck/duck_types.h"
#include "common/duck/row_alive_function.h"
#include "common/duck/timestamp_cast.h"

namespace dl::duck {

namespace {

// DuckDB copies chunks whole: long rows come in smaller ones.
constexpr std::size_t kChunkBytesMax = 4u << 20;

struct FunctionContext {
    HandleRegistry* registry = nullptr;
    unsigned threads = 1;
};

// One column as the callbacks need it.
struct BoundColumn {
    ScanColumn column;
    std::size_t position = 0;
    PhysicalType physical = PhysicalType::bytes;
    std::size_t duck_width = 0;   // of fixed values inside DuckDB's vector
    bool narrow_decimal = false;  // DuckDB keeps small decimals in fewer bytes than we do
    ColumnBatch default_row;      // one row with the default; no rows: NULL
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

std::size_t decimal_width(std::uint8_t precision) {
    if (precision <= 4) return 2;
    if (precision <= 9) return 4;
    return precision <= 18 ? 8 : 16;
}

Result<BoundColumn> bind_column(const ScanColumn& column) {
    BoundColumn bound;
    bound.column = column;
    switch (column.source) {
        case ScanColumn::Source::field:
            break;
        case ScanColumn::Source::offset:
            bound.column.type = {TypeKind::int64, 0, 0};
            break;
        case ScanColumn::Source::operation:
            bound.column.type = {TypeKind::boolean, 0, 0};
            break;
        case ScanColumn::Source::time:
            bound.column.type = {TypeKind::timestamp, 0, 0};
            break;
    }
    bound.physical = physical_type(bound.column.type);
    bound.duck_width = physical_width(bound.physical);
    if (bound.column.type.kind == TypeKind::decimal) {
        bound.duck_width = decimal_width(bound.column.type.precision);
        bound.narrow_decimal = bound.duck_width < physical_width(bound.physical);
    }
    if (column.source == ScanColumn::Source::field && column.default_text) {
        ColumnBatchBuilder builder({{column.field, column.type}});
        DL_TRY(append_parsed_text(builder, 0, column.type, *column.default_text));
        builder.finish_row(false);
        DL_TRY_ASSIGN(bound.default_row, ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1));
    }
    return bound;
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

// --- filling vectors ---

// Rows [first, first + count) of a unit go to [to, to + count) of a vector.
struct Range {
    const ScanUnit* unit;
    std::uint32_t first;
    std::uint32_t count;
    idx_t to;

    std::uint32_t row(std::uint32_t i) const { return unit->all_rows ? first + i : unit->rows[first + i]; }
};

void set_all_null(duckdb_vector vector, const Range& range) {
    duckdb_vector_ensure_validity_writable(vector);
    auto* mask = duckdb_vector_get_validity(vector);
    for (std::uint32_t i = 0; i < range.count; ++i)
        duckdb_validity_set_row_invalid(mask, range.to + i);
}

void fill_validity(duckdb_vector vector, const ColumnView& view, const Range& range) {
    if (view.validity == nullptr) return;
    duckdb_vector_ensure_validity_writable(vector);
    auto* mask = duckdb_vector_get_validity(vector);
    if (range.unit->all_rows && range.first % 8 == 0 && range.to % 8 == 0) {
        auto* to = reinterpret_cast<std::uint8_t*>(mask) + range.to / 8;
        std::memcpy(to, view.validity + range.first / 8, (range.count + 7) / 8);
        // Rows behind the range belong to the next unit, which only clears bits.
        if (range.count % 8 != 0) to[range.count / 8] |= static_cast<std::uint8_t>(0xff << (range.count % 8));
        return;
    }
    for (std::uint32_t i = 0; i < range.count; ++i) {
        if (view.is_null(range.row(i))) duckdb_validity_set_row_invalid(mask, range.to + i);
    }
}

template <class From, class To>
void fill_converted(void* data, const ColumnView& view, const Range& range) {
    auto* to = static_cast<To*>(data) + range.to;
    if (range.unit->all_rows) {
        const char* from = view.data + std::size_t{range.first} * sizeof(From);
        if constexpr (std::is_same_v<From, To>) {
            std::memcpy(to, from, std::size_t{range.count} * sizeof(From));
        } else {
            for (std::uint32_t i = 0; i < range.count; ++i) {
                to[i] = static_cast<To>(load_le<From>(from + std::size_t{i} * sizeof(From)));
            }
        }
        return;
    }
    const auto* rows = range.unit->rows.data() + range.first;
    for (std::uint32_t i = 0; i < range.count; ++i)
        to[i] = static_cast<To>(view.fixed<From>(rows[i]));
}

void fill_boolean(void* data, const ColumnView& view, const Range& range) {
    auto* to = static_cast<std::uint8_t*>(data) + range.to;
    // Any other value than 0 and 1 in a bool is undefined inside DuckDB.
    for (std::uint32_t i = 0; i < range.count; ++i)
        to[i] = view.fixed<std::uint8_t>(range.row(i)) != 0 ? 1 : 0;
}

void assign_string(duckdb_vector vector, duckdb_string_t* strings, idx_t at, std::string_view text) {
    if (text.size() <= sizeof strings->value.inlined.inlined) {
        auto& inlined = strings[at].value.inlined;
        inlined.length = static_cast<std::uint32_t>(text.size());
        std::memset(inlined.inlined, 0, sizeof inlined.inlined);
        std::memcpy(inlined.inlined, text.data(), text.size());
    } else {
        duckdb_vector_assign_string_element_len(vector, at, text.data(), text.size());
    }
}

void fill_strings(duckdb_vector vector, const ColumnView& view, const Range& range) {
    auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
    for (std::uint32_t i = 0; i < range.count; ++i) {
        assign_string(vector, strings, range.to + i, view.bytes(range.row(i)));
    }
}

void fill_default(duckdb_vector vector, const BoundColumn& bound, const Range& range) {
    const auto& view = bound.default_row.columns().front();
    ScanUnit repeated;
    repeated.all_rows = false;
    repeated.rows.assign(range.count, 0);
    const Range from{&repeated, 0, range.count, range.to};
    void* data = duckdb_vector_get_data(vector);
    if (bound.physical == PhysicalType::bytes) {
        fill_strings(vector, view, from);
    } else if (bound.physical == PhysicalType::bool8) {
        fill_boolean(data, view, from);
    } else if (bound.narrow_decimal) {
        if (bound.duck_width == 2) {
            fill_converted<std::int64_t, std::int16_t>(data, view, from);
        } else {
            fill_converted<std::int64_t, std::int32_t>(data, view, from);
        }
    } else {
        auto* to = static_cast<char*>(data) + range.to * bound.duck_width;
        for (std::uint32_t i = 0; i < range.count; ++i) {
            std::memcpy(to + i * bound.duck_width, view.data, bound.duck_width);
        }
    }
}

const ColumnView* find_view(const ScanUnit& unit, const BoundColumn& bound) {
    if (unit.chosen) return unit.chosen->find(bound.column.field);
    if (!unit.batch_columns) return unit.batch.find(bound.column.field);
    const auto at = bound.position < unit.batch_columns->size() ? (*unit.batch_columns)[bound.position]
                                                                : ScanUnit::kNoColumn;
    return at < unit.batch.columns().size() ? &unit.batch.columns()[at] : nullptr;
}

Result<void> fill_field(duckdb_vector vector, const BoundColumn& bound, const Range& range) {
    const auto* view = find_view(*range.unit, bound);
    if (view == nullptr) {
        if (bound.default_row.rows() == 0) {
            set_all_null(vector, range);
        } else {
            fill_default(vector, bound, range);
        }
        return {};
    }
    const bool same_type =
        view->type == bound.column.type ||
        (bound.physical == PhysicalType::bytes && physical_type(view->type) == PhysicalType::bytes);
    if (!same_type) {
        return make_error(ErrorCode::internal, "column '" + bound.column.name + "' is " +
                                                   type_name(bound.column.type) +
                                                   " but a batch of it holds " + type_name(view->type));
    }
    fill_validity(vector, *view, range);
    void* data = duckdb_vector_get_data(vector);
    switch (bound.physical) {
        case PhysicalType::bool8:
            fill_boolean(data, *view, range);
            break;
        case PhysicalType::int32:
        case PhysicalType::float32:
            fill_converted<std::uint32_t, std::uint32_t>(data, *view, range);
            break;
        case PhysicalType::int64:
        case PhysicalType::float64:
            if (bound.duck_width == 2) {
                fill_converted<std::int64_t, std::int16_t>(data, *view, range);
            } else if (bound.duck_width == 4) {
                fill_converted<std::int64_t, std::int32_t>(data, *view, range);
            } else {
                fill_converted<std::uint64_t, std::uint64_t>(data, *view, range);
            }
            break;
        case PhysicalType::int128:
            fill_converted<Int128, Int128>(data, *view, range);
            break;
        case PhysicalType::bytes:
            fill_strings(vector, *view, range);
            break;
    }
    return {};
}

Result<void> fill_column(duckdb_vector vector, const BoundColumn& bound, const Range& range) {
    switch (bound.column.source) {
        case ScanColumn::Source::field:
            return fill_field(vector, bound, range);
        case ScanColumn::Source::offset: {
            auto* to = static_cast<std::int64_t*>(duckdb_vector_get_data(vector)) + range.to;
            for (std::uint32_t i = 0; i < range.count; ++i)
                to[i] = range.unit->base_offset + range.row(i);
            return {};
        }
        case ScanColumn::Source::operation: {
            DL_CHECK(!range.unit->chosen, "who asks for operations decodes whole batches");
            auto* to = static_cast<std::uint8_t*>(duckdb_vector_get_data(vector)) + range.to;
            for (std::uint32_t i = 0; i < range.count; ++i)
                to[i] = range.unit->batch.is_delete(range.row(i)) ? 1 : 0;
            return {};
        }
        case ScanColumn::Source::time: {
            auto* to = static_cast<std::int64_t*>(duckdb_vector_get_data(vector)) + range.to;
            std::fill_n(to, range.count, range.unit->append_time_us);
            return {};
        }
    }
    return {};
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
