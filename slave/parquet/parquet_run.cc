#include "slave/parquet/parquet_run.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "slave/parquet/parquet_cell.h"
#include "slave/parquet/parquet_chunk_values.h"
#include "slave/parquet/parquet_run_windows.h"

namespace dl::slave {
namespace {

// Where the columns that every file has lie (snapshot_file_columns()).
constexpr std::size_t kOffsetColumn = 0, kDeleteColumn = 1, kTimeColumn = 2;

Error foreign(const ParquetRowReader& file, const std::string& what) {
    return make_error(ErrorCode::not_supported, file.path() + ": " + what);
}

Result<void> check_columns(const ParquetRowReader& file) {
    const auto& columns = file.footer().columns;
    if (columns.size() <= kTimeColumn || columns[kOffsetColumn].name != "_offset" ||
        columns[kDeleteColumn].name != "_delete" || columns[kTimeColumn].name != "_time" ||
        !parquet_cell_fits({TypeKind::int64}, columns[kOffsetColumn]) ||
        !parquet_cell_fits({TypeKind::boolean}, columns[kDeleteColumn]) ||
        !parquet_cell_fits({TypeKind::timestamp}, columns[kTimeColumn]))
        return foreign(file, "the first columns are not those of a snapshot file");
    return {};
}

// Far more than any writer of ours put into one; keeps a damaged footer from taking memory.
constexpr std::uint64_t kGroupRowsMax = 1u << 20;

// One row group and what is wanted of it.
class GroupReader {
  public:
    GroupReader(const ParquetRowReader& file, std::size_t group) : file_(file), group_(group) {}

    std::uint32_t rows() const {
        const auto& first_rows = file_.footer().first_rows;
        return static_cast<std::uint32_t>(first_rows[group_ + 1] - first_rows[group_]);
    }
    Result<ParquetChunkValues::Rows> page_with(std::size_t column, std::int64_t at_most) {
        const auto& described = file_.footer().columns[column];
        const auto& chunk = file_.footer().chunk(group_, column);
        auto page = ParquetChunkValues::page_with(file_.chunk_bytes(chunk), described, chunk.codec, at_most,
                                                  &bytes_left_);
        if (page.has_error()) return page.error().in(file_.path() + ", column " + described.name);
        if (page->first >= rows() || page->count > rows() - page->first)
            return make_error(ErrorCode::corrupt_data, file_.path() + ", column " + described.name +
                                                           ": has more rows than its row group");
        return page;
    }
    Result<ParquetChunkValues> values(std::size_t column, std::uint32_t first, std::uint32_t count) {
        const auto& described = file_.footer().columns[column];
        const auto& chunk = file_.footer().chunk(group_, column);
        auto read = ParquetChunkValues::read(file_.chunk_bytes(chunk), described, chunk.codec, first, count,
                                             &bytes_left_);
        if (read.has_error()) return read.error().in(file_.path() + ", column " + described.name);
        return read;
    }
    // Of a column without NULLs.
    Result<std::vector<std::int64_t>> numbers(std::size_t column, std::uint32_t first, std::uint32_t count) {
        DL_TRY_ASSIGN(const auto read, values(column, first, count));
        std::vector<std::int64_t> numbers;
        numbers.reserve(count);
        for (const auto& value : read.values()) {
            if (value.data() == nullptr)
                return make_error(ErrorCode::corrupt_data, file_.path() + ", column " +
                                                               file_.footer().columns[column].name +
                                                               ": a value is missing");
            numbers.push_back(load_le<std::int64_t>(value.data()));
        }
        return numbers;
    }

    std::uint64_t bytes_read() const { return kParquetRunBytes - bytes_left_; }

