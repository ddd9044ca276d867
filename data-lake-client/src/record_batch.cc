#include <snappy.h>

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/limits.h"
#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"

namespace datalake {
namespace {

constexpr std::string_view kNullText = "/~|";

Error bad_frame(std::string_view what) {
    return Error(ErrorCode::protocol_error,
                 "a frame of stream_read is not as documented: " + std::string(what));
}

// Builds the one row of defaults.
Result<dl::ColumnBatch> default_row(const std::vector<dl::ColumnBatchBuilder::ColumnSpec>& columns,
                                    const std::vector<std::optional<std::string>>& texts) {
    dl::ColumnBatchBuilder builder(columns);
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (!texts[i]) {
            builder.append_null(i);
            continue;
        }
        auto appended = dl::append_parsed_text(builder, i, columns[i].type, *texts[i]);
        if (appended.has_error()) return bad_frame("default of a column: " + appended.error().message);
    }
    builder.finish_row(false);
    auto batch = dl::ColumnBatch::decode(dl::SharedBytes::from_string(builder.encode()), 1);
    if (batch.has_error()) return bad_frame(batch.error().message);
    return std::move(*batch);
}

}  // namespace

Result<std::shared_ptr<const StreamSchema>> parse_columnar_schema(std::string_view json) {
    const auto list = json_member(json, "columns");
    if (!list || list->kind != JsonKind::array) return bad_frame("the first frame names no columns");
    auto schema = std::make_shared<StreamSchema>();
    std::vector<dl::ColumnBatchBuilder::ColumnSpec> specs;
    std::vector<std::optional<std::string>> defaults;
    JsonReader reader(list->raw);
    reader.enter();
    while (reader.next()) {
        const auto column = reader.value().raw;
        const auto id = json_member(column, "id");
        const auto name = json_member(column, "name");
        const auto type = json_member(column, "type");
        if (!id || !id->integer() || !name || !type) return bad_frame("a column without id, name or type");
        auto parsed = dl::parse_type(type->text());
        if (parsed.has_error()) return bad_frame("column " + name->text() + ": " + parsed.error().message);
        schema->names.push_back(name->text());
        schema->types.push_back(type->text());
        schema->fields.push_back(dl::FieldId{static_cast<std::uint32_t>(*id->integer())});
        specs.push_back({schema->fields.back(), *parsed});
        const auto value = json_member(column, "default");
        defaults.push_back(value && value->kind != JsonKind::null ? std::optional(value->text())
                                                                  : std::nullopt);
    }
    if (reader.failed() || specs.empty()) return bad_frame("the first frame names no columns");
    auto row = default_row(specs, defaults);
    if (!row.ok()) return row.error();
    schema->defaults = std::move(*row);
    return std::shared_ptr<const StreamSchema>(std::move(schema));
}

Result<RecordBatch> decode_columnar_batch(std::shared_ptr<const StreamSchema> schema, std::string frame) {
    auto decoded = dl::decode_columnar_frame(dl::SharedBytes::from_string(std::move(frame)));
    if (decoded.has_error()) return bad_frame(decoded.error().message);
    auto impl = std::make_shared<RecordBatch::Impl>();
    impl->frame = std::move(*decoded);
    const auto& f = impl->frame;
    if (f.first_row > f.end_row || f.end_row > f.batch.rows())
        return bad_frame("rows beyond the end of the batch");
    if (!f.offsets.empty() && f.offsets.size() != f.batch.rows() &&
        f.offsets.size() != f.end_row - f.first_row)
        return bad_frame(std::to_string(f.offsets.size()) + " offsets for " +
                         std::to_string(f.end_row - f.first_row) + " rows");
    impl->schema = std::move(schema);
    impl->columnar = true;
    impl->partition = f.header.partition.value;
    impl->rows = f.end_row - f.first_row;
    for (const auto field : impl->schema->fields)
        impl->views.push_back(f.batch.find(field));
    return RecordBatch(std::move(impl));
}

