#include "master/execution/listed_rows.h"

#include <utility>

#include "common/base/check.h"

namespace dl::master {
std::vector<ColumnBatchBuilder::ColumnSpec> listed_columns(const std::vector<ResultColumn>& columns) {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (std::size_t i = 0; i < columns.size(); ++i)
        specs.push_back({FieldId{static_cast<std::uint32_t>(i + 1)}, columns[i].type});
    return specs;
}

Result<std::unique_ptr<QueryStream>> listed_rows(std::vector<ResultColumn> columns,
                                                 ColumnBatchBuilder& builder) {
    std::optional<ColumnBatch> batch;
    if (const auto rows = builder.rows(); rows > 0) {
        DL_TRY_ASSIGN(batch, ColumnBatch::decode(SharedBytes::from_string(builder.encode()), rows));
    }
    return std::unique_ptr<QueryStream>(std::make_unique<ListedRows>(std::move(columns), std::move(batch)));
}

Result<std::unique_ptr<RowCursor>> cursor_of(const Services& services, const CommandContext& context,
                                             const ListedTexts& listed) {
    const DataType text{TypeKind::string, 0, 0};
    std::vector<ResultColumn> columns;
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& name : listed.columns) {
        columns.push_back({name, text});
        specs.push_back({FieldId{static_cast<std::uint32_t>(columns.size())}, text});
    }
    ColumnBatchBuilder builder(std::move(specs));
    for (const auto& row : listed.rows) {
        DL_CHECK(row.size() == listed.columns.size(), "a listed row has a value for each column");
        for (std::size_t i = 0; i < row.size(); ++i)
            if (row[i])
                builder.append_bytes(i, *row[i]);
            else
                builder.append_null(i);
        builder.finish_row(false);
    }
    const auto bytes = builder.byte_size();
    DL_TRY_ASSIGN(auto batch,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    RowCursor::Place place{services.query_pool, {}, bytes, nullptr, context.deadline};
    return std::make_unique<RowCursor>(std::make_unique<ListedRows>(std::move(columns), std::move(batch)),
                                       context.cancel, std::move(place));
}

}  // namespace dl::master
