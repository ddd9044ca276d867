// Columns come, go and get wider types while rows are written, flushed, compacted and the partition is opened
// again: random histories against a model that keeps every record as it was written. What queries and
// consumers see must be the records under the schema they ask with.
#include <random>

#include "common/record/columnar_frame.h"
#include "common/types/wider_type.h"
#include "slave/query/found_rows.h"
#include "slave/query/query_executor.h"
#include "slave/snapshot/manifest.h"
#include "slave/stream/stream_json.h"
#include "slave/stream/stream_reader.h"
#include "slave/stream/stream_rows.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using Cell = std::optional<std::string>;  // canonical text, nothing for NULL
using Table = std::vector<std::vector<Cell>>;

struct Record {
    std::int64_t key = 0;
    bool is_delete = false;
    std::map<FieldId, Cell> cells;  // of the columns the table had
    std::map<FieldId, DataType> types;
};

std::string shown(const std::vector<Cell>& row) {
    std::string text;
    for (const auto& cell : row)
        text += " " + (cell ? "'" + *cell + "'" : "NULL");
    return text;
}

Cell cell_of(const ColumnView& column, std::uint32_t row) {
    if (column.is_null(row)) return std::nullopt;
    std::string text;
    append_value_text(text, column, row);
    return text;
}

ColumnBatch decode(const ColumnBatchBuilder& builder) {
    auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
    EXPECT_TRUE(batch.has_value()) << batch.error().to_text();
    return batch.has_value() ? *batch : ColumnBatch{};
}

// Rows with all columns of a schema.
class BatchOf {
  public:
    explicit BatchOf(const Schema& schema) : schema_(schema), builder_(specs(schema)) {}
    void add(const std::vector<Cell>& row, bool is_delete) {
        for (std::size_t c = 0; c < row.size(); ++c) {
            if (!row[c]) {
                builder_.append_null(c);
                continue;
            }
            const auto done = append_parsed_text(builder_, c, schema_.fields[c].type, *row[c]);
            EXPECT_TRUE(done.has_value()) << done.error().to_text();
        }
        builder_.finish_row(is_delete);
    }
    ColumnBatch finish() const { return decode(builder_); }

  private:
    static std::vector<ColumnBatchBuilder::ColumnSpec> specs(const Schema& schema) {
        std::vector<ColumnBatchBuilder::ColumnSpec> list;
        for (const auto& field : schema.fields)
            list.push_back({field.id, field.type});
        return list;
    }
    const Schema& schema_;
    ColumnBatchBuilder builder_;
};

class RandomValues {
  public:
    explicit RandomValues(std::mt19937& random) : random_(random) {}
    DataType type() {
        static const char* const kTypes[] = {
            "int",  "long",   "float",  "double",       "boolean",      "string",        "timestamp",
            "date", "binary", "string", "decimal(4,2)", "decimal(9,0)", "decimal(18,6)", "decimal(38,10)"};
        return *parse_type(kTypes[pick(std::size(kTypes))]);
    }
    // Canonical text; few different ones, so that filters find some.
    std::string text(DataType type) {
        const auto number = std::to_string(static_cast<std::int64_t>(pick(9)) - 4);
        switch (type.kind) {
            case TypeKind::int32:
            case TypeKind::int64:
                return canonical(type, pick(8) == 0 ? "-2147483648" : number);
            case TypeKind::float32:
            case TypeKind::float64:
                return canonical(type, pick(8) == 0 ? "inf" : number + ".25");
            case TypeKind::boolean:
                return pick(2) == 0 ? "true" : "false";
            case TypeKind::timestamp:
                return canonical(type, "1969-12-31 23:59:5" + std::to_string(pick(10)) + ".5");
            case TypeKind::date:
                return canonical(type, "2024-02-2" + std::to_string(pick(10)));
            case TypeKind::decimal:
                return canonical(type, type.scale == 0 ? number : number + ".5");
            case TypeKind::binary:
                return canonical(type, pick(3) == 0 ? "" : "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk=");
            default:
                return pick(3) == 0 ? ""
                                    : std::string(1 + pick(20), static_cast<char>('a' + pick(26))) + "'ß";
        }
    }
    std::size_t pick(std::size_t count) { return random_() % count; }

    static std::string canonical(DataType type, const std::string& text) {
        ColumnBatchBuilder builder({{FieldId{1}, type}});
        const auto done = append_parsed_text(builder, 0, type, text);
        EXPECT_TRUE(done.has_value()) << done.error().to_text();
        builder.finish_row(false);
        std::string printed;
        append_value_text(printed, decode(builder).columns()[0], 0);
        return printed;
    }

