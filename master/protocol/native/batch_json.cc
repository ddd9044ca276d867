#include "master/protocol/native/batch_json.h"

#include <cstring>

#include "common/types/value_text.h"
#include "master/protocol/native/json_document.h"
#include "master/routing/partitioned_batch_builder.h"

namespace dl {
namespace {

using Index = JsonTape::Index;
using Kind = JsonTape::Kind;

// Walks the rows on the tape. Rows mostly repeat the keys of the row before in the same order, so the column
// of the n-th key is remembered with its spelling and compared before it is looked up.
class JsonRowsReader {
  public:
    JsonRowsReader(const JsonTape& tape, PartitionedBatchBuilder& builder, bool skip_unknown)
        : tape_(tape), builder_(builder), skip_unknown_(skip_unknown) {}

    // `statement_delete`: the crud of an insert statement, which stands for its row. False: the batch has
    // ended with error().
    bool row(Index object, std::optional<bool> statement_delete) {
        return good_row(object, statement_delete) || builder_.skip_row();
    }

    const Error& error() const { return builder_.error(); }

  private:
    static constexpr std::uint32_t kUnknown = PartitionedBatchBuilder::kCrud - 1;

    bool good_row(Index object, std::optional<bool> statement_delete) {
        builder_.begin_row();
        if (tape_.kind(object) != Kind::object)
            return builder_.fail_row(ErrorCode::invalid_request, "a row must be a JSON object of columns");
        std::optional<bool> is_delete = statement_delete;
        std::size_t position = 0;
        const Index end = tape_.members_end(object);
        for (Index key = tape_.first_member(object); key < end; ++position) {
            std::uint32_t column = 0;
            if (!column_of(key, position, column)) return false;
            const Index value = key + 1;
            key = tape_.next(value);
            if (column == kUnknown) continue;
            const bool good =
                column == PartitionedBatchBuilder::kCrud ? crud(value, is_delete) : put(column, value);
            if (!good) return false;
        }
        return builder_.finish_row(is_delete.value_or(false));
    }

    struct Remembered {
        std::string_view key;
        std::uint32_t column;
    };

    bool column_of(Index key, std::size_t position, std::uint32_t& column) {
        const std::string_view raw = tape_.raw(key);
        if (position < remembered_.size()) [[likely]] {
            const auto& expected = remembered_[position];
            if (expected.key.size() == raw.size() &&
                std::memcmp(expected.key.data(), raw.data(), raw.size()) == 0) [[likely]] {
                column = expected.column;
                return true;
            }
        }
        auto found = builder_.resolve(tape_.string(key, scratch_));
        if (found.has_error() && !skip_unknown_)
            return builder_.fail_row(found.error().code, found.error().message);
        column = found.has_error() ? kUnknown : *found;
        // Equal raw texts have equal values, escapes included.
        if (position < remembered_.size())
            remembered_[position] = {raw, column};
        else if (position == remembered_.size())
            remembered_.push_back({raw, column});
        return true;
    }

    bool crud(Index value, std::optional<bool>& is_delete) {
        if (is_delete)
            return builder_.fail_row(
                ErrorCode::invalid_request,
                "\"crud\" is given more than once; give either \"crud\" or \"_crud_type\"");
        const std::string_view text = tape_.kind(value) == Kind::string ? tape_.string(value, scratch_) : "";
        if (text != "insert" && text != "delete")
            return builder_.fail_row(
                ErrorCode::invalid_value,
                "crud must be \"insert\" or \"delete\", not " +
                    quoted_value(tape_.kind(value) == Kind::string ? text : tape_.raw(value).substr(0, 64)));
        is_delete = text == "delete";
        return true;
    }

    bool put(std::uint32_t column, Index value) {
        switch (tape_.kind(value)) {
            case Kind::string:
                return builder_.put_text(column, tape_.string(value, scratch_), true);
            case Kind::number:
                return builder_.put_number(column, tape_.raw(value));
            case Kind::boolean:
                return builder_.put_boolean(column, tape_.boolean(value));
            case Kind::null:
                return builder_.put_null(column);
            case Kind::object:
                return builder_.refuse(column, "a JSON object");
            case Kind::array:
                return builder_.refuse(column, "a JSON array");
        }
        return false;
    }

    const JsonTape& tape_;
    PartitionedBatchBuilder& builder_;
    std::vector<Remembered> remembered_;
    std::string scratch_;
    bool skip_unknown_;
};

}  // namespace

Result<PartitionedBatch> parse_json_rows(const JsonRequest& request, const master::CatalogTable& table) {
    const auto& document = request.document();
    const auto& tape = document.tape;
    DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, tape.text_bytes()));
    builder.set_timestamp_unit(document.options.timestamp_unit);
    builder.set_skip_bad_rows(document.options.skip_bad_rows);
    JsonRowsReader reader(tape, builder, document.options.skip_unknown_fields);
    if (document.kind == JsonRequest::Kind::insert) {
        if (!reader.row(document.data, document.is_delete)) return reader.error();
        return builder.finish();
    }
    if (document.kind != JsonRequest::Kind::batch_insert)
        return make_error(ErrorCode::internal, "rows asked of a statement that has none");
    const Index begin = tape.first_member(document.data);
    const Index end = tape.members_end(document.data);
    if (begin < end) builder.reserve((end - begin) / (tape.next(begin) - begin) + 1);
    for (Index row = begin; row < end; row = tape.next(row))
        if (!reader.row(row, std::nullopt)) return reader.error();
    return builder.finish();
}

}  // namespace dl
