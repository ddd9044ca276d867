// Random statements over the wire against a model in memory: schemas of all types, upserts, deletes, columns
// added, dropped and added again under the same name, flushes (small segments), compaction, restarts and kill
// -9. After each step some of: all rows, rows by key, the table as of a remembered cut, the log replayed,
// counts.
//   DL_DIFFERENTIAL_SEED=N repeats a run; DL_DIFFERENTIAL_SECONDS=N makes it longer.
#include <gmock/gmock.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <set>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

using Offsets = std::map<int, std::int64_t>;  // partition -> next offset

struct Column {
    int id = 0;  // of the model: new with every ADD
    std::string name, type;
    json otherwise;  // DEFAULT or null
};

struct Record {
    std::string key;
    bool is_delete = false;
    std::map<int, json> values;  // by column id: of those that existed then
};

struct Model {
    std::vector<Column> columns;  // the first is the key
    std::map<int, std::map<std::int64_t, Record>> log;
    std::map<std::string, int> partition_of;

    // Rows by key when the log ended at `cut`, in today's columns.
    std::map<std::string, json> rows(const Offsets& cut) const {
        std::map<std::string, json> live;
        for (const auto& [partition, records] : log) {
            for (const auto& [offset, record] : records) {
                if (offset >= cut.at(partition)) break;
                if (record.is_delete)
                    live.erase(record.key);
                else
                    live[record.key] = row(record);
            }
        }
        return live;
    }
    json row(const Record& record) const {
        json out = json::object();
        for (const auto& column : columns) {
            const auto found = record.values.find(column.id);
            out[column.name] = found == record.values.end() ? column.otherwise : found->second;
        }
        return out;
    }
    Offsets end() const {
        Offsets ends;
        for (const auto& [partition, records] : log)
            ends[partition] = records.empty() ? 0 : records.rbegin()->first + 1;
        return ends;
    }
};

const std::vector<std::string> kTypes = {"int",          "long",          "float",     "double",
                                         "boolean",      "string",        "timestamp", "date",
                                         "decimal(9,2)", "decimal(30,3)", "binary"};
const std::vector<std::string> kKeyTypes = {"int",  "long",         "string", "timestamp",
                                            "date", "decimal(9,2)", "double", "binary"};

class DifferentialTest : public ClusterTest {
  protected:
    static constexpr int kPartitions = 3;
    static constexpr int kKeys = 120;

    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    // A value as queries return it; whole numbers and quarters are exact in every type.
    json value_of(const std::string& type, std::uint64_t n) {
        const auto two = [](std::uint64_t v) { return (v < 10 ? "0" : "") + std::to_string(v); };
        const auto day = "2024-" + two(1 + n % 12) + "-" + two(1 + n / 12 % 28);
        if (type == "int") return static_cast<std::int64_t>(n) - 50;
        if (type == "long") return static_cast<std::int64_t>(n) * 4'000'000'007 - 9'000'000'000;
        if (type == "float" || type == "double" || type.starts_with("decimal"))
            return (static_cast<double>(n) - 40) / 4;
        if (type == "boolean") return n % 2 == 0;
        if (type == "string")
            return "s'" + std::to_string(n) + (n % 3 == 0 ? "\"\\ ß漢" : std::string(n % 10 * 60, 'x'));
        if (type == "timestamp") return day + " 12:" + two(n % 60) + ":01" + (n % 2 == 0 ? "" : ".250000");
        if (type == "date") return day + "";
        // binary: base64 of three bytes
        constexpr std::string_view kDigits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        return std::string{'/', kDigits[n / 64 % 64], kDigits[n % 64], 'A'};
    }
    // As a constant in SQL.
    static std::string literal(const std::string& type, const json& value) {
        if (!value.is_string()) return value.dump();
        std::string text = "'";
        for (const char c : value.get<std::string>())
            text += c == '\'' ? "''" : std::string(1, c);
        text += "'";
        return type == "binary" ? "from_base64(" + text + ")" : text;
    }
    json key_value(int n) {
        const auto& type = model_.columns[0].type;
        auto value = value_of(type, static_cast<std::uint64_t>(n) * 7 + 1);
        // A key is found by its text, and JSON has two of a whole double.
        if (type == "double") value = value.get<double>() + 0.125;
        return value;
    }
    static std::string key_text(const json& value) { return value.dump(); }

