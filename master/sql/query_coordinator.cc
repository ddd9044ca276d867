#include "master/sql/query_coordinator.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/async/deadline_watch.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"
#include "common/duck/sql_names.h"
#include "common/duck/whole_count.h"
#include "master/sql/broadcast_reader.h"
#include "master/sql/cut_check.h"
#include "master/sql/error_translation.h"
#include "master/sql/fragment_planner.h"
#include "master/sql/key_lookup.h"
#include "master/sql/planning_session.h"
#include "master/sql/query_planner.h"
#include "master/sql/remote_scan.h"

namespace dl::master {

namespace {

// Pinned cuts that are let go at the end.
class PinGuard {
  public:
    PinGuard() = default;
    PinGuard(FragmentRunner& runner, std::vector<PinnedFragment> pinned)
        : runner_(&runner), pinned_(std::move(pinned)) {}
    PinGuard(PinGuard&& other) noexcept
        : runner_(std::exchange(other.runner_, nullptr)), pinned_(std::move(other.pinned_)) {}
    PinGuard& operator=(PinGuard&& other) noexcept {
        std::swap(runner_, other.runner_);
        std::swap(pinned_, other.pinned_);
        return *this;
    }
    ~PinGuard() {
        if (runner_ != nullptr && !pinned_.empty()) runner_->unpin(pinned_);
    }
    const std::vector<PinnedFragment>& pinned() const { return pinned_; }

  private:
    FragmentRunner* runner_ = nullptr;
    std::vector<PinnedFragment> pinned_;
};

// "route | which way" and what each fragment asks for: the first rows of an EXPLAIN.
Result<ColumnBatch> explain_rows(const QueryPlan& plan, const FragmentPlan& fragments, bool counted) {
    const DataType text{TypeKind::string, 0, 0};
    ColumnBatchBuilder builder({{FieldId{1}, text}, {FieldId{2}, text}});
    const auto add = [&](std::string_view key, const std::string& value) {
        builder.append_bytes(0, key);
        builder.append_bytes(1, value);
        builder.finish_row(false);
    };
    add("route", plan.describe());
    if (counted) add("count", "from manifests and marks, no row is read");
    const auto nodes_of = [&](const Fragment& fragment) {
        std::string nodes;
        for (const auto position : plan.pins_of.at(fragment.table->name))
            nodes += (nodes.empty() ? "" : " ") + plan.pins[position].node;
        return nodes;
    };
    for (const auto& broadcast : fragments.broadcasts()) {
        std::set<std::string> receivers;
        for (const auto& fragment : fragments.fragments) {
            if (std::find(fragment.broadcasts.begin(), fragment.broadcasts.end(), broadcast) ==
                fragment.broadcasts.end())
                continue;
            for (const auto position : plan.pins_of.at(fragment.table->name))
                receivers.insert(plan.pins[position].node);
        }
        add("broadcast", broadcast->rows.table->name + " (" + std::to_string(broadcast->table_rows) +
                             " rows max) as " + broadcast->view + " to " + std::to_string(receivers.size()) +
                             " slave" + (receivers.size() == 1 ? "" : "s") + "; " +
                             nodes_of(broadcast->rows) + ": " + broadcast->rows.sql(broadcast->columns));
    }
    for (std::size_t i = 0; i < fragments.fragments.size(); ++i)
        add("fragment", nodes_of(fragments.fragments[i]) + ": " + fragments.texts[i]);
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
}

// Members die from the last to the first: nothing may call into a session that is gone, and the cuts stay
// pinned until nothing reads from them.
class RunningStream final : public QueryStream {
  public:
    const std::vector<ResultColumn>& columns() const override {
        return remote ? remote->columns() : result->columns();
    }

    Result<std::optional<ColumnBatch>> next() override {
        if (error_) return *error_;
        if (ended_) return std::optional<ColumnBatch>{};
        if (first_rows) {
            auto rows = std::exchange(first_rows, std::nullopt);
            return std::optional<ColumnBatch>(std::move(*rows));
        }
        auto batch = remote ? remote->next() : result->next();
        if (!batch) error_ = stopped(batch.error());
        if (error_) return *error_;
        ended_ = !*batch;
        return batch;
    }

    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override { return cut; }