Result<RecordBatch> decode_rows_batch(std::string_view frame) {
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(frame.data(), frame.size(), &size)) return bad_frame("not snappy");
    if (size > dl::limits::batch_plain_bytes_max)
        return bad_frame(std::to_string(size) + " bytes, more than 1 GiB");
    auto impl = std::make_shared<RecordBatch::Impl>();
    if (!snappy::Uncompress(frame.data(), frame.size(), &impl->plain))
        return bad_frame("damaged snappy block");
    auto schema = std::make_shared<StreamSchema>();
    dl::ByteReader reader{std::string_view(impl->plain)};
    const auto records = reader.read<std::int32_t>();
    for (std::int32_t i = 0; reader.ok() && i < records; ++i) {
        reader.read_string();  // table
        reader.read_string();  // key, which is among the columns too
        const auto columns = reader.read<std::int32_t>();
        if (!reader.ok() || columns < 0) return bad_frame("a record without columns");
        if (i == 0) {
            dl::ByteReader names = reader;
            for (std::int32_t c = 0; names.ok() && c < columns; ++c) {
                schema->names.emplace_back(names.read_string());
                names.read_string();
            }
            if (!names.ok()) return bad_frame("it ends too early");
            schema->types.assign(schema->names.size(), "string");
        }
        // The order of the columns is free: most often it is that of the first record.
        const std::size_t width = schema->names.size();
        const auto base = impl->cells.size();
        impl->cells.resize(base + width);
        for (std::int32_t c = 0; reader.ok() && c < columns; ++c) {
            const auto name = reader.read_string();
            const auto value = reader.read_string();
            auto at = static_cast<std::size_t>(c);
            if (at >= width || schema->names[at] != name)
                at = static_cast<std::size_t>(std::find(schema->names.begin(), schema->names.end(), name) -
                                              schema->names.begin());
            if (at >= width)
                return bad_frame("column " + std::string(name) + " in one record, not in another");
            if (value == kNullText) continue;
            impl->cells[base + at] = {static_cast<std::uint32_t>(value.data() - impl->plain.data()),
                                      static_cast<std::uint32_t>(value.size())};
        }
        const auto crud = reader.read_string();
        const auto partition = reader.read<std::int32_t>();
        impl->offsets.push_back(reader.read<std::int64_t>());
        impl->deletes.push_back(crud == "delete");
        if (i == 0) impl->partition = static_cast<std::uint32_t>(partition);
        if (static_cast<std::uint32_t>(partition) != impl->partition)
            return bad_frame("records of two partitions");
    }
    if (!reader.at_end()) return bad_frame("its length does not fit its records");
    impl->rows = static_cast<std::uint32_t>(impl->offsets.size());
    impl->schema = std::move(schema);
    return RecordBatch(std::move(impl));
}

const dl::ColumnView* RecordBatch::Impl::find(std::uint32_t row, std::size_t column,
                                              std::uint32_t& at) const {
    const auto* view = views[column];
    at = frame.first_row + row;
    if (view == nullptr) {
        if (is_delete(row)) return nullptr;
        view = schema->defaults.find(schema->fields[column]);
        at = 0;
    }
    return view == nullptr || view->is_null(at) ? nullptr : view;
}

std::int64_t RecordBatch::Impl::offset(std::uint32_t row) const {
    if (!columnar) return offsets[row];
    // Dense from the batch's base, or one offset for each row of the frame.
    const auto at = frame.first_row + row;
    if (frame.offsets.empty()) return frame.header.base_offset + at;
    return frame.offsets.size() == frame.batch.rows() ? frame.offsets[at] : frame.offsets[row];
}

bool RecordBatch::Impl::is_delete(std::uint32_t row) const {
    return columnar ? frame.batch.is_delete(frame.first_row + row) : deletes[row];
}

std::string_view RecordBatch::Impl::cell(std::uint32_t row, std::size_t column) const {
    const auto& c = cells[row * schema->names.size() + column];
    return c.size == Cell::kNull ? std::string_view() : std::string_view(plain).substr(c.begin, c.size);
}

