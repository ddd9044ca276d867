#include "common/duck/duck_database.h"

#include <cstdlib>

#include "common/duck/adjustable_database.h"
#include "common/duck/duck_registry.h"
#include "common/duck/duck_result.h"
#include "common/duck/duck_types.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_parser.h"

namespace dl {

namespace duck {

namespace {

// What sessions need of their database; they keep it open.
struct DatabaseState {
    HandleRegistry registry;  // before the database: its functions point into it
    Database database;
    SelectParser parser;  // its connections close before the database
};

Result<void> run_statement(duckdb_connection connection, const std::string& sql) {
    QueryResult result;
    if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
        return query_error(duckdb_result_error(result.get()), duckdb_result_error_type(result.get()));
    }
    return {};
}

PreparedSelect described(duckdb_prepared_statement statement) {
    PreparedSelect select;
    select.parameters.resize(duckdb_nparams(statement));
    for (idx_t i = 1; i <= select.parameters.size(); ++i) {
        const char* name = duckdb_parameter_name(statement, i);
        const std::size_t number = name == nullptr ? i : std::strtoul(name, nullptr, 10);
        duckdb_free(const_cast<char*>(name));
        const auto kind = duckdb_param_type(statement, i);
        const bool known = kind != DUCKDB_TYPE_INVALID && kind < DUCKDB_TYPE_ANY;
        if (!known || number == 0 || number > select.parameters.size()) continue;
        const LogicalType type(duckdb_param_logical_type(statement, i));
        select.parameters[number - 1] = result_mapping(type.get()).type;
    }
    const auto columns = duckdb_prepared_statement_column_count(statement);
    for (idx_t i = 0; i < columns; ++i) {
        const char* name = duckdb_prepared_statement_column_name(statement, i);
        const LogicalType type(duckdb_prepared_statement_column_logical_type(statement, i));
        const auto kind = duckdb_get_type_id(type.get());
        select.columns_known = select.columns_known && kind != DUCKDB_TYPE_INVALID;
        const bool known = kind != DUCKDB_TYPE_INVALID && kind != DUCKDB_TYPE_SQLNULL;
        PreparedSelect::Column column{name == nullptr ? "" : name, {}};
        if (known) column.type = result_mapping(type.get()).type;
        select.columns.push_back(std::move(column));
        duckdb_free(const_cast<char*>(name));
    }
    return select;
}

class Session final : public ChunkSession {
  public:
    Session(std::shared_ptr<DatabaseState> database, Connection connection)
        : database_(std::move(database)), connection_(std::move(connection)) {
        ClientContext context;
        duckdb_connection_get_client_context(connection_.get(), context.out());
        state_->connection_id = duckdb_client_context_get_connection_id(context.get());
    }

    ~Session() override {
        connection_.reset();  // views go first: they are bound to the handles
        for (const auto handle : handles_)
            database_->registry.remove(handle);
    }

    Result<void> create_view(std::string_view name, std::string_view body_sql) override {
        return execute("CREATE TEMP VIEW " + sql_identifier(name) + " AS " + std::string(body_sql));
    }

    std::uint64_t add_scan(std::shared_ptr<ScanSource> source) override {
        return remember(database_->registry.add({state_, std::move(source), nullptr}));
    }

    std::uint64_t add_row_filter(std::shared_ptr<const RowFilter> filter) override {
        return remember(database_->registry.add({state_, nullptr, std::move(filter)}));
    }

    Result<std::unique_ptr<DuckResult>> query(const std::string& sql) override {
        DL_TRY_ASSIGN(auto stream, select(sql));
        return batches_of(std::move(stream));
    }

    Result<PreparedSelect> prepare(const std::string& sql) override {
        if (state_->interrupt_reason()) return statement_error(*state_, nullptr);
        Prepared statement;
        if (duckdb_prepare(connection_.get(), sql.c_str(), statement.out()) != DuckDBSuccess) {
            return statement_error(*state_, duckdb_prepare_error(statement.get()));
        }
        return described(statement.get());
    }

    Result<std::unique_ptr<SelectStream>> select(const std::string& sql) override {
        return SelectStream::start(connection_.get(), state_, sql);
    }

    Result<std::unique_ptr<SelectStream>> select_at_once(const std::string& sql) override {
        return SelectStream::run(connection_.get(), state_, sql);
    }

    Result<void> execute(const std::string& sql) override {
        if (state_->interrupt_reason()) return statement_error(*state_, nullptr);
        QueryResult result;
        if (duckdb_query(connection_.get(), sql.c_str(), result.get()) != DuckDBSuccess) {
            return statement_error(*state_, duckdb_result_error(result.get()),
                                   duckdb_result_error_type(result.get()));
        }
        return {};
    }

    void interrupt(ErrorCode why) override {
        int none = -1;
        state_->interrupted.compare_exchange_strong(none, static_cast<int>(why), std::memory_order_acq_rel);
        duckdb_interrupt(connection_.get());
    }

  private:
    std::uint64_t remember(std::uint64_t handle) {
        handles_.push_back(handle);
        return handle;
    }

    std::shared_ptr<DatabaseState> database_;
    std::shared_ptr<SessionState> state_ = std::make_shared<SessionState>();
    Connection connection_;
    std::vector<std::uint64_t> handles_;
};

class Instance final : public DuckDatabase {
  public:
    Instance(std::shared_ptr<DatabaseState> state, std::uint64_t memory_bytes_max)
        : state_(std::move(state)), memory_bytes_max_(memory_bytes_max) {}

    Result<std::unique_ptr<DuckSession>> session() override {
        Connection connection;
        if (duckdb_connect(state_->database.get(), connection.out()) != DuckDBSuccess) {
            return make_error(ErrorCode::internal, "DuckDB gave no connection");
        }
        return std::unique_ptr<DuckSession>(std::make_unique<Session>(state_, std::move(connection)));
    }