    const std::map<std::string, std::uint64_t>& behind() const override { return records_behind; }

    void note_cut(const QueryTables& tables, const PinnedFragment& fragment) {
        for (const auto& [name, meta] : tables) {
            for (const auto& seen : fragment.cut) {
                if (seen.table != meta->id) continue;
                for (const auto& [partition, offset] : seen.partitions)
                    cut[name][partition.value] = offset;
                records_behind[name] += seen.behind;
            }
        }
    }

    // What a call that was cut off reports is only its own view of why.
    Error stopped(const Error& error) const {
        const auto reason = cancel->reason();
        if (!reason) return translated_error(error, sent, fragments);
        if (error.code == *reason) return error;
        return make_error(*reason, *reason == ErrorCode::timeout
                                       ? "the query ran out of time; raise timeout_ms or ask for less"
                                       : "the query was cancelled");
    }

    std::shared_ptr<QueryCancel> cancel;
    std::string sent;                 // the statement of the user
    std::vector<Fragment> fragments;  // what stands for tables in the one that runs
    std::map<std::string, std::map<std::uint32_t, Offset>> cut;
    std::map<std::string, std::uint64_t> records_behind;
    PinGuard pins;
    std::unique_ptr<FragmentStream> remote;
    std::unique_ptr<DuckSession> session;
    std::unique_ptr<DuckResult> result;
    std::optional<ColumnBatch> first_rows;
    QueryCancel::Registration on_cancel;
    DeadlineWatch::Entry deadline;

  private:
    std::optional<Error> error_;
    bool ended_ = false;
};

class Coordinator final : public QueryCoordinator {
  public:
    Coordinator(std::shared_ptr<DuckDatabase> database, FragmentRunner& runner, CoordinatorOptions options)
        : database_(std::move(database)), runner_(runner), options_(std::move(options)) {}

    Result<std::unique_ptr<QueryStream>> run(std::string_view sql, const TableLookup& lookup,
                                             const QueryOptions& options,
                                             std::shared_ptr<QueryCancel> cancel) override {
        auto stream = std::make_unique<RunningStream>();
        stream->cancel = std::move(cancel);
        stream->sent = sql;
        auto done = start(*stream, sql, lookup, options);
        if (!done) return stream->stopped(done.error());
        return std::unique_ptr<QueryStream>(std::move(stream));
    }

    Result<AwaitedOffsets> awaited(std::string_view sql, const TableLookup& lookup,
                                   const QueryOptions& options) override {
        DL_TRY_ASSIGN(auto tables, tables_of(sql, lookup, !options.params.empty()));
        DL_TRY(check_cut(tables, options.cut));
        if (tables.size() != 1) return AwaitedOffsets{};
        return AwaitedOffsets{std::move(tables.begin()->second),
                              options.cut.as_of ? *options.cut.as_of : options.cut.min_offsets};
    }

    Result<StatementShape> describe(std::string_view sql, const TableLookup& lookup,
                                    const QueryOptions& options,
                                    std::shared_ptr<QueryCancel> cancel) override {
        const auto deadline = deadlines_.watch(options.deadline, cancel);
        DL_TRY_ASSIGN(const auto uses, find_parameters(sql));
        DL_TRY_ASSIGN(auto prepared, prepare(sql, lookup, cancel));
        StatementShape shape{std::move(prepared.select.columns), std::move(prepared.select.parameters)};
        shape.parameters.resize(parameter_count(uses));
        if (!options.params.empty()) {
            DL_TRY(check_parameter_count(shape.parameters.size(), options.params.size()));
            DL_TRY_ASSIGN(const auto literals, literals_of(options.params, shape.parameters));
            DL_TRY_ASSIGN(auto bound, prepare(with_literals(sql, uses, literals), lookup, cancel));
            shape.columns = std::move(bound.select.columns);
        } else if (!prepared.select.columns_known) {
            DL_TRY_ASSIGN(shape.columns, columns_of_any(sql, uses, shape.parameters, lookup, cancel));
        }
        if (prepared.explain) {
            const DataType text{TypeKind::string, 0, 0};
            shape.columns = {{"explain_key", text}, {"explain_value", text}};
        }
        return shape;
    }