  private:
    const ParquetRowReader& file_;
    std::size_t group_;
    std::uint64_t bytes_left_ = kParquetRunBytes;
};

Result<void> check_ascending(const ParquetRowReader& file, const std::vector<Offset>& offsets) {
    const auto fall = std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal<>());
    if (fall == offsets.end()) return {};
    return make_error(ErrorCode::corrupt_data, file.path() + ": offset " + std::to_string(*(fall + 1)) +
                                                   " after " + std::to_string(*fall) +
                                                   "; the rows of a file ascend by offset");
}

constexpr std::uint64_t kWindowPlainBytes = ParquetRunWindows::kWindowBytesMax / 2;

// How many rows are decoded for one who reads on, of which the next `wanted` are asked for.
std::uint32_t window_rows(const ParquetRowReader& file, std::size_t group, std::uint32_t wanted) {
    const auto& footer = file.footer();
    std::uint64_t plain_bytes = 0;
    for (std::size_t column = 0; column < footer.columns.size(); ++column)
        plain_bytes += footer.chunk(group, column).plain_bytes;
    const auto rows = footer.first_rows[group + 1] - footer.first_rows[group];
    const auto row_bytes = plain_bytes / rows + footer.columns.size() * sizeof(std::string_view);
    const auto fitting = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(kWindowPlainBytes / std::max<std::uint64_t>(row_bytes, 1), kParquetRunRows));
    return std::max(fitting, wanted);
}

// The rows from `first` on that have these offsets.
Result<ParquetRunWindows::Window> decode_window(const ParquetRowReader& file, GroupReader& reader,
                                                std::size_t group, std::uint64_t pages_lost,
                                                std::uint32_t first, std::vector<Offset> offsets,
                                                std::span<const Field> fields) {
    auto window = std::make_shared<ParquetRunWindow>();
    const auto count = static_cast<std::uint32_t>(offsets.size());
    window->reader = file.id();
    window->pages_lost = pages_lost;
    window->group = group;
    window->first = first;
    window->offsets = std::move(offsets);
    window->fields.assign(fields.begin(), fields.end());
    DL_TRY_ASSIGN(window->times_us, reader.numbers(kTimeColumn, first, count));
    DL_TRY_ASSIGN(window->deletes, reader.values(kDeleteColumn, first, count));
    for (const auto& field : fields) {
        const auto name = parquet_field_name(field.id);
        const auto& known = file.footer().columns;
        const auto found =
            std::find_if(known.begin(), known.end(), [&](const auto& column) { return column.name == name; });
        if (found == known.end() || !parquet_cell_fits(field.type, *found))
            return foreign(file, "column " + name);
        DL_TRY_ASSIGN(auto values,
                      reader.values(static_cast<std::size_t>(found - known.begin()), first, count));
        window->columns.push_back(std::move(values));
    }
    window->bytes =
        reader.bytes_read() + std::uint64_t{count} * (fields.size() + 2) * sizeof(std::string_view);
    return ParquetRunWindows::Window(std::move(window));
}

Result<ParquetRows> rows_of(const ParquetRunWindow& window, std::size_t begin, std::size_t count) {
    ParquetRows rows;
    const auto at = static_cast<std::ptrdiff_t>(begin);
    const auto end = static_cast<std::ptrdiff_t>(begin + count);
    rows.offsets.assign(window.offsets.begin() + at, window.offsets.begin() + end);
    rows.append_times_us.assign(window.times_us.begin() + at, window.times_us.begin() + end);
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& field : window.fields)
        specs.push_back({field.id, field.type});
    ColumnBatchBuilder builder(specs);
    builder.reserve(static_cast<std::uint32_t>(count), 0);
    for (auto row = begin; row < begin + count; ++row) {
        for (std::size_t i = 0; i < window.columns.size(); ++i) {
            const auto value = window.columns[i].values()[row];
            if (value.data() != nullptr)
                append_parquet_cell(builder, i, specs[i].type, value);
            else
                builder.append_null(i);
        }
        const auto is_delete = window.deletes.values()[row];
        builder.finish_row(is_delete.data() != nullptr && is_delete.front() != 0);
    }
    DL_TRY_ASSIGN(rows.batch, ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                                                  static_cast<std::uint32_t>(count)));
    return rows;
}

