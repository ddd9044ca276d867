#include "master/execution/listed_rows.h"

#include <map>
#include <utility>

#include "common/base/check.h"

namespace dl::master {
namespace {

class ListedRows final : public QueryStream {
  public:
    ListedRows(std::vector<ResultColumn> columns, ColumnBatch batch)
        : columns_(std::move(columns)), batch_(std::move(batch)) {}
    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override { return std::exchange(batch_, std::nullopt); }
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return offsets_;
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return behind_; }

  private:
    const std::vector<ResultColumn> columns_;
    std::optional<ColumnBatch> batch_;
    const std::map<std::string, std::map<std::uint32_t, Offset>> offsets_;
    const std::map<std::string, std::uint64_t> behind_;
};

}  // namespace

std::vector<ColumnBatchBuilder::ColumnSpec> listed_columns(const std::vector<ResultColumn>& columns) {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (std::size_t i = 0; i < columns.size(); ++i)
        specs.push_back({FieldId{static_cast<std::uint32_t>(i + 1)}, columns[i].type});
    return specs;
}

Result<std::unique_ptr<RowCursor>> listed_rows(const Services& services, const CommandContext& context,
                                               std::vector<ResultColumn> columns,
                                               ColumnBatchBuilder& builder) {
    const auto bytes = builder.byte_size();
    DL_TRY_ASSIGN(auto batch,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    RowCursor::Place place{services.work_pool, {}, bytes, nullptr, context.deadline};
    return std::make_unique<RowCursor>(std::make_unique<ListedRows>(std::move(columns), std::move(batch)),
                                       context.cancel, std::move(place));
}

Result<std::unique_ptr<RowCursor>> listed_texts(const Services& services, const CommandContext& context,
                                                const ListedTexts& listed) {
    std::vector<ResultColumn> columns;
    for (const auto& name : listed.columns)
        columns.push_back({name, {TypeKind::string}});
    ColumnBatchBuilder builder(listed_columns(columns));
    for (const auto& row : listed.rows) {
        DL_CHECK(row.size() == columns.size(), "a listed row has a value for each column");
        for (std::size_t i = 0; i < row.size(); ++i)
            if (row[i])
                builder.append_bytes(i, *row[i]);
            else
                builder.append_null(i);
        builder.finish_row(false);
    }
    return listed_rows(services, context, std::move(columns), builder);
}

}  // namespace dl::master