  private:
    struct Described {
        PreparedSelect select;
        bool explain = false;
    };

    Result<Described> prepare(std::string_view sql, const TableLookup& lookup,
                              const std::shared_ptr<QueryCancel>& cancel) {
        DL_TRY_ASSIGN(const auto parsed, parse(sql, lookup, true));
        DL_TRY_ASSIGN(auto planning, PlanningSession::open(*database_, parsed.tables, cancel));
        DL_TRY_ASSIGN(auto select, planning->prepare(parsed.ast.text()));
        return Described{std::move(select), parsed.explain};
    }

    // Columns of a statement with parameters that can be of any type: a type is known when it is the same
    // whatever theirs is.
    Result<std::vector<PreparedSelect::Column>> columns_of_any(
        std::string_view sql, const std::vector<ParameterUse>& uses,
        const std::vector<std::optional<DataType>>& types, const TableLookup& lookup,
        const std::shared_ptr<QueryCancel>& cancel) {
        std::vector<PreparedSelect::Column> columns;
        std::optional<Error> refused;
        for (const char* any : {"'1'", "1", "1.5::DOUBLE", "NULL"}) {
            if (std::string_view(any) == "NULL" && !columns.empty()) break;
            std::vector<std::string> literals;
            for (const auto& type : types)
                literals.push_back(type ? sample_literal(*type) : any);
            auto bound = prepare(with_literals(sql, uses, literals), lookup, cancel);
            if (!bound) {
                if (!refused) refused = bound.error();
                continue;
            }
            auto& found = bound->select.columns;
            if (columns.empty()) {
                columns = std::move(found);
                continue;
            }
            for (std::size_t i = 0; i < columns.size() && i < found.size(); ++i)
                if (columns[i].type != found[i].type) columns[i].type.reset();
        }
        if (columns.empty() && refused) return *refused;
        return columns;
    }

    // Any value of the type.
    static std::string sample_literal(DataType type) {
        switch (type.kind) {
            case TypeKind::string:
                return "'1'";
            case TypeKind::boolean:
                return "TRUE";
            case TypeKind::date:
                return "'2000-01-01'::DATE";
            case TypeKind::timestamp:
                return "'2000-01-01'::TIMESTAMP";
            case TypeKind::binary:
                return "''::BLOB";
            case TypeKind::json:
                return "NULL";
            default:
                return "0::" + duck_type_name(type);
        }
    }

    static Result<std::vector<std::string>> literals_of(const SqlParameters& values,
                                                        const std::vector<std::optional<DataType>>& types) {
        std::vector<std::string> literals;
        for (std::size_t i = 0; i < values.size(); ++i) {
            DL_TRY_ASSIGN(auto literal,
                          parameter_literal(static_cast<std::uint32_t>(i + 1), values[i], types[i]));
            literals.push_back(std::move(literal));
        }
        return literals;
    }

    // The statement with the values of its parameters, each of the type that the statement gives it.
    Result<std::string> with_values(std::string_view sql, const TableLookup& lookup,
                                    const QueryOptions& options, const std::shared_ptr<QueryCancel>& cancel) {
        DL_TRY_ASSIGN(const auto uses, find_parameters(sql));
        DL_TRY(check_parameter_count(parameter_count(uses), options.params.size()));
        DL_TRY_ASSIGN(auto prepared, prepare(sql, lookup, cancel));
        prepared.select.parameters.resize(options.params.size());
        DL_TRY_ASSIGN(const auto literals, literals_of(options.params, prepared.select.parameters));
        return with_literals(sql, uses, literals);
    }