  private:
    std::mt19937& random_;
};

class SchemaHistoryTest : public PartitionFixture, public ::testing::WithParamInterface<std::uint32_t> {
  protected:
    void SetUp() override {
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
        options_.segment_bytes = 2048;
        reopen();
        DuckOptions duck;
        duck.readable_directories = {root_};
        auto database = DuckDatabase::open(duck);
        ASSERT_TRUE(database.has_value()) << database.error().to_text();
        executor_ = std::make_unique<QueryExecutor>(*database);
    }

    // --- what happens to the table ---

    void alter(const std::function<void(TableMeta&)>& change) {
        before_ = table_;
        change(table_);
        table_.schema.id = SchemaId{table_.schema.id.value + 1};
        partition_->update_table(table_);
    }
    void add_column() {
        // Few names: most of them had another column before.
        const std::string name(1, static_cast<char>('a' + pick(5)));
        if (table_.schema.find(name)) return;
        alter([&](TableMeta& table) {
            Field field;
            field.id = table.next_field_id;
            field.name = name;
            field.type = values_.type();
            if (pick(5) < 3) field.default_text = values_.text(field.type);
            table.next_field_id = FieldId{field.id.value + 1};
            table.schema.fields.push_back(std::move(field));
        });
    }
    void drop_column() {
        if (table_.schema.fields.size() < 2) return;
        const auto at = 1 + pick(table_.schema.fields.size() - 1);  // not the key
        alter([&](TableMeta& table) {
            table.schema.fields.erase(table.schema.fields.begin() + static_cast<std::ptrdiff_t>(at));
        });
    }

    // Rows that are there are seen as ones of the new type.
    void widen_column() {
        const auto at = pick(table_.schema.fields.size());
        if (at == table_.schema.key_index) return;
        static const char* const kTypes[] = {"long",          "double",        "timestamp",
                                             "decimal(14,2)", "decimal(24,4)", "decimal(38,12)"};
        const auto type = *parse_type(kTypes[pick(std::size(kTypes))]);
        const auto field = table_.schema.fields[at];
        if (!is_wider_type(type, field.type)) return;
        alter([&](TableMeta& table) {
            auto& wide = table.schema.fields[at];
            wide.type = type;
            if (wide.default_text) wide.default_text = RandomValues::canonical(type, *wide.default_text);
        });
    }
    // The cell as one of the type that its column has in the schema asked with.
    static Cell as_type(const Cell& cell, const Record& record, const Field& field) {
        const auto written = record.types.find(field.id);
        if (!cell || written == record.types.end() || written->second == field.type) return cell;
        // The shortest text of a float is not that of the double that equals it.
        if (written->second.kind == TypeKind::float32)
            return RandomValues::canonical(field.type, std::to_string(double{std::stof(*cell)}));
        return RandomValues::canonical(field.type, *cell);
    }

    // Several appends at once; some were made before the last change of the schema.
    void append_some() {
        std::vector<std::vector<Record>> groups(1 + pick(3));
        std::vector<std::future<Result<AppendAck>>> acks;
        for (auto& records : groups) {
            const TableMeta& table = pick(5) == 0 ? before_ : table_;
            records.resize(1 + pick(pick(4) == 0 ? 40 : 5));
            BatchOf batch(table.schema);
            for (auto& record : records) {
                record.key = static_cast<std::int64_t>(pick(120));
                record.is_delete = pick(6) == 0;
                std::vector<Cell> row;
                for (const auto& field : table.schema.fields) {
                    const bool is_key = field.id == table.schema.key().id;
                    if (is_key)
                        row.push_back(std::to_string(record.key));
                    else if (record.is_delete || pick(4) == 0)
                        row.push_back(std::nullopt);
                    else
                        row.push_back(values_.text(field.type));
                    record.cells[field.id] = row.back();
                    record.types[field.id] = field.type;
                }
                batch.add(row, record.is_delete);
            }
            acks.push_back(send(batch.finish(), table.schema.id));
        }
        for (std::size_t i = 0; i < groups.size(); ++i) {
            const auto ack = acks[i].get();
            ASSERT_TRUE(ack.has_value()) << ack.error().to_text();
            ASSERT_EQ(ack->first, end_);
            for (auto& record : groups[i])
                records_[end_++] = std::move(record);
        }
    }
    std::future<Result<AppendAck>> send(const ColumnBatch& batch, SchemaId schema) {
        AppendRequest request;
        request.body = batch.body();
        request.batch = batch;
        request.body_crc = crc32c(0, request.body.data(), request.body.size());
        request.schema = schema;
        auto promise = std::make_shared<std::promise<Result<AppendAck>>>();
        auto future = promise->get_future();
        partition_->append(std::move(request),
                           [promise](Result<AppendAck> ack) { promise->set_value(std::move(ack)); });
        return future;
    }