std::uint32_t RecordBatch::partition() const {
    return impl_->partition;
}
std::uint32_t RecordBatch::rows() const {
    return impl_->rows;
}
std::int64_t RecordBatch::offset(std::uint32_t row) const {
    return impl_->offset(row);
}
Operation RecordBatch::operation(std::uint32_t row) const {
    return impl_->is_delete(row) ? Operation::remove : Operation::insert;
}
std::int64_t RecordBatch::append_time_us() const {
    return impl_->columnar ? impl_->frame.header.append_time_us : 0;
}
const std::vector<std::string>& RecordBatch::columns() const {
    return impl_->schema->names;
}
const std::string& RecordBatch::type(std::size_t column) const {
    return impl_->schema->types[column];
}

int RecordBatch::column(std::string_view name) const {
    const auto& names = impl_->schema->names;
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? -1 : static_cast<int>(at - names.begin());
}

bool RecordBatch::is_null(std::uint32_t row, std::size_t column) const {
    std::uint32_t at = 0;
    if (impl_->columnar) return impl_->find(row, column, at) == nullptr;
    return impl_->cells[row * columns().size() + column].size == Impl::Cell::kNull;
}

Value RecordBatch::value(std::uint32_t row, std::size_t column) const {
    if (is_null(row, column)) return std::monostate();
    if (impl_->columnar) {
        std::uint32_t at = 0;
        const auto& view = *impl_->find(row, column, at);
        switch (view.type.kind) {
            case dl::TypeKind::int32:
                return std::int64_t{view.fixed<std::int32_t>(at)};
            case dl::TypeKind::int64:
                return view.fixed<std::int64_t>(at);
            case dl::TypeKind::float32:
                return double{view.fixed<float>(at)};
            case dl::TypeKind::float64:
                return view.fixed<double>(at);
            case dl::TypeKind::boolean:
                return view.fixed<std::uint8_t>(at) != 0;
            default:
                break;
        }
    }
    return text(row, column);
}

std::string RecordBatch::text(std::uint32_t row, std::size_t column) const {
    if (!impl_->columnar) return std::string(impl_->cell(row, column));
    std::string out;
    std::uint32_t at = 0;
    if (const auto* view = impl_->find(row, column, at)) dl::append_value_text(out, *view, at);
    return out;
}

std::int64_t RecordBatch::int64(std::uint32_t row, std::size_t column) const {
    std::uint32_t at = 0;
    const auto* view = impl_->columnar ? impl_->find(row, column, at) : nullptr;
    if (view == nullptr) return 0;
    if (view->type.kind == dl::TypeKind::int32) return view->fixed<std::int32_t>(at);
    return view->type.kind == dl::TypeKind::int64 ? view->fixed<std::int64_t>(at) : 0;
}

double RecordBatch::float64(std::uint32_t row, std::size_t column) const {
    std::uint32_t at = 0;
    const auto* view = impl_->columnar ? impl_->find(row, column, at) : nullptr;
    if (view == nullptr) return 0;
    if (view->type.kind == dl::TypeKind::float32) return view->fixed<float>(at);
    return view->type.kind == dl::TypeKind::float64 ? view->fixed<double>(at) : 0;
}

std::string_view RecordBatch::string(std::uint32_t row, std::size_t column) const {
    if (!impl_->columnar) return impl_->cell(row, column);
    std::uint32_t at = 0;
    const auto* view = impl_->find(row, column, at);
    return view != nullptr && view->type.kind == dl::TypeKind::string ? view->bytes(at) : std::string_view();
}

bool RecordBatch::copy_int64(std::size_t column, std::vector<std::int64_t>& out) const {
    if (type(column) != "int" && type(column) != "long") return false;
    out.resize(rows());
    const auto* view = impl_->views[column];
    // NULL values hold zeros.
    if (view != nullptr && view->type.kind == dl::TypeKind::int64) {
        std::copy_n(view->data + std::size_t{impl_->frame.first_row} * 8, std::size_t{rows()} * 8,
                    reinterpret_cast<char*>(out.data()));
    } else {
        for (std::uint32_t row = 0; row < rows(); ++row)
            out[row] = int64(row, column);
    }
    return true;
}

bool RecordBatch::copy_float64(std::size_t column, std::vector<double>& out) const {
    if (type(column) != "float" && type(column) != "double") return false;
    out.resize(rows());
    for (std::uint32_t row = 0; row < rows(); ++row)
        out[row] = float64(row, column);
    return true;
}

}  // namespace datalake