    void create() {
        model_ = {};
        model_.columns.push_back({next_id_++, "k", kKeyTypes[below(kKeyTypes.size())], nullptr});
        std::string columns = "k " + model_.columns[0].type + " primary key";
        for (std::uint64_t i = 0; i < 1 + below(5); ++i) {
            auto column = new_column();
            if (i == 0)
                column = {column.id, column.name, "string", nullptr};  // something to fill segments with
            columns += ", " + definition(column);
            model_.columns.push_back(column);
        }
        auto client = connect();
        must(client,
             sql("create table t(" + columns + ") partition.number = " + std::to_string(kPartitions)));
        for (int p = 0; p < kPartitions; ++p)
            model_.log[p];
    }
    Column new_column() {
        Column column;
        column.id = next_id_++;
        for (;;) {  // few names, so that dropped ones come back
            column.name = "c" + std::to_string(below(7));
            const bool taken = std::any_of(model_.columns.begin(), model_.columns.end(),
                                           [&](const Column& c) { return c.name == column.name; });
            if (!taken) break;
        }
        column.type = kTypes[below(kTypes.size())];
        if (one_in(2) && column.type != "binary") column.otherwise = value_of(column.type, below(200));
        return column;
    }
    static std::string definition(const Column& column) {
        return column.name + " " + column.type +
               (column.otherwise.is_null() ? "" : " default " + literal(column.type, column.otherwise));
    }