    Result<void> start(RunningStream& stream, std::string_view sql, const TableLookup& lookup,
                       const QueryOptions& options) {
        stream.deadline = deadlines_.watch(options.deadline, stream.cancel);
        if (const auto why = stream.cancel->reason())
            return make_error(*why, "the query was stopped before it began");
        std::string bound;
        if (!options.params.empty()) {
            DL_TRY_ASSIGN(bound, with_values(sql, lookup, options, stream.cancel));
            sql = bound;
        }
        DL_TRY_ASSIGN(auto asked, read_statement(sql, lookup));
        const auto leader_of = [this](const TableMeta& table, PartitionId partition) {
            return runner_.leader_of(table, partition);
        };
        DL_TRY_ASSIGN(const QueryPlan plan,
                      plan_query(asked.tables, leader_of, options.cut, std::move(asked.lookups)));
        if (const auto reason = stream.cancel->reason()) return make_error(*reason, "the query was stopped");

        const FragmentCall call{options.deadline, stream.cancel};
        FragmentPlan fragments;
        if (plan.way == QueryPlan::Way::whole) {
            std::map<std::string, TableId> names;
            for (const auto& [name, meta] : asked.tables)
                names.emplace(name, meta->id);
            DL_TRY_ASSIGN(auto whole, runner_.pin_and_query(plan.pins.front(), asked.text, names, call));
            stream.note_cut(asked.tables, whole.cut);
            stream.remote = std::move(whole.stream);
        } else {
            DL_TRY(pin_all(stream, asked.tables, plan, call));
            if (!asked.ast) {  // keys on several slaves
                DL_TRY_ASSIGN(asked.ast, SelectAst::parse(*database_, asked.text));
            }
            fragments = planner_.plan(*asked.ast, asked.tables, rows_of(asked.tables, stream.pins.pinned()),
                                      stream.cancel);
            BroadcastList read;
            if (asked.explain) {
                fragments.statement = "EXPLAIN " + fragments.statement;
            } else {
                DL_TRY_ASSIGN(read, read_broadcasts(stream, fragments, plan, call));
                const bool all_small = std::all_of(
                    read.begin(), read.end(), [](const auto& one) { return one.second->table() != nullptr; });
                if (!all_small) fragments = planner_.plan(*asked.ast, asked.tables, {}, stream.cancel);
            }
            DL_TRY(start_here(stream, fragments, plan, read, call));
        }
        if (asked.explain && stream.columns().size() == 2) {
            // Of a cut of the past the marks tell too little: it is scanned.
            const bool counted = asked.ast && counts_whole_table(*asked.ast) && !options.cut.as_of;
            DL_TRY_ASSIGN(stream.first_rows, explain_rows(plan, fragments, counted));
        }
        return {};
    }

    struct Asked {
        std::string text;              // with EXPLAIN, without what may follow
        std::optional<SelectAst> ast;  // not of the plainest lookups
        bool explain = false;
        QueryTables tables;
        KeyLookups lookups;
    };

    Result<Asked> read_statement(std::string_view sql, const TableLookup& lookup) {
        Asked asked;
        if (auto point = find_point(sql, lookup)) {
            asked.text = std::string(sql);
            asked.lookups.emplace(point->table->name, std::move(point->keys));
            asked.tables.emplace(point->table->name, std::move(point->table));
            return asked;
        }
        DL_TRY_ASSIGN(auto parsed, parse(sql, lookup, false));
        asked.tables = std::move(parsed.tables);
        asked.lookups = find_key_lookups(parsed.ast, asked.tables);
        asked.explain = parsed.explain;
        asked.text = (parsed.explain ? "EXPLAIN " : "") + parsed.ast.text();
        asked.ast = std::move(parsed.ast);
        return asked;
    }

