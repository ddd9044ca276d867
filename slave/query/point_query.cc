#include "slave/query/point_query.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/duck/point_select.h"
#include "common/record/widened_batch.h"
#include "common/types/wider_type.h"
#include "slave/query/found_rows.h"

namespace dl::slave {

namespace {

// Columns of the answer; nullopt when one is unknown, so that DuckDB words the error.
std::optional<std::vector<Field>> fields_of(const PointSelect& select, const Schema& schema) {
    if (select.columns.empty()) return schema.fields;
    std::vector<Field> fields;
    for (const auto& name : select.columns) {
        const auto at = schema.find(name);
        if (!at) return std::nullopt;
        fields.push_back(schema.fields[*at]);
    }
    return fields;
}

std::optional<std::vector<std::string>> key_texts(const PointSelect& select, const Schema& schema) {
    if (select.key != schema.key().name) return std::nullopt;
    std::vector<std::string> texts;
    for (const auto& value : select.values) {
        auto text = exact_key_text(value, schema.key().type);
        if (!text) return std::nullopt;
        texts.push_back(std::move(*text));
    }
    return texts;
}

Result<void> append_row(ColumnBatchBuilder& builder, const std::vector<Field>& fields,
                        const ColumnBatch& batch, std::uint32_t row) {
    for (std::size_t c = 0; c < fields.size(); ++c) {
        const auto* view = batch.find(fields[c].id);
        if (view == nullptr && fields[c].default_text)
            DL_TRY(append_parsed_text(builder, c, fields[c].type, *fields[c].default_text));
        else if (view == nullptr || view->is_null(row))
            builder.append_null(c);
        else if (view->type == fields[c].type || is_wider_type(fields[c].type, view->type))
            append_widened(builder, c, fields[c].type, *view, row);
        else
            return make_error(ErrorCode::schema_mismatch, "column '" + fields[c].name + "' is " +
                                                              type_name(fields[c].type) +
                                                              " but a record holds " + type_name(view->type) +
                                                              ": the table was altered meanwhile; ask again");
    }
    builder.finish_row(false);
    return {};
}

// An answer is sent in one piece below.
constexpr std::size_t kWholeAnswerBytesMax = 64u << 10;

// Rows that a lookup has found.
class FoundRows final : public QueryRows {
  public:
    explicit FoundRows(PointAnswer answer) : answer_(std::move(answer)) {}
    const std::vector<ResultColumn>& columns() const override { return answer_.columns; }
    Result<std::optional<ColumnBatch>> next() override { return std::exchange(answer_.rows, std::nullopt); }
    bool is_whole() const override {
        return !answer_.rows || answer_.rows->body().size() <= kWholeAnswerBytesMax;
    }

  private:
    PointAnswer answer_;
};

}  // namespace

std::unique_ptr<QueryRows> rows_of(PointAnswer answer) {
    return std::make_unique<FoundRows>(std::move(answer));
}

Result<std::optional<PointAnswer>> answer_point_select(const std::string& sql,
                                                       const std::map<std::string, TableId>& names,
                                                       const QueryView& view) {
    constexpr auto kOther = std::nullopt;
    const auto select = parse_point_select(sql);
    if (!select) return std::optional<PointAnswer>(kOther);
    const auto name = names.find(select->table);
    if (name == names.end()) return std::optional<PointAnswer>(kOther);
    const auto pinned = view.tables.find(name->second);
    if (pinned == view.tables.end()) return std::optional<PointAnswer>(kOther);
    const auto& table = *pinned->second.table;
    const auto fields = fields_of(*select, table.schema);
    const auto texts = key_texts(*select, table.schema);
    if (!fields || !texts) return std::optional<PointAnswer>(kOther);
    DL_TRY_ASSIGN(const auto keys, hash_key_texts(table, *texts));
    auto stored = *fields;
    // A record may hold none of the columns; the key it always has.
    if (std::none_of(stored.begin(), stored.end(),
                     [&](const Field& f) { return f.id == table.schema.key().id; }))
        stored.push_back(table.schema.key());
    DL_TRY_ASSIGN(const auto units, find_rows(pinned->second, keys, stored));
    if (!units) return std::optional<PointAnswer>(kOther);

    PointAnswer answer;
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& field : *fields) {
        answer.columns.push_back({field.name, field.type});
        specs.push_back({FieldId{static_cast<std::uint32_t>(specs.size() + 1)}, field.type});
    }
    DL_CHECK(answer.columns.size() == fields->size(), "an answer has the columns asked for");
    ColumnBatchBuilder builder(std::move(specs));
    for (const auto& unit : *units) {
        const auto count = unit.all_rows ? unit.batch.rows() : static_cast<std::uint32_t>(unit.rows.size());
        for (std::uint32_t i = 0; i < count; ++i)
            DL_TRY(append_row(builder, *fields, unit.batch, unit.all_rows ? i : unit.rows[i]));
    }
    if (builder.rows() != 0) {
        DL_TRY_ASSIGN(answer.rows,
                      ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    }
    return std::optional<PointAnswer>(std::move(answer));
}

}  // namespace dl::slave