    // The files it writes have no column that was dropped.
    void compact() {
        std::set<std::string> before;
        for (const auto& file : load_manifest().files)
            before.insert(file.stem());
        const auto done = partition_->compress(nullptr);
        ASSERT_TRUE(done.has_value()) << done.error().to_text();
        for (const auto& file : load_manifest().files)
            for (const auto& field : file.fields)
                EXPECT_TRUE(before.contains(file.stem()) || table_.schema.find(field.id))
                    << file.stem() << " has field " << field.id.value;
    }
    Manifest load_manifest() { return *ManifestStore(posix_file_system(), directory_).load(); }

    // --- what must be seen of it ---

    // A column that was added later shows its default, in a delete NULL.
    static std::vector<Cell> row_of(const Record& record, const Schema& schema) {
        std::vector<Cell> row;
        for (const auto& field : schema.fields) {
            const auto found = record.cells.find(field.id);
            if (found != record.cells.end())
                row.push_back(as_type(found->second, record, field));
            else
                row.push_back(record.is_delete ? std::nullopt : field.default_text);
        }
        return row;
    }
    std::map<std::int64_t, std::vector<Cell>> live_rows(const Schema& schema) const {
        std::map<std::int64_t, std::vector<Cell>> rows;
        for (const auto& [offset, record] : records_) {
            if (record.is_delete)
                rows.erase(record.key);
            else
                rows[record.key] = row_of(record, schema);
        }
        return rows;
    }
    // Of what the log no longer has, compaction has left the newest record of each key, no deletes.
    std::map<Offset, Record> stored_records() {
        const auto manifest = load_manifest();
        std::map<std::int64_t, Offset> newest;
        for (const auto& [offset, record] : records_)
            if (offset < manifest.compacted_end) newest[record.key] = offset;
        auto stored = records_;
        for (auto it = stored.begin(); it != stored.end() && it->first < manifest.log_start;)
            it = newest[it->second.key] != it->first || it->second.is_delete ? stored.erase(it)
                                                                             : std::next(it);
        return stored;
    }

    // --- and what is seen ---

    Table select(const std::string& sql, const TableMeta& table, std::shared_ptr<const ReadView> cut,
                 std::optional<std::vector<Hash128>> keys = {}) {
        auto view = std::make_shared<QueryView>();
        auto& pinned = view->tables[table.id];
        pinned.table = std::make_shared<const TableMeta>(table);
        pinned.partitions[PartitionId{0}] = std::move(cut);
        pinned.keys = std::move(keys);
        FragmentQuery query;
        query.sql = sql;
        query.names = {{"t", table.id}};
        query.view = std::move(view);
        query.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        query.cancel = std::make_shared<QueryCancel>();
        Table table_of;
        auto running = executor_->start(std::move(query));
        EXPECT_TRUE(running.has_value()) << sql << ": " << running.error().to_text();
        while (running.has_value()) {
            const auto batch = (*running)->next();
            EXPECT_TRUE(batch.has_value()) << sql << ": " << batch.error().to_text();
            if (batch.has_error() || !*batch) break;
            for (std::uint32_t r = 0; r < (*batch)->rows(); ++r) {
                auto& row = table_of.emplace_back();
                for (const auto& column : (*batch)->columns())
                    row.push_back(cell_of(column, r));
            }
        }
        return table_of;
    }
    static void expect_same(const Table& seen, const Table& expected, const std::string& what) {
        ASSERT_EQ(seen.size(), expected.size()) << what;
        for (std::size_t i = 0; i < seen.size(); ++i)
            ASSERT_EQ(shown(seen[i]), shown(expected[i])) << what;
    }