    // --- steps ---
    void write() {
        const auto count = one_in(2) ? 200 + below(600) : 1 + below(30);
        auto data = json::array();
        std::vector<Record> records;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto key = key_value(static_cast<int>(below(kKeys)));
            Record record{key_text(key), one_in(6), {}};
            json row{{"k", key}, {"crud", record.is_delete ? "delete" : "insert"}};
            record.values[model_.columns[0].id] = key;
            for (std::size_t c = 1; c < model_.columns.size() && !record.is_delete; ++c) {
                const auto& column = model_.columns[c];
                auto& stored = record.values[column.id];
                const auto kind = below(6);
                if (kind == 0) {
                    stored = column.otherwise;  // left out
                } else {
                    stored = kind == 1 ? json(nullptr) : value_of(column.type, below(200));
                    row[column.name] = stored;
                }
            }
            data.push_back(row);
            records.push_back(std::move(record));
        }
        auto client = connect();
        const auto reply = must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}},
                                             {"options", {{"meta", true}}}}
                                            .dump());
        ASSERT_TRUE(reply.ok());
        const auto offsets = json::parse(reply.frames.at(0))["meta"]["offsets"];
        learn(client, offsets, records);
    }

    // Where the rows of a batch went is read from the log: each row once, in order, a key always to one
    // partition.
    void learn(RawClient& client, const json& offsets, std::vector<Record>& records) {
        std::map<int, std::vector<std::string>> keys;
        for (const auto& [name, range] : offsets.items()) {
            const int partition = std::stoi(name);
            const auto first = range[0].get<std::int64_t>();
            ASSERT_EQ(first, model_.end()[partition]) << "offsets are dense";
            for (const auto& record : read_log(client, {{partition, first}}))
                keys[partition].push_back(key_text(record["data"]["k"]));
            ASSERT_EQ(static_cast<std::int64_t>(keys[partition].size()),
                      range[1].get<std::int64_t>() - first + 1);
            for (const auto& key : keys[partition]) {
                const auto [entry, fresh] = model_.partition_of.emplace(key, partition);
                ASSERT_EQ(entry->second, partition) << "key " << key;
            }
        }
        std::map<int, std::size_t> at;
        for (auto& record : records) {
            const auto found = model_.partition_of.find(record.key);
            ASSERT_NE(found, model_.partition_of.end()) << "key " << record.key << " was not written";
            const int partition = found->second;
            ASSERT_LT(at[partition], keys[partition].size());
            ASSERT_EQ(keys[partition][at[partition]++], record.key);
            const auto offset = model_.end()[partition];
            model_.log[partition][offset] = std::move(record);
        }
    }

    void alter() {
        auto client = connect();
        const bool drop = model_.columns.size() > 1 && (model_.columns.size() > 6 || one_in(2));
        if (drop) {
            const auto at = 1 + below(model_.columns.size() - 1);
            must(client, sql("alter table t drop " + model_.columns[at].name));
            model_.columns.erase(model_.columns.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            const auto column = new_column();
            must(client, sql("alter table t add " + definition(column)));
            model_.columns.push_back(column);
        }
    }
    void compress() {
        auto client = connect();
        must(client, R"({"compress_table":"t"})");
        compressed_at_ = model_.end();
    }
    void restart() {
        const auto which = below(cluster().slave_count());
        if (one_in(2))
            cluster().slave(which).kill_hard();
        else
            cluster().slave(which).stop(std::chrono::seconds(30));
        // A slave that is away misses the change of the schema; whatever asks it first must tell it.
        if (one_in(2)) alter();
        cluster().start();
        cluster().wait_serving("t");
        if (one_in(2)) check_replay();
    }

    // --- checks ---
    std::vector<json> read_log(RawClient& client, const Offsets& from) {
        auto parts = json::array();
        for (const auto& [partition, offset] : from)
            parts.push_back({{"patition_code", partition}, {"offset", offset}});
        const json statement{
            {"stream_read", {{"table_name", "t"}, {"patition_mess", parts}, {"read_count", 1'000'000}}},
            {"options", {{"format", "json"}}}};
        std::vector<json> records;
        for (const auto& frame : must(client, statement.dump()).frames)
            records.push_back(json::parse(frame));
        return records;
    }
    static std::map<std::string, json> by_key(const std::vector<json>& rows) {
        std::map<std::string, json> out;
        for (const auto& row : rows)
            EXPECT_TRUE(out.emplace(key_text(row.at("k")), row).second) << "twice: " << row.dump();
        return out;
    }
    std::optional<std::map<std::string, json>> as_of(RawClient& client, const Offsets& cut,
                                                     const std::string& select) {
        auto named = json::object();
        for (const auto& [partition, offset] : cut)
            named[std::to_string(partition)] = offset;
        const auto reply =
            client.request(json{{"query", select}, {"options", {{"as_of", named}, {"meta", true}}}}.dump());
        if (!reply.ok()) {
            EXPECT_EQ(reply.code(), "NOT_FOUND") << reply.text;
            EXPECT_THAT(reply.text, HasSubstr("can be read as of offset"));
            return std::nullopt;
        }
        std::vector<json> rows;
        for (std::size_t i = 0; i + 1 < reply.frames.size(); ++i)
            rows.push_back(json::parse(reply.frames[i]));
        const auto meta = json::parse(reply.frames.back())["meta"];
        for (const auto& [partition, offset] : meta["offsets"]["t"].items())
            EXPECT_EQ(offset, cut.at(std::stoi(partition)));
        std::int64_t behind = 0;
        const auto ends = model_.end();
        for (const auto& [partition, offset] : meta["offsets"]["t"].items())
            behind += ends.at(std::stoi(partition)) - cut.at(std::stoi(partition));
        EXPECT_EQ(meta["behind"]["t"], behind);
        return by_key(rows);
    }

    void check_all() {
        auto client = connect();
        const auto expected = model_.rows(model_.end());
        EXPECT_EQ(by_key(rows(client, "select * from t")), expected);
        EXPECT_EQ(value(client, "select count(*) from t"), expected.size());
    }
    void check_keys() {
        auto client = connect();
        const auto all = model_.rows(model_.end());
        const auto& key = model_.columns[0];
        for (int i = 0; i < 6; ++i) {
            std::map<std::string, json> expected;
            std::string list;
            for (std::uint64_t n = 0; n <= below(i < 3 ? 1 : 6); ++n) {
                const auto wanted = key_value(static_cast<int>(below(kKeys + 10)));
                list += (list.empty() ? "" : ", ") + literal(key.type, wanted);
                if (const auto found = all.find(key_text(wanted)); found != all.end())
                    expected.insert(*found);
            }
            const bool one = list.find(", ") == std::string::npos;
            const auto condition = one ? "k = " + list : "k in (" + list + ")";
            const std::vector<std::string> shapes = {
                "select * from t where " + condition,
                "SELECT x.* FROM T AS x WHERE x." + condition + " ORDER BY 1",
                "select * from t where " + condition + " and 1 = 1",
                "select * from (select * from t where " + condition + ") as s"};
            const auto& select = shapes[below(shapes.size())];
            EXPECT_EQ(by_key(rows(client, select)), expected) << select;
        }
        if (one_in(4)) {
            const auto route =
                rows(client, "explain select * from t where k = " + literal(key.type, key_value(1)));
            EXPECT_NE(route.at(0).dump().find("key index: 1 key, partition"), std::string::npos)
                << route.at(0).dump();
        }
    }
    void check_past() {
        auto client = connect();
        for (auto at = remembered_.begin(); at != remembered_.end();) {
            const auto expected = model_.rows(*at);
            const auto found = as_of(client, *at, "select * from t");
            if (found) {
                EXPECT_EQ(*found, expected) << "as of " << json(*at).dump();
                const auto key = key_value(static_cast<int>(below(kKeys)));
                const auto one =
                    as_of(client, *at, "select * from t where k = " + literal(model_.columns[0].type, key));
                ASSERT_TRUE(one);
                EXPECT_EQ(one->size(), expected.count(key_text(key)));
                if (!one->empty()) {
                    EXPECT_EQ(one->begin()->second, expected.at(key_text(key)));
                }
                ++at;
                continue;
            }
            bool may_be_gone = false;
            for (const auto& [partition, offset] : compressed_at_)
                may_be_gone = may_be_gone || at->at(partition) < offset;
            EXPECT_TRUE(may_be_gone) << "nothing was compacted since " << json(*at).dump();
            at = remembered_.erase(at);
        }
    }
    void check_replay() {
        auto client = connect();
        std::map<std::string, json> replayed;
        std::map<int, std::int64_t> last;
        for (const auto& record : read_log(client, {{0, 0}, {1, 0}, {2, 0}})) {
            const int partition = record["partition_code"];
            const std::int64_t offset = record["offset"];
            ASSERT_TRUE(!last.contains(partition) || last[partition] < offset);
            last[partition] = offset;
            const auto& stored = model_.log[partition];
            ASSERT_TRUE(stored.contains(offset));
            EXPECT_EQ(key_text(record["data"]["k"]), stored.at(offset).key);
            EXPECT_EQ(record["crud"], stored.at(offset).is_delete ? "delete" : "insert");
            if (stored.at(offset).is_delete) {
                replayed.erase(stored.at(offset).key);
            } else {
                EXPECT_EQ(record["data"], model_.row(stored.at(offset)));
                replayed[stored.at(offset).key] = record["data"];
            }
        }
        EXPECT_EQ(replayed, model_.rows(model_.end()));
    }

    std::mt19937_64 random_;
    Model model_;
    int next_id_ = 1;
    std::vector<Offsets> remembered_;
    Offsets compressed_at_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_F(DifferentialTest, AgreesWithTheModel) {
    const auto seed = number_from("DL_DIFFERENTIAL_SEED", std::random_device{}());
    const auto until = steady_clock::now() + std::chrono::seconds(number_from("DL_DIFFERENTIAL_SECONDS", 40));
    std::cout << "DL_DIFFERENTIAL_SEED=" << seed << std::endl;
    random_.seed(seed);
    start({.slaves = 2, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    int steps = 0;
    int files = 0;
    while (steady_clock::now() < until && !HasFailure()) {
        next_id_ = 1;
        remembered_.clear();
        compressed_at_.clear();
        create();
        for (int step = 0; step < 60 && steady_clock::now() < until && !HasFailure(); ++step, ++steps) {
            SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(steps));
            const auto kind = below(100);
            if (kind < 66) {
                ASSERT_NO_FATAL_FAILURE(write());
            } else if (kind < 80) {
                alter();
            } else if (kind < 88) {
                compress();
            } else if (kind < 92) {
                restart();
            } else {
                remembered_.push_back(model_.end());
            }
            if (remembered_.size() > 4) remembered_.erase(remembered_.begin());
            if (one_in(2)) check_all();
            ASSERT_NO_FATAL_FAILURE(check_keys());
            if (one_in(2)) {
                ASSERT_NO_FATAL_FAILURE(check_past());
            }
            if (one_in(6)) {
                ASSERT_NO_FATAL_FAILURE(check_replay());
            }
        }
        for (std::size_t s = 0; s < cluster().slave_count(); ++s)
            for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster().slave_data(s)))
                files += entry.path().extension() == ".parquet" ? 1 : 0;
        auto client = connect();
        must(client, sql("drop t"));
    }
    EXPECT_GT(files, 0) << "nothing was flushed, so no file was tested";
    std::cout << steps << " steps" << std::endl;
}

}  // namespace
}  // namespace dl::test