    std::uint64_t memory_bytes_max() const override { return memory_bytes_max_; }

    Result<std::string> select_tree(std::string_view sql) override {
        return state_->parser.tree_json(state_->database.get(), sql);
    }

  private:
    std::shared_ptr<DatabaseState> state_;
    const std::uint64_t memory_bytes_max_;
};

struct Settings {
    std::uint64_t memory_bytes_max = 0;
    std::string spill_directory;
    std::uint64_t spill_bytes_max = 0;
    unsigned threads = 1;
    std::vector<std::string> readable_directories;
    bool locked = true;  // no files but the readable ones
    bool adjustable = false;
};

Result<std::shared_ptr<DuckDatabase>> open_database(const Settings& settings) {
    auto state = std::make_shared<DatabaseState>();
    DbConfig config;
    if (duckdb_create_config(config.out()) != DuckDBSuccess) {
        return make_error(ErrorCode::internal, "DuckDB gave no configuration");
    }
    const auto threads = std::max(1u, settings.threads);
    const std::pair<const char*, std::string> options[] = {
        {"memory_limit", std::to_string(settings.memory_bytes_max) + "B"},
        {"threads", std::to_string(settings.adjustable ? 1 : threads)},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"temp_directory", settings.spill_directory},
        // Of what is stored nothing is, but trees of statements follow it as well: this is the form that the
        // gate and the planners read (select_ast.h).
        {"storage_compatibility_version", "v1.4.0"},
    };
    for (const auto& [name, value] : options) {
        if (duckdb_set_config(config.get(), name, value.c_str()) != DuckDBSuccess) {
            return make_error(ErrorCode::internal, std::string("DuckDB does not know the option ") + name);
        }
    }
    char* message = nullptr;
    if (duckdb_open_ext(nullptr, state->database.out(), config.get(), &message) != DuckDBSuccess) {
        auto error = query_error(message).in("DuckDB could not be opened");
        duckdb_free(message);
        return error;
    }
    Connection connection;
    if (duckdb_connect(state->database.get(), connection.out()) != DuckDBSuccess) {
        return make_error(ErrorCode::internal, "DuckDB gave no connection");
    }
    std::vector<std::string> statements = {
        "SET GLOBAL TimeZone = 'UTC'",
        // Without it a scan on one thread, too, gives the row groups of a file in any order.
        "SET GLOBAL preserve_insertion_order = true",
    };
    if (!settings.spill_directory.empty() && settings.spill_bytes_max != 0) {
        statements.push_back("SET GLOBAL max_temp_directory_size = '" +
                             std::to_string(settings.spill_bytes_max) + "B'");
    }
    if (settings.locked) {
        std::string folders;
        for (const auto& folder : settings.readable_directories) {
            folders +=
                (folders.empty() ? "" : ", ") + sql_literal(folder.ends_with('/') ? folder : folder + '/');
        }
        // The optimizer that gives each of several DISTINCT aggregates a pass of its own over what is
        // aggregated: over a union, which every table not yet compacted is, it keeps all those rows in memory
        // for it. One pass takes two thirds to nine tenths of the time (query_bench --shape wide).
        statements.emplace_back("SET GLOBAL disabled_optimizers = 'distinct_aggregate_rewrite'");
        // The list first: it cannot be changed once external access is off.
        statements.push_back("SET GLOBAL allowed_directories = [" + folders + "]");
        statements.push_back("SET GLOBAL enable_external_access = false");
    }
    if (!settings.adjustable) statements.push_back("SET GLOBAL lock_configuration = true");
    DL_TRY(register_functions(connection.get(), &state->registry, threads));
    for (const auto& statement : statements) {
        auto done = run_statement(connection.get(), statement);
        if (!done) return done.error().in(statement);
    }
    return std::shared_ptr<DuckDatabase>(
        std::make_shared<Instance>(std::move(state), settings.memory_bytes_max));
}

}  // namespace

}  // namespace duck

Result<std::shared_ptr<DuckDatabase>> DuckDatabase::open(const DuckOptions& options) {
    return duck::open_database({options.memory_bytes_max, options.spill_directory, options.spill_bytes_max,
                                options.threads, options.readable_directories, true});
}

Result<std::shared_ptr<DuckDatabase>> adjustable_duck_database(const DuckOptions& options) {
    return duck::open_database({options.memory_bytes_max, options.spill_directory, options.spill_bytes_max,
                                options.threads, options.readable_directories, true, true});
}

Result<void> set_duck_threads(DuckDatabase& database, unsigned threads) {
    DL_TRY_ASSIGN(const auto session, database.session());
    return session->execute("SET GLOBAL threads = " + std::to_string(std::max(1u, threads)));
}

Result<void> set_duck_limits(DuckDatabase& database, std::uint64_t memory_bytes_max,
                             std::uint64_t spill_bytes_max) {
    DL_TRY_ASSIGN(const auto session, database.session());
    DL_TRY(session->execute("SET GLOBAL memory_limit = '" + std::to_string(memory_bytes_max) + "B'"));
    if (spill_bytes_max == 0) return {};
    return session->execute("SET GLOBAL max_temp_directory_size = '" + std::to_string(spill_bytes_max) +
                            "B'");
}

Result<std::shared_ptr<DuckDatabase>> writable_duck_database(std::uint64_t memory_bytes_max,
                                                             unsigned threads) {
    return duck::open_database({memory_bytes_max, "", 0, threads, {}, false});
}

Result<std::shared_ptr<DuckDatabase>> file_duck_database(std::uint64_t memory_bytes_max) {
    return writable_duck_database(memory_bytes_max, 1);
}

}  // namespace dl
