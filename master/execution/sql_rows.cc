#include "master/execution/sql_rows.h"

#include <utility>

#include "common/types/value_text.h"
#include "master/routing/partitioned_batch_builder.h"

namespace dl::master {
namespace {

bool put(PartitionedBatchBuilder& builder, std::uint32_t column, const SqlLiteral& value) {
    switch (value.kind) {
        case SqlLiteral::Kind::text:
            return builder.put_text(column, value.text, false);
        case SqlLiteral::Kind::number:
            return builder.put_number(column, value.text);
        case SqlLiteral::Kind::boolean:
            return builder.put_boolean(column, value.text == "true");
        case SqlLiteral::Kind::null:
            return builder.put_null(column);
        case SqlLiteral::Kind::use_default:
            break;
    }
    return true;
}

class InsertRows final : public RowSource {
  public:
    InsertRows(InsertStatement statement, std::size_t input_bytes)
        : statement_(std::move(statement)), input_bytes_(input_bytes) {}

    Result<std::string> table() override { return statement_.table; }

    Result<PartitionedBatch> read(const TableMeta& table) override {
        DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, input_bytes_));
        DL_TRY_ASSIGN(const auto columns, columns_of(table, builder));
        builder.reserve(statement_.rows.size());
        for (const auto& row : statement_.rows) {
            if (row.size() != columns.size())
                return miscounted(table, builder.rows(), row.size(), columns.size());
            builder.begin_row();
            for (std::size_t i = 0; i < row.size(); ++i)
                if (!put(builder, columns[i], row[i])) return builder.error();
            if (!builder.finish_row(false)) return builder.error();
        }
        return builder.finish();
    }

  private:
    Result<std::vector<std::uint32_t>> columns_of(const TableMeta& table,
                                                  const PartitionedBatchBuilder& builder) const {
        std::vector<std::uint32_t> columns;
        for (const auto& name : statement_.columns) {
            DL_TRY_ASSIGN(const auto column, builder.resolve(name));
            if (column == PartitionedBatchBuilder::kCrud)
                return make_error(ErrorCode::column_not_found, "table " + quoted_value(table.name) +
                                                                   " has no column " + quoted_value(name) +
                                                                   "; rows are deleted by DELETE FROM");
            columns.push_back(column);
        }
        if (!columns.empty()) return columns;
        for (std::uint32_t i = 0; i < table.schema.fields.size(); ++i)
            columns.push_back(i);
        return columns;
    }

    static Error miscounted(const TableMeta& table, std::uint32_t row, std::size_t values,
                            std::size_t columns) {
        return make_error(ErrorCode::invalid_request, "row " + std::to_string(row) + " has " +
                                                          std::to_string(values) + " values, table '" +
                                                          table.name + "' has " + std::to_string(columns) +
                                                          " columns; name the columns behind the table");
    }

    const InsertStatement statement_;
    const std::size_t input_bytes_;
};

class DeleteRows final : public RowSource {
  public:
    DeleteRows(DeleteStatement statement, std::size_t input_bytes)
        : statement_(std::move(statement)), input_bytes_(input_bytes) {}

    Result<std::string> table() override { return statement_.table; }

    Result<PartitionedBatch> read(const TableMeta& table) override {
        const auto& key = table.schema.key().name;
        DL_TRY_ASSIGN(const auto column, normalize_name("column", statement_.column));
        if (column != key)
            return make_error(ErrorCode::not_supported,
                              "rows of table '" + table.name + "' are deleted by its major key '" + key +
                                  "', not by '" + column + "'; query the keys first, then delete them");
        DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, input_bytes_));
        builder.reserve(statement_.keys.size());
        for (const auto& value : statement_.keys) {
            builder.begin_row();
            if (!put(builder, static_cast<std::uint32_t>(table.schema.key_index), value) ||
                !builder.finish_row(true))
                return builder.error();
        }
        return builder.finish();
    }

  private:
    const DeleteStatement statement_;
    const std::size_t input_bytes_;
};

}  // namespace

std::shared_ptr<RowSource> rows_of(InsertStatement statement, std::size_t input_bytes) {
    return std::make_shared<InsertRows>(std::move(statement), input_bytes);
}

std::shared_ptr<RowSource> rows_of(DeleteStatement statement, std::size_t input_bytes) {
    return std::make_shared<DeleteRows>(std::move(statement), input_bytes);
}

}  // namespace dl::master
