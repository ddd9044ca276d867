#include "common/duck/scan_fill.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/record/widened_batch.h"
#include "common/types/wider_type.h"

namespace dl::duck {

void set_all_null(duckdb_vector vector, const Range& range) {
    duckdb_vector_ensure_validity_writable(vector);
    auto* mask = duckdb_vector_get_validity(vector);
    for (std::uint32_t i = 0; i < range.count; ++i)
        duckdb_validity_set_row_invalid(mask, range.to + i);
}

namespace {

std::size_t decimal_width(std::uint8_t precision) {
    if (precision <= 4) return 2;
    if (precision <= 9) return 4;
    return precision <= 18 ? 8 : 16;
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

constexpr std::size_t kInlined = sizeof duckdb_string_t{}.value.inlined.inlined;

// At most kInlined bytes of which all kInlined may be read: without a call for a few bytes.
void assign_inlined(duckdb_string_t& to, const char* text, std::uint32_t size) {
    static_assert(kInlined == 12);
    std::uint64_t low;
    std::uint32_t high;
    std::memcpy(&low, text, sizeof low);
    std::memcpy(&high, text + sizeof low, sizeof high);
    if (size < 8) {
        low &= (std::uint64_t{1} << (size * 8)) - 1;
        high = 0;
    } else if (size < kInlined) {
        high &= (std::uint32_t{1} << ((size - 8) * 8)) - 1;
    }
    auto& inlined = to.value.inlined;
    inlined.length = size;
    std::memcpy(inlined.inlined, &low, sizeof low);
    std::memcpy(inlined.inlined + sizeof low, &high, sizeof high);
}

void fill_strings(duckdb_vector vector, const ColumnView& view, const Range& range) {
    auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)) + range.to;
    const char* const end = view.heap + view.heap_bytes;
    for (std::uint32_t i = 0; i < range.count; ++i) {
        const auto text = view.bytes(range.row(i));
        const auto size = static_cast<std::uint32_t>(text.size());
        if (size > kInlined) {
            // Batches are looked through for UTF-8 when they come in.
            duckdb_unsafe_vector_assign_string_element_len(vector, range.to + i, text.data(), size);
        } else if (static_cast<std::size_t>(end - text.data()) >= kInlined) {
            assign_inlined(strings[i], text.data(), size);
        } else {
            char padded[kInlined] = {};
            std::memcpy(padded, text.data(), size);
            assign_inlined(strings[i], padded, size);
        }
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

// Of the column's type.
void fill_values(duckdb_vector vector, const BoundColumn& bound, const ColumnView& view, const Range& range) {
    fill_validity(vector, view, range);
    void* data = duckdb_vector_get_data(vector);
    switch (bound.physical) {
        case PhysicalType::bool8:
            fill_boolean(data, view, range);
            break;
        case PhysicalType::int32:
        case PhysicalType::float32:
            fill_converted<std::uint32_t, std::uint32_t>(data, view, range);
            break;
        case PhysicalType::int64:
        case PhysicalType::float64:
            if (bound.duck_width == 2) {
                fill_converted<std::int64_t, std::int16_t>(data, view, range);
            } else if (bound.duck_width == 4) {
                fill_converted<std::int64_t, std::int32_t>(data, view, range);
            } else {
                fill_converted<std::uint64_t, std::uint64_t>(data, view, range);
            }
            break;
        case PhysicalType::int128:
            fill_converted<Int128, Int128>(data, view, range);
            break;
        case PhysicalType::bytes:
            fill_strings(vector, view, range);
            break;
    }
}

// As the type the column has now.
Result<void> fill_widened(duckdb_vector vector, const BoundColumn& bound, const ColumnView& view,
                          const Range& range) {
    ColumnBatchBuilder builder({{bound.column.field, bound.column.type}});
    builder.reserve(range.count, 0);
    for (std::uint32_t i = 0; i < range.count; ++i) {
        if (view.is_null(range.row(i)))
            builder.append_null(0);
        else
            append_widened(builder, 0, bound.column.type, view, range.row(i));
        builder.finish_row(false);
    }
    ScanUnit widened;
    DL_TRY_ASSIGN(widened.batch,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    fill_values(vector, bound, widened.batch.columns().front(), {&widened, 0, range.count, range.to});
    return {};
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
    if (same_type) {
        fill_values(vector, bound, *view, range);
        return {};
    }
    if (is_wider_type(bound.column.type, view->type)) return fill_widened(vector, bound, *view, range);
    return make_error(ErrorCode::schema_mismatch, "column '" + bound.column.name + "' is " +
                                                      type_name(bound.column.type) +
                                                      " but a batch of it holds " + type_name(view->type) +
                                                      ": the table was altered meanwhile; ask again");
}

}  // namespace

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

const ColumnView* find_view(const ScanUnit& unit, const BoundColumn& bound) {
    if (unit.chosen) return unit.chosen->find(bound.column.field);
    if (!unit.batch_columns) return unit.batch.find(bound.column.field);
    const auto at = bound.position < unit.batch_columns->size() ? (*unit.batch_columns)[bound.position]
                                                                : ScanUnit::kNoColumn;
    return at < unit.batch.columns().size() ? &unit.batch.columns()[at] : nullptr;
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

}  // namespace dl::duck