    Result<QueryTables> tables_of(std::string_view sql, const TableLookup& lookup, bool parameters_allowed) {
        if (auto point = find_point(sql, lookup)) {
            QueryTables tables;
            tables.emplace(point->table->name, std::move(point->table));
            return tables;
        }
        DL_TRY_ASSIGN(auto parsed, parse(sql, lookup, parameters_allowed));
        return std::move(parsed.tables);
    }

    struct PointFound {
        std::shared_ptr<const TableMeta> table;
        KeyLookup keys;
    };

    // The plainest lookups are understood without a parser; slaves do the same with them. They have no names
    // to fold.
    static std::optional<PointFound> find_point(std::string_view sql, const TableLookup& lookup) {
        const auto point = parse_point_select(sql);
        if (!point) return std::nullopt;
        auto meta = lookup(point->table);
        if (!meta) return std::nullopt;
        auto keys = point_lookup(*point, **meta);
        if (!keys) return std::nullopt;
        return PointFound{std::move(*meta), std::move(*keys)};
    }

    // A statement that passed the gate.
    struct Parsed {
        SelectAst ast;
        QueryTables tables;
        bool explain = false;
    };

    // Tables of the system become their rows, and names are folded, first.
    Result<Parsed> parse(std::string_view sql, const TableLookup& lookup, bool parameters_allowed) {
        std::optional<std::string> with_system;
        if (options_.system_tables != nullptr && may_name_system_table(sql)) {
            DL_TRY_ASSIGN(with_system, with_system_rows(*database_, sql, *options_.system_tables));
            if (with_system) sql = *with_system;
        }
        std::string folded;
        if (has_names_to_fold(sql)) {
            DL_TRY_ASSIGN(folded, with_names_as_stored(sql, lookup));
            sql = folded;
        }
        return parse_as_written(sql, lookup, parameters_allowed);
    }

    Result<Parsed> parse_as_written(std::string_view sql, const TableLookup& lookup,
                                    bool parameters_allowed) {
        DL_TRY_ASSIGN(auto ast, SelectAst::parse(*database_, sql));
        GateReport report;
        DL_TRY_ASSIGN(auto tables, gate(ast, lookup, report, parameters_allowed));
        return Parsed{std::move(ast), std::move(tables), report.explain};
    }

    // Names of the tables that the statement is about, and of their columns, in lower case of their script.
    Result<std::string> with_names_as_stored(std::string_view sql, const TableLookup& lookup) {
        DL_TRY_ASSIGN(const auto parsed, parse_as_written(sql, lookup, true));
        std::set<std::string> names;
        for (const auto& [as_written, table] : parsed.tables) {
            names.insert(table->name);
            for (const auto& field : table->schema.fields)
                names.insert(field.name);
        }
        return fold_names(sql, [&](const std::string& name) { return names.contains(name); });
    }

    // Every cut is taken before anything is read.
    Result<void> pin_all(RunningStream& stream, const QueryTables& tables, const QueryPlan& plan,
                         const FragmentCall& call) {
        if (plan.pins.empty()) return {};
        DL_TRY_ASSIGN(auto pinned, runner_.pin(plan.pins, options_.pin_lease, call));
        stream.pins = PinGuard(runner_, std::move(pinned));
        if (stream.pins.pinned().size() != plan.pins.size()) {
            return make_error(ErrorCode::internal, "not every slave answered with a cut");
        }
        for (const auto& fragment : stream.pins.pinned())
            stream.note_cut(tables, fragment);
        return {};
    }

    using BroadcastList =
        std::vector<std::pair<std::shared_ptr<const Broadcast>, std::shared_ptr<const BroadcastRows>>>;

    // Live rows of the tables whose slaves all tell.
    static TableRows rows_of(const QueryTables& tables, const std::vector<PinnedFragment>& pinned) {
        TableRows rows;
        for (const auto& [name, meta] : tables) {
            std::uint64_t total = 0;
            bool known = true;
            for (const auto& fragment : pinned) {
                for (const auto& seen : fragment.cut) {
                    if (seen.table != meta->id) continue;
                    known = known && seen.rows;
                    total += seen.rows.value_or(0);
                }
            }
            if (known) rows.emplace(name, total);
        }
        return rows;
    }

