#include "master/execution/sql_rows.h"

#include <algorithm>
#include <utility>

#include "common/duck/point_select.h"
#include "common/types/value_text.h"
#include "master/routing/partitioned_batch_builder.h"

namespace dl::master {
namespace {

// Puts the values of rows; a parameter's is that of the client.
class ValueWriter {
  public:
    ValueWriter(PartitionedBatchBuilder& builder, const SqlParameters& params)
        : builder_(builder), params_(params) {}

    Result<void> put(std::uint32_t column, const SqlLiteral& value) {
        if (value.kind != SqlLiteral::Kind::parameter) {
            if (!put_value(column, value)) return builder_.error();
            return {};
        }
        if (!put_value(column, params_[value.parameter - 1]))
            return parameter_error(value.parameter, builder_.error());
        return {};
    }

  private:
    bool put_value(std::uint32_t column, const SqlLiteral& value);

    PartitionedBatchBuilder& builder_;
    const SqlParameters& params_;
};

bool ValueWriter::put_value(std::uint32_t column, const SqlLiteral& value) {
    switch (value.kind) {
        case SqlLiteral::Kind::text:
            return builder_.put_text(column, value.text, false);
        case SqlLiteral::Kind::number:
            return builder_.put_number(column, value.text);
        case SqlLiteral::Kind::boolean:
            return builder_.put_boolean(column, value.text == "true");
        case SqlLiteral::Kind::null:
            return builder_.put_null(column);
        case SqlLiteral::Kind::use_default:
        case SqlLiteral::Kind::parameter:
            break;
    }
    return true;
}

Result<void> check_row(const InsertStatement& statement, std::size_t row, std::size_t columns,
                       const TableMeta& table) {
    const auto values = statement.rows[row].size();
    if (values == columns) return {};
    return make_error(ErrorCode::invalid_request, "row " + std::to_string(row) + " has " +
                                                      std::to_string(values) + " values, table '" +
                                                      table.name + "' has " + std::to_string(columns) +
                                                      " columns; name the columns behind the table");
}

// The parameters among the values of a statement, in any order.
class ParameterList {
  public:
    void add(const SqlLiteral& value, const DataType& type) {
        if (value.kind != SqlLiteral::Kind::parameter) return;
        const auto number = value.parameter;
        if (number > kSqlParametersMax) {
            beyond_ = number;
            return;
        }
        if (types_.size() < number) types_.resize(number);
        if (!types_[number - 1]) types_[number - 1] = type;
    }
    Result<std::vector<std::optional<DataType>>> types() const {
        if (beyond_ != 0)
            return make_error(ErrorCode::invalid_request, "there is no $" + std::to_string(beyond_) +
                                                              "; parameters are $1 to $" +
                                                              std::to_string(kSqlParametersMax));
        for (std::size_t i = 0; i < types_.size(); ++i)
            if (!types_[i])
                return make_error(ErrorCode::invalid_request,
                                  "the statement uses $" + std::to_string(types_.size()) + ", but not $" +
                                      std::to_string(i + 1) + "; number the parameters without gaps");
        return types_;
    }

  private:
    std::vector<std::optional<DataType>> types_;
    std::uint32_t beyond_ = 0;
};

// Bytes that the values of parameters add to the text, once per use.
std::size_t parameter_bytes(const SqlLiteral& value, const SqlParameters& params) {
    return value.kind == SqlLiteral::Kind::parameter ? params[value.parameter - 1].text.size() : 0;
}

class InsertRows final : public RowSource {
  public:
    InsertRows(InsertStatement statement, SqlParameters params, std::size_t input_bytes)
        : statement_(std::move(statement)), params_(std::move(params)), input_bytes_(input_bytes) {}

    Result<std::string> table() override { return statement_.table; }

    Result<PartitionedBatch> read(const CatalogTable& table) override {
        DL_TRY_ASSIGN(const auto shape, shape_of(statement_, table));
        DL_TRY(check_parameter_count(shape.parameters.size(), params_.size()));
        auto bytes = input_bytes_;
        for (const auto& row : statement_.rows)
            for (const auto& value : row)
                bytes += parameter_bytes(value, params_);
        DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, bytes));
        DL_TRY_ASSIGN(const auto columns, columns_of(statement_.columns, table, builder));
        ValueWriter writer(builder, params_);
        builder.reserve(statement_.rows.size());
        for (const auto& row : statement_.rows) {
            builder.begin_row();
            for (std::size_t i = 0; i < row.size(); ++i)
                DL_TRY(writer.put(columns[i], row[i]));
            if (!builder.finish_row(false)) return builder.error();
        }
        return builder.finish();
    }

