#include <charconv>

#include "data-lake-client/src/query_result_impl.h"

namespace datalake {

Result<void> QueryResult::Impl::begin(const Session::Request& request) {
    auto item = session.start(request);
    if (!item.ok()) {
        ended = true;
        return item.error();
    }
    if (auto taken = take(std::move(*item)); !taken.ok()) return taken;
    if (meta_wanted && !ended) {
        auto second = session.next();
        if (!second.ok()) {
            ended = true;
            return second.error();
        }
        if (auto taken = take(std::move(*second)); !taken.ok()) return taken;
    }
    // Names of the first row, before next() is called.
    if (!waiting.empty() && columns.empty()) return read_names(waiting.front());
    return {};
}

// With meta wanted the last frame is not a row, which shows only when the reply ends: frames wait one step.
Result<void> QueryResult::Impl::take(ReplyItem&& item) {
    switch (item.kind) {
        case ReplyItem::Kind::end:
            ended = true;
            if (meta_wanted && !waiting.empty()) {
                const auto object = json_member(waiting.back(), "meta");
                if (object && object->kind == JsonKind::object) {
                    meta = object->raw;
                    waiting.pop_back();
                    take_meta_columns();
                }
            }
            return {};
        case ReplyItem::Kind::frame:
            waiting.push_back(std::move(item.body));
            return {};
        default:
            session.finish();
            ended = true;
            return Error(ErrorCode::protocol_error, "a query was answered with something else than rows");
    }
}

void QueryResult::Impl::take_meta_columns() {
    if (!columns.empty()) return;
    const auto list = json_member(meta, "columns");
    if (!list || list->kind != JsonKind::array) return;
    JsonReader reader(list->raw);
    if (!reader.enter()) return;
    while (reader.next()) {
        const auto& element = reader.value();
        if (element.kind == JsonKind::string) columns.push_back(element.text());
        if (element.kind != JsonKind::object) continue;
        if (const auto name = json_member(element.raw, "name")) columns.push_back(name->text());
    }
}

Result<void> QueryResult::Impl::read_names(std::string_view frame) {
    JsonReader reader(frame);
    reader.enter();
    while (reader.next())
        columns.push_back(reader.key());
    if (!reader.failed()) return {};
    session.finish();
    ended = true;
    return Error(ErrorCode::protocol_error, "a row of the reply is not a JSON object");
}

Result<void> QueryResult::Impl::read_row() {
    cells.clear();
    JsonReader reader(row);
    reader.enter();
    while (reader.next())
        cells.push_back(reader.value());
    if (!reader.failed() && cells.size() == columns.size()) return {};
    session.finish();
    ended = true;
    waiting.clear();
    return Error(ErrorCode::protocol_error, "row " + std::to_string(rows) + " of the reply has " +
                                                std::to_string(cells.size()) + " columns, the first one " +
                                                std::to_string(columns.size()));
}

Result<bool> QueryResult::Impl::next() {
    while (!ended && waiting.size() < (meta_wanted ? 2u : 1u)) {
        auto item = session.next();
        if (!item.ok()) {
            ended = true;
            waiting.clear();
            return item.error();
        }
        if (auto taken = take(std::move(*item)); !taken.ok()) return taken.error();
    }
    if (waiting.empty()) return false;
    row = std::move(waiting.front());
    waiting.pop_front();
    if (columns.empty())
        if (auto read = read_names(row); !read.ok()) return read.error();
    if (auto read = read_row(); !read.ok()) return read.error();
    ++rows;
    return true;
}

QueryResult::QueryResult(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QueryResult::QueryResult(QueryResult&&) noexcept = default;
QueryResult& QueryResult::operator=(QueryResult&&) noexcept = default;
QueryResult::~QueryResult() = default;

const std::vector<std::string>& QueryResult::columns() const {
    return impl_->columns;
}
Result<bool> QueryResult::next() {
    return impl_->next();
}
std::uint64_t QueryResult::rows() const {
    return impl_->rows;
}
const std::string& QueryResult::meta() const {
    return impl_->meta;
}

CellKind QueryResult::kind(std::size_t column) const {
    return cell_kind(impl_->cells[column].kind);
}

Value QueryResult::value(std::size_t column) const {
    const auto& cell = impl_->cells[column];
    switch (cell.kind) {
        case JsonKind::null:
            return std::monostate();
        case JsonKind::boolean:
            return cell.is_true();
        case JsonKind::number:
            if (const auto whole = cell.integer()) return *whole;
            if (cell.raw.find_first_of(".eE") == std::string_view::npos) return std::string(cell.raw);
            return float64(column);
        default:
            return cell.text();
    }
}

std::int64_t QueryResult::int64(std::size_t column) const {
    const auto& cell = impl_->cells[column];
    if (cell.kind != JsonKind::number) return 0;
    if (const auto whole = cell.integer()) return *whole;
    const double number = float64(column);
    return number >= -9.2e18 && number <= 9.2e18 ? static_cast<std::int64_t>(number) : 0;
}

double QueryResult::float64(std::size_t column) const {
    const auto raw = impl_->cells[column].raw;
    double number = 0;
    if (impl_->cells[column].kind == JsonKind::number)
        std::from_chars(raw.data(), raw.data() + raw.size(), number);
    return number;
}

std::string QueryResult::text(std::size_t column) const {
    const auto& cell = impl_->cells[column];
    return cell.kind == JsonKind::null ? std::string() : cell.text();
}

std::string_view QueryResult::json(std::size_t column) const {
    return impl_->cells[column].raw;
}

}  // namespace datalake