    static std::vector<PinnedFragment> pinned_of(const RunningStream& stream, const QueryPlan& placed,
                                                 const Fragment& fragment) {
        std::vector<PinnedFragment> pinned;
        for (const auto position : placed.pins_of.at(fragment.table->name))
            pinned.push_back(stream.pins.pinned()[position]);
        return pinned;
    }

    // All that the plan sends along, up to the first that is too large.
    Result<BroadcastList> read_broadcasts(const RunningStream& stream, const FragmentPlan& plan,
                                          const QueryPlan& placed, const FragmentCall& call) {
        BroadcastList list;
        for (const auto& broadcast : plan.broadcasts()) {
            DL_TRY_ASSIGN(auto rows, BroadcastRows::read(runner_, broadcast,
                                                         pinned_of(stream, placed, broadcast->rows), call));
            list.emplace_back(broadcast, std::move(rows));
            if (list.back().second->table() == nullptr) break;
        }
        return list;
    }

    // What a fragment reads: rows that are here already, or else the slaves.
    std::shared_ptr<ScanSource> source_of(const Fragment& fragment, std::vector<PinnedFragment> pinned,
                                          const BroadcastList& read, const FragmentCall& call) {
        std::vector<std::shared_ptr<const BroadcastTable>> along;
        for (const auto& [broadcast, rows] : read) {
            if (rows->has_rows_of(fragment)) return BroadcastRows::source(rows);
            const auto& wanted = fragment.broadcasts;
            if (std::find(wanted.begin(), wanted.end(), broadcast) != wanted.end())
                along.push_back(rows->table());
        }
        return std::make_shared<RemoteScan>(
            RemoteTable::make(runner_, fragment, std::move(pinned), call, std::move(along)));
    }

    // The statement on the master's DuckDB, over what the slaves send.
    Result<void> start_here(RunningStream& stream, const FragmentPlan& plan, const QueryPlan& placed,
                            const BroadcastList& read, const FragmentCall& call) {
        stream.fragments = plan.fragments;
        DL_TRY_ASSIGN(stream.session, database_->session());
        stream.on_cancel = stream.cancel->on_cancel(
            [session = stream.session.get()](ErrorCode why) { session->interrupt(why); });
        for (const auto& fragment : plan.fragments) {
            const auto handle = stream.session->add_scan(
                source_of(fragment, pinned_of(stream, placed, fragment), read, call));
            DL_TRY(stream.session->create_view(
                fragment.view, fragment.view_body("dl_scan(" + std::to_string(handle) + ")")));
        }
        DL_TRY_ASSIGN(stream.result, stream.session->query(plan.statement));
        return {};
    }

    Result<QueryTables> gate(const SelectAst& ast, const TableLookup& lookup, GateReport& report,
                             bool parameters_allowed) {
        QueryTables tables;
        std::optional<Error> failed;
        auto checked = check_select(
            ast,
            [&](const std::string& name) {
                if (tables.contains(name)) return true;
                auto found = lookup(name);
                if (!found) {
                    failed = found.error();
                    return false;
                }
                tables.emplace(name, std::move(*found));
                return true;
            },
            parameters_allowed);
        // The catalog knows names that are near, or that it cannot be reached.
        if (!checked) return failed ? *failed : checked.error();
        report = std::move(*checked);
        return tables;
    }

    std::shared_ptr<DuckDatabase> database_;
    FragmentRunner& runner_;
    const CoordinatorOptions options_;
    FragmentPlanner planner_{database_};
    DeadlineWatch deadlines_;
};

}  // namespace

std::unique_ptr<QueryCoordinator> QueryCoordinator::create(std::shared_ptr<DuckDatabase> database,
                                                           FragmentRunner& runner,
                                                           CoordinatorOptions options) {
    return std::make_unique<Coordinator>(std::move(database), runner, std::move(options));
}

}  // namespace dl::master