  private:
    const InsertStatement statement_;
    const SqlParameters params_;
    const std::size_t input_bytes_;
};

class DeleteRows final : public RowSource {
  public:
    DeleteRows(DeleteStatement statement, SqlParameters params, std::size_t input_bytes)
        : statement_(std::move(statement)), params_(std::move(params)), input_bytes_(input_bytes) {}

    Result<std::string> table() override { return statement_.table; }

    Result<PartitionedBatch> read(const CatalogTable& table) override {
        DL_TRY_ASSIGN(const auto shape, shape_of(statement_, table));
        DL_TRY(check_parameter_count(shape.parameters.size(), params_.size()));
        auto bytes = input_bytes_;
        for (const auto& value : statement_.keys)
            bytes += parameter_bytes(value, params_);
        DL_TRY_ASSIGN(auto builder, PartitionedBatchBuilder::create(table, bytes));
        ValueWriter writer(builder, params_);
        builder.reserve(statement_.keys.size());
        for (const auto& value : statement_.keys) {
            builder.begin_row();
            DL_TRY(writer.put(static_cast<std::uint32_t>(table.schema.key_index), value));
            if (!builder.finish_row(true)) return builder.error();
        }
        return builder.finish();
    }

  private:
    const DeleteStatement statement_;
    const SqlParameters params_;
    const std::size_t input_bytes_;
};

}  // namespace

Result<std::vector<std::uint32_t>> columns_of(const std::vector<std::string>& names, const TableMeta& table,
                                              const PartitionedBatchBuilder& builder) {
    std::vector<std::uint32_t> columns;
    for (const auto& name : names) {
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

bool is_by_key(const DeleteStatement& statement, const TableMeta& table) {
    if (statement.keys.empty()) return false;
    const auto column = normalize_name("column", statement.column);
    if (!column.has_value() || *column != table.schema.key().name) return false;
    // The condition means what it means in a SELECT. A literal that is not the exact text of a key (a zone,
    // digits beyond the scale, another type) is compared by the SQL engine, which finds the rows.
    return std::all_of(statement.keys.begin(), statement.keys.end(), [&](const SqlLiteral& key) {
        if (key.kind == SqlLiteral::Kind::parameter) return true;
        const bool quoted = key.kind == SqlLiteral::Kind::text;
        if (!quoted && key.kind != SqlLiteral::Kind::number) return false;
        return exact_key_text({quoted, key.text}, table.schema.key().type).has_value();
    });
}

std::shared_ptr<RowSource> rows_of(InsertStatement statement, SqlParameters params, std::size_t input_bytes) {
    return std::make_shared<InsertRows>(std::move(statement), std::move(params), input_bytes);
}

std::shared_ptr<RowSource> rows_of(DeleteStatement statement, SqlParameters params, std::size_t input_bytes) {
    return std::make_shared<DeleteRows>(std::move(statement), std::move(params), input_bytes);
}

Result<StatementShape> shape_of(const InsertStatement& statement, const CatalogTable& table) {
    DL_TRY_ASSIGN(const auto builder, PartitionedBatchBuilder::create(table, 0));
    DL_TRY_ASSIGN(const auto columns, columns_of(statement.columns, table, builder));
    ParameterList parameters;
    for (std::size_t row = 0; row < statement.rows.size(); ++row) {
        DL_TRY(check_row(statement, row, columns.size(), table));
        for (std::size_t i = 0; i < columns.size(); ++i)
            parameters.add(statement.rows[row][i], table.schema.fields[columns[i]].type);
    }
    StatementShape shape;
    DL_TRY_ASSIGN(shape.parameters, parameters.types());
    return shape;
}

Result<StatementShape> shape_of(const DeleteStatement& statement, const CatalogTable& table) {
    ParameterList parameters;
    for (const auto& value : statement.keys)
        parameters.add(value, table.schema.key().type);
    StatementShape shape;
    DL_TRY_ASSIGN(shape.parameters, parameters.types());
    return shape;
}

}  // namespace dl::master
