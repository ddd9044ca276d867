#include "master/protocol/native/native_statement.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "master/execution/sql_command.h"
#include "master/protocol/native/batch_binary.h"
#include "master/protocol/native/batch_json.h"
#include "master/sql/ddl_parser.h"

namespace dl::master {
namespace {

// A head of a binary batch that is refused.
bool announces_binary_batch(std::string_view text) {
    std::string squeezed;
    for (char c : text)
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') squeezed += c;
    return squeezed.starts_with("\"batch_insert\"") ||
           squeezed.find("{\"batch_insert\":null") != std::string::npos ||
           squeezed.find(",\"batch_insert\":null") != std::string::npos;
}

class JsonRows final : public RowSource {
  public:
    explicit JsonRows(JsonRequest request) : request_(std::move(request)) {}
    Result<std::string> table() override { return request_.table_name(); }
    Result<PartitionedBatch> read(const CatalogTable& table) override {
        return parse_json_rows(request_, table);
    }

  private:
    const JsonRequest request_;
};

class BinaryRows final : public RowSource {
  public:
    explicit BinaryRows(SharedBytes compressed) : compressed_(std::move(compressed)) {}
    Result<std::string> table() override {
        DL_TRY_ASSIGN(plain_, snappy_uncompress_checked(compressed_.view(), limits::batch_plain_bytes_max));
        compressed_ = SharedBytes();
        return binary_batch_table(plain_);
    }
    Result<PartitionedBatch> read(const CatalogTable& table) override {
        return parse_binary_batch(plain_, table);
    }

  private:
    SharedBytes compressed_;
    std::string plain_;
};

// Columns are looked up by their normalised name, so that the lists may be written in any case.
Result<ColumnDefinition*> named_column(TableDefinition& definition, const std::string& name,
                                       std::string_view list) {
    DL_TRY_ASSIGN(const auto wanted, normalize_name("column", name));
    for (auto& column : definition.columns) {
        auto own = normalize_name("column", column.name);
        if (own.has_value() && *own == wanted) return &column;
    }
    return make_error(ErrorCode::column_not_found,
                      "'" + name + "' in " + std::string(list) + " is not a column of col_type");
}

Result<CreateTable> create_table(const CreateRequest& request) {
    CreateTable create;
    auto& definition = create.definition;
    definition.name = request.table_name;
    for (const auto& [name, type] : request.columns)
        definition.columns.push_back({name, type, false, {}});
    definition.major_key = request.major_key;
    definition.partitions = request.partition_number;
    definition.copies = request.replica_number;
    definition.min_in_sync = request.min_in_sync;
    definition.history = request.history;
    for (const auto& name : request.not_null) {
        DL_TRY_ASSIGN(auto* column, named_column(definition, name, "not_null"));
        column->not_null = true;
    }
    for (const auto& [name, text] : request.defaults) {
        DL_TRY_ASSIGN(auto* column, named_column(definition, name, "default"));
        column->default_text = text;
    }
    return create;
}

StreamRead stream_read(const StreamReadRequest& request, const StatementOptions& options) {
    StreamRead read;
    read.table = request.table_name;
    read.from = request.partitions;
    read.since_us = request.since_us;
    read.table_id = options.table_id;
    read.check_offsets = options.check_offsets;
    read.read_count = request.read_count;
    read.format = options.format;
    read.min_offsets = options.min_offsets;
    read.max_wait = std::chrono::milliseconds(options.max_wait_ms);
    read.min_rows = options.min_rows;
    read.any_copy = options.any_copy;
    return read;
}

Result<Command::Body> body_of(JsonRequest request, SharedBytes batch) {
    using Body = Command::Body;
    using Kind = JsonRequest::Kind;
    const auto& options = request.options();
    switch (request.kind()) {
        case Kind::create: {
            DL_TRY_ASSIGN(auto create, create_table(request.create()));
            return Body(std::move(create));
        }
        case Kind::insert:
        case Kind::batch_insert: {
            auto id = options.batch_id;
            return Body(AppendRows{std::make_shared<JsonRows>(std::move(request)), std::move(id)});
        }
        case Kind::batch_insert_binary:
            return Body(AppendRows{std::make_shared<BinaryRows>(std::move(batch)), options.batch_id});
        case Kind::query:
            if (options.describe)
                return Body(DescribeStatement{SelectStatement{request.text()}, options.params});
            if (auto analyzed = analyzed_select(request.text())) {
                Query query{std::move(*analyzed), {options.min_offsets, options.as_of}, options.params};
                query.any_copy = options.any_copy;
                return Body(ExplainAnalyze{std::move(query)});
            }
            return Body(Query{
                request.text(), {options.min_offsets, options.as_of}, options.params, {}, options.any_copy});
        case Kind::stream_read:
            return Body(stream_read(request.stream_read(), options));
        case Kind::compress_table:
            return Body(CompressTable{request.table_name(), options.progress});
        case Kind::check_table:
            return Body(CheckTable{request.table_name(), options.repair});
        case Kind::metadata:
            return Body(DescribeTable{request.table_name()});
        case Kind::cluster_status:
            return Body(ClusterStatus{});
        case Kind::kill_query:
            return Body(KillQuery{request.killed_query()});
        case Kind::sql:
            return command_of_sql(request.text(), {{options.min_offsets, options.as_of},
                                                   options.batch_id,
                                                   options.progress,
                                                   options.repair,
                                                   options.params,
                                                   options.describe,
                                                   options.any_copy});
    }
    DL_CHECK(false, "every kind of request is a command");
}

}  // namespace

NativeStatement::NativeStatement(SharedBytes frame) : frame_bytes_(frame.size()) {
    if (frame_bytes_ > limits::work_here_bytes_max) {  // the head of a binary batch is far smaller
        frame_ = std::move(frame);
        return;
    }
    request_.emplace(JsonRequest::parse(frame.view()));
    awaits_batch_ = request_->has_value() ? (*request_)->kind() == JsonRequest::Kind::batch_insert_binary
                                          : announces_binary_batch(frame.view());
}

std::size_t NativeStatement::bytes() const {
    return std::max(frame_bytes_, snappy_plain_bytes(batch_.view()));
}

Result<Command> NativeStatement::read() {
    if (!request_) {
        std::string text(frame_.view());
        frame_ = SharedBytes();
        request_.emplace(JsonRequest::parse_owned(std::move(text)));
    }
    if (request_->has_error()) return std::move(*request_).error();
    auto request = std::move(**request_);
    request_.reset();
    form_.meta = request.options().meta || request.options().skip_bad_rows;
    form_.progress = request.options().progress;
    form_.metadata = request.kind() == JsonRequest::Kind::metadata;
    Command command;
    if (request.options().timeout_ms)
        command.timeout = std::chrono::milliseconds(*request.options().timeout_ms);
    DL_TRY_ASSIGN(command.body, body_of(std::move(request), std::move(batch_)));
    return command;
}

}  // namespace dl::master