    void check_queries() {
        const auto live = live_rows(table_.schema);
        Table all;
        for (const auto& [key, row] : live)
            all.push_back(row);
        const auto cut = partition_->pin();
        ASSERT_NO_FATAL_FAILURE(
            expect_same(select("SELECT * FROM t ORDER BY id", table_, cut), all, "all columns"));
        const auto at = pick(table_.schema.fields.size());
        const auto& field = table_.schema.fields[at];
        Table one;
        for (const auto& row : all)
            one.push_back({row[at], row[0]});
        const auto name = "\"" + field.name + "\"";
        ASSERT_NO_FATAL_FAILURE(expect_same(select("SELECT " + name + ", id FROM t ORDER BY id", table_, cut),
                                            one, "column " + field.name));
        ASSERT_NO_FATAL_FAILURE(check_filter(all, at, cut));
        ASSERT_NO_FATAL_FAILURE(check_keys(live, cut));
    }
    // The value is one that some row has, or NULL.
    void check_filter(const Table& all, std::size_t at, const std::shared_ptr<const ReadView>& cut) {
        const auto& field = table_.schema.fields[at];
        const Cell wanted = all.empty() ? std::nullopt : all[pick(all.size())][at];
        if (wanted && field.type.kind == TypeKind::binary) return;  // has no literal that queries may use
        Table found;
        for (const auto& row : all)
            if (row[at] == wanted) found.push_back({row[0]});
        Field constant;
        constant.type = field.type;
        constant.default_text = wanted;
        const auto condition =
            "\"" + field.name + (wanted ? "\" = " + sql_default(constant) : std::string("\" IS NULL"));
        ASSERT_NO_FATAL_FAILURE(expect_same(
            select("SELECT id FROM t WHERE " + condition + " ORDER BY id", table_, cut), found, condition));
    }
    void check_keys(const std::map<std::int64_t, std::vector<Cell>>& live,
                    const std::shared_ptr<const ReadView>& cut) {
        std::set<std::int64_t> keys;
        for (int i = 0; i < 4; ++i)
            keys.insert(static_cast<std::int64_t>(pick(130)));
        std::vector<std::string> texts;
        Table expected;
        for (const auto key : keys) {
            texts.push_back(std::to_string(key));
            Table one;
            if (const auto found = live.find(key); found != live.end()) one.push_back(found->second);
            ASSERT_NO_FATAL_FAILURE(expect_same(
                select("SELECT * FROM t WHERE id = " + texts.back(), table_, cut), one, texts.back()));
            expected.insert(expected.end(), one.begin(), one.end());
        }
        const auto hashes = hash_key_texts(table_, texts);
        ASSERT_TRUE(hashes.has_value());
        ASSERT_NO_FATAL_FAILURE(expect_same(select("SELECT * FROM t ORDER BY id", table_, cut, *hashes),
                                            expected, "rows of keys"));
    }

    // A cut keeps the columns it was pinned with, whatever becomes of them.
    void hold_cut() {
        held_ = partition_->pin();
        held_table_ = table_;
        held_rows_.clear();
        for (const auto& [key, row] : live_rows(table_.schema))
            held_rows_.push_back(row);
    }
    void check_held_cut() {
        if (held_ == nullptr) return;
        expect_same(select("SELECT * FROM t ORDER BY id", held_table_, std::exchange(held_, nullptr)),
                    held_rows_, "a cut of before");
    }