// The first rows at or behind `from`, their offsets: of the page that begins at or below it, and those that
// follow.
struct FoundRows {
    std::uint32_t first = 0;
    std::vector<Offset> offsets;
};
Result<FoundRows> find_rows(GroupReader& reader, Offset from, std::uint32_t max_rows) {
    DL_TRY_ASSIGN(const auto page, reader.page_with(kOffsetColumn, from));
    const auto page_first = static_cast<std::uint32_t>(page.first);
    DL_TRY_ASSIGN(auto offsets,
                  reader.numbers(kOffsetColumn, page_first, static_cast<std::uint32_t>(page.count)));
    const auto there =
        static_cast<std::uint64_t>(std::lower_bound(offsets.begin(), offsets.end(), from) - offsets.begin());
    // The row may be in the page, or be the first behind it; and those that follow.
    const auto end = std::min<std::uint64_t>(reader.rows(), page.first + there + max_rows);
    if (const auto known = page.first + page.count; end > known) {
        DL_TRY_ASSIGN(const auto more, reader.numbers(kOffsetColumn, static_cast<std::uint32_t>(known),
                                                      static_cast<std::uint32_t>(end - known)));
        offsets.insert(offsets.end(), more.begin(), more.end());
    }
    const auto begin = std::lower_bound(offsets.begin(), offsets.end(), from);
    const auto skipped = static_cast<std::uint32_t>(begin - offsets.begin());
    const auto count = std::min(max_rows, reader.rows() - (page_first + skipped));
    offsets.erase(offsets.begin(), begin);
    offsets.resize(count);
    return FoundRows{page_first + skipped, std::move(offsets)};
}

Result<ParquetRows> read_group(const ParquetRowReader& file, std::size_t group, std::uint64_t pages_lost,
                               Offset from, std::uint32_t max_rows, std::span<const Field> fields) {
    const auto& first_rows = file.footer().first_rows;
    if (first_rows[group + 1] - first_rows[group] > kGroupRowsMax)
        return foreign(file, "a very large row group");
    GroupReader reader(file, group);
    if (reader.rows() == 0) return ParquetRows{};
    max_rows = std::min(max_rows, kParquetRunRows);
    auto& windows = ParquetRunWindows::instance();
    auto before = windows.find(file.id(), pages_lost, from, fields);
    if (before != nullptr && before->group != group) before = nullptr;
    FoundRows found;
    if (before != nullptr) {
        const auto& known = before->offsets;
        const auto begin =
            static_cast<std::size_t>(std::lower_bound(known.begin(), known.end(), from) - known.begin());
        found.first = before->first + static_cast<std::uint32_t>(begin);
        const auto wanted = std::min(max_rows, reader.rows() - found.first);
        if (wanted == 0) return ParquetRows{};
        if (known.size() - begin >= wanted) return rows_of(*before, begin, wanted);
        const auto count = std::min(window_rows(file, group, max_rows), reader.rows() - found.first);
        DL_TRY_ASSIGN(found.offsets, reader.numbers(kOffsetColumn, found.first, count));
    } else {
        DL_TRY_ASSIGN(found, find_rows(reader, from, max_rows));
    }
    if (found.offsets.empty()) return ParquetRows{};
    DL_TRY(check_ascending(file, found.offsets));
    const auto count = std::min<std::size_t>(max_rows, found.offsets.size());
    DL_TRY_ASSIGN(auto window, decode_window(file, reader, group, pages_lost, found.first,
                                             std::move(found.offsets), fields));
    auto rows = rows_of(*window, 0, count);
    if (rows.has_value()) windows.keep(std::move(window), before);
    return rows;
}

}  // namespace

Result<ParquetRows> read_parquet_run(const ParquetRowReader& file, Offset from, std::uint32_t max_rows,
                                     std::span<const Field> fields) {
    DL_TRY(check_columns(file));
    const auto& footer = file.footer();
    const auto groups = footer.first_rows.size() - 1;
    // The last one that begins at or below `from`, or the first of all.
    std::size_t group = 0;
    for (std::size_t next = 0; next < groups; ++next) {
        const auto& smallest = footer.chunk(next, kOffsetColumn).min;
        if (!smallest) return foreign(file, "no statistics of _offset");
        if (*smallest > from) break;
        group = next;
    }
    for (; group < groups; ++group) {
        DL_TRY_ASSIGN(auto rows, file.with_whole_bytes([&](std::uint64_t pages_lost) {
            return read_group(file, group, pages_lost, from, max_rows, fields);
        }));
        if (!rows.offsets.empty()) return rows;
    }
    return ParquetRows{};
}

}  // namespace dl::slave