    // Consumers see every stored record, in each of the formats.
    void check_streams() {
        const auto stored = stored_records();
        for (const auto format : {StreamFormat::rows, StreamFormat::json, StreamFormat::columnar}) {
            StreamReader reader(partition_, std::make_shared<const TableMeta>(table_), PartitionId{0}, 0,
                                1u << 30, format);
            auto next = stored.begin();
            for (;;) {
                const auto chunk = reader.next(1 + pick(20'000));
                ASSERT_TRUE(chunk.has_value()) << chunk.error().to_text();
                if (chunk->empty()) break;
                ASSERT_LE(chunk->rows, static_cast<std::uint64_t>(std::distance(next, stored.end())));
                const auto end = std::next(next, static_cast<std::ptrdiff_t>(chunk->rows));
                ASSERT_NO_FATAL_FAILURE(check_chunk(*chunk, format, {next, end}));
                next = end;
            }
            ASSERT_EQ(next, stored.end()) << "not all records came";
        }
    }
    void check_chunk(const StreamChunk& chunk, StreamFormat format, const std::map<Offset, Record>& records) {
        if (format == StreamFormat::columnar) return check_columnar(chunk, records);
        // What a batch with all columns gives.
        BatchOf complete(table_.schema);
        std::vector<Offset> offsets;
        for (const auto& [offset, record] : records) {
            complete.add(row_of(record, table_.schema), record.is_delete);
            offsets.push_back(offset);
        }
        const auto batch = complete.finish();
        if (format == StreamFormat::rows) {
            StreamRowsEncoder encoder(table_, PartitionId{0});
            encoder.add(batch, 0, batch.rows(), RowOffsets{0, offsets});
            ASSERT_EQ(chunk.frames.size(), 1u);
            ASSERT_EQ(chunk.frames[0].size(), 1u);
            ASSERT_TRUE(encoder.finish() == chunk.frames[0][0].view()) << "from offset " << offsets.front();
            return;
        }
        ASSERT_EQ(chunk.frames.size(), records.size());
        for (std::uint32_t r = 0; r < batch.rows(); ++r) {
            std::string expected;
            append_stream_json(expected, table_, PartitionId{0}, batch, r, offsets[r], 0);
            std::string seen(chunk.frames[r].front().view());
            for (auto* text : {&expected, &seen}) {
                const auto time = text->find("\"timestamp\":");
                text->erase(time, text->find("\"data\"") - time);
            }
            ASSERT_EQ(seen, expected);
        }
    }
    // As the client library reads it: by field id, with the defaults of the schema.
    void check_columnar(const StreamChunk& chunk, const std::map<Offset, Record>& records) {
        auto next = records.begin();
        for (const auto& parts : chunk.frames) {
            std::string bytes;
            for (const auto& part : parts)
                bytes += part.view();
            const auto frame = decode_columnar_frame(SharedBytes::from_string(std::move(bytes)));
            ASSERT_TRUE(frame.has_value()) << frame.error().to_text();
            for (auto row = frame->first_row; row < frame->end_row; ++row, ++next) {
                ASSERT_NE(next, records.end());
                ASSERT_EQ(frame->offset_of(row), next->first);
                const bool is_delete = frame->batch.is_delete(row);
                ASSERT_EQ(is_delete, next->second.is_delete);
                std::vector<Cell> cells;
                for (const auto& field : table_.schema.fields) {
                    const auto* column = frame->batch.find(field.id);
                    if (column != nullptr)
                        cells.push_back(cell_of(*column, row));
                    else
                        cells.push_back(is_delete ? std::nullopt : field.default_text);
                }
                ASSERT_EQ(shown(cells), shown(row_of(next->second, table_.schema))) << next->first;
            }
        }
        ASSERT_EQ(next, records.end());
    }

    std::size_t pick(std::size_t count) { return values_.pick(count); }

    std::mt19937 random_{GetParam()};
    RandomValues values_{random_};
    std::unique_ptr<QueryExecutor> executor_;
    TableMeta before_ = table_;  // the last change of the schema
    std::map<Offset, Record> records_;
    Offset end_ = 0;
    std::shared_ptr<const ReadView> held_;
    TableMeta held_table_;
    Table held_rows_;
};

TEST_P(SchemaHistoryTest, RowsAreSeenUnderTheSchemaTheyAreAskedWith) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    for (int step = 0; step < 90; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        const auto action = pick(100);
        if (action < 54) {
            ASSERT_NO_FATAL_FAILURE(append_some());
        } else if (action < 66) {
            add_column();
        } else if (action < 71) {
            drop_column();
        } else if (action < 76) {
            for (int i = 0; i < 12; ++i)
                widen_column();
        } else if (action < 83) {
            ASSERT_TRUE(partition_->flush().has_value());
        } else if (action < 90) {
            ASSERT_NO_FATAL_FAILURE(compact());
        } else if (action < 95) {
            hold_cut();
        } else {
            ASSERT_NO_FATAL_FAILURE(check_held_cut());
            reopen();
        }
        if (step % 30 == 29)
            for (int i = 0; i < 12; ++i)
                widen_column();
        if (step % 4 == 0) {
            ASSERT_NO_FATAL_FAILURE(check_queries());
        }
        if (step % 16 == 0) {
            ASSERT_NO_FATAL_FAILURE(check_streams());
            ASSERT_NO_FATAL_FAILURE(check_held_cut());
        }
    }
    ASSERT_NO_FATAL_FAILURE(check_held_cut());
    ASSERT_NO_FATAL_FAILURE(compact());
    reopen();
    ASSERT_NO_FATAL_FAILURE(check_queries());
    ASSERT_NO_FATAL_FAILURE(check_streams());
    const auto report = partition_->check({});
    ASSERT_TRUE(report.has_value()) << report.error().to_text();
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
    EXPECT_EQ(report->live_rows, live_rows(table_.schema).size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SchemaHistoryTest, ::testing::Range(1u, 7u));

}  // namespace
}  // namespace dl::slave::test
