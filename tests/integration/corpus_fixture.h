// Tables that lie on several slaves, in files with dead rows and in tails, beside DuckDB over one copy of the
// same rows; statements are compared between the two.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/cluster_fixture.h"
#include "tests/support/duck_reference.h"

namespace dl::test {
using nlohmann::json;

inline constexpr const char* kTables[] = {"items", "cust", "orders", "nothing"};

struct CorpusColumn {
    const char* name;
    const char* type;       // ours
    const char* duck_type;  // DuckDB's
};
inline const std::map<std::string, std::vector<CorpusColumn>> kColumns = {
    {"items",
     {{"id", "int", "INTEGER"},
      {"grp", "string", "VARCHAR"},
      {"n", "int", "INTEGER"},
      {"big", "long", "BIGINT"},
      {"f", "float", "FLOAT"},
      {"d", "double", "DOUBLE"},
      {"flag", "boolean", "BOOLEAN"},
      {"s", "string", "VARCHAR"},
      {"ts", "timestamp", "TIMESTAMP"},
      {"dt", "date", "DATE"},
      {"p", "decimal(10,2)", "DECIMAL(10,2)"},
      {"w", "decimal(30,5)", "DECIMAL(30,5)"},
      {"tiny", "decimal(4,1)", "DECIMAL(4,1)"},
      {"b", "binary", "BLOB"},
      {"note", "string", "VARCHAR"}}},
    {"cust",
     {{"id", "int", "INTEGER"},
      {"name", "string", "VARCHAR"},
      {"country", "string", "VARCHAR"},
      {"credit", "decimal(12,2)", "DECIMAL(12,2)"},
      {"since", "date", "DATE"},
      {"order", "int", "INTEGER"}}},
    {"orders",
     {{"oid", "long", "BIGINT"},
      {"cust", "int", "INTEGER"},
      {"item", "int", "INTEGER"},
      {"qty", "int", "INTEGER"},
      {"placed", "timestamp", "TIMESTAMP"},
      {"memo", "string", "VARCHAR"}}},
    {"nothing", {{"id", "int", "INTEGER"}, {"x", "double", "DOUBLE"}, {"s", "string", "VARCHAR"}}}};

using Row = std::vector<Text>;
using Rows = std::map<std::int64_t, Row>;  // by key

inline Text unless(bool null, std::string text) {
    return null ? Text() : Text(std::move(text));
}

inline std::string decimal(std::int64_t hundredths) {
    const auto digits = std::to_string(std::abs(hundredths) % 100);
    return (hundredths < 0 ? "-" : "") + std::to_string(std::abs(hundredths) / 100) + "." +
           std::string(2 - digits.size(), '0') + digits;
}

inline std::string day(int number) {
    char text[16];
    std::snprintf(text, sizeof text, "20%02d-%02d-%02d", 20 + number / 336 % 5, 1 + number / 28 % 12,
                  1 + number % 28);
    return text;
}

// `version` tells what an upsert changes.
inline Row item(int i, int version) {
    const char* words[] = {"apple", "Banana", "cherry", "", "42", "-7", "it's", "été", "a_b%c", "zebra"};
    const int k = i + version * 17;
    char time[40];
    std::snprintf(time, sizeof time, "%s %02d:%02d:%02d.%06d", day(k % 600).c_str(), k % 24, k % 60,
                  k * 7 % 60, 100000 + k % 899999);
    static const char* bytes[] = {"AAD/", "", "AQID", "//8=", "aGk="};
    return {std::to_string(i),
            unless(k % 11 == 0, "g" + std::to_string(k % 6)),
            unless(k % 9 == 0, std::to_string(k % 13 - 6)),
            unless(k % 10 == 3, std::to_string((k % 2 == 0 ? 1 : -1) * (k * 10'000'000'000'007))),
            unless(k % 14 == 2, decimal((k % 40) * 25 - 300)),
            unless(k % 8 == 1, decimal(k * 25)),
            unless(k % 12 == 5, k % 3 == 0 ? "true" : "false"),
            unless(k % 13 == 4, words[k % 10]),
            unless(k % 15 == 6, time),
            unless(k % 16 == 7, day(k % 500)),
            unless(k % 17 == 8, decimal(k * 37 % 10000 - 2000)),
            unless(k % 19 == 9, "12345678901234567890" + std::to_string(1000 + k) + ".12345"),
            unless(k % 21 == 10, decimal((k * 7 % 1999 - 999) * 10)),
            unless(k % 23 == 11, bytes[k % 5]),
            std::string(700, 'x') + std::to_string(k % 50)};
}

class CorpusFixture : public ClusterTest {
  protected:
    // Of `slaves`; `compacted`: nothing is left in the tail, and no dead rows.
    void fill_cluster(int slaves, bool compacted = false) {
        slaves_ = slaves;
        start({.slaves = slaves, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
        auto client = connect();
        for (const auto* table : kTables) {
            nlohmann::ordered_json types = nlohmann::ordered_json::object(), create;
            for (const auto& column : kColumns.at(table))
                types[column.name] = column.type;
            create["create"] = {{"table_name", table},
                                {"col_type", types},
                                {"partition_number", table == kTables[0] ? 6 : 4},
                                {"major_key", kColumns.at(table)[0].name}};
            must(client, create.dump());
        }
        fill(client);
        // Full log files become Parquet; what came last stays in the tail.
        EXPECT_TRUE(wait_until(std::chrono::seconds(30), [&] { return parquet_files() >= 6; }));
        for (const auto* table : kTables)
            copy(table);
        if (compacted)
            for (const auto* table : kTables)
                must(client, json{{"compress_table", table}}.dump());
        client_ = std::make_unique<RawClient>(connect());
    }

    void fill(RawClient& client) {
        for (int i = 1; i <= 900; ++i)
            put("items", item(i, 0));
        for (int i = 1; i <= 60; ++i)
            put("cust", {std::to_string(i), "name" + std::to_string(i % 40),
                         unless(i % 7 == 0, i % 3 == 0   ? "PL"
                                            : i % 3 == 1 ? "CN"
                                                         : "DE"),
                         unless(i % 10 == 0, decimal(i * 12345)), unless(i % 9 == 0, day(i * 9)),
                         std::to_string(i % 5)});
        for (int i = 1; i <= 500; ++i)
            put("orders",
                {std::to_string(i * 1'000'000'000LL), unless(i % 20 == 0, std::to_string(i % 70)),
                 std::to_string(i * 3 % 950), unless(i % 25 == 0, std::to_string(i % 6)),
                 day(i % 300) + " 12:00:" + std::to_string(10 + i % 50), "m" + std::to_string(i % 9)});
        send(client);
        for (int i = 5; i <= 900; i += 5)
            put("items", item(i, 1));
        for (int i = 7; i <= 900; i += 7)
            erase("items", i);
        for (int i = 13; i <= 60; i += 13)
            erase("cust", i);
        put("nothing", {"1", "1.5", "gone"});
        erase("nothing", 1);
        send(client);
    }

    void put(const std::string& table, Row row) {
        json record = json::object();
        for (std::size_t c = 0; c < row.size(); ++c)
            record[kColumns.at(table)[c].name] = row[c] ? json(*row[c]) : json();
        waiting_[table].push_back(std::move(record));
        const auto key = std::stoll(*row[0]);
        live_[table][key] = std::move(row);
    }
    void erase(const std::string& table, std::int64_t key) {
        waiting_[table].push_back({{kColumns.at(table)[0].name, key}, {"crud", "delete"}});
        live_[table].erase(key);
    }
    void send(RawClient& client) {
        for (auto& [table, records] : waiting_)
            must(client, json{{"batch_insert", {{"table_name", table}, {"data", records}}}}.dump());
        waiting_.clear();
    }

    std::size_t parquet_files() const {
        std::size_t count = 0;
        for (std::size_t slave = 0; slave < cluster_->slave_count(); ++slave) {
            std::error_code gone;
            for (std::filesystem::recursive_directory_iterator at(cluster_->slave_data(slave), gone), end;
                 at != end; at.increment(gone)) {
                if (at->path().extension() == ".parquet") ++count;
            }
        }
        return count;
    }

    // The live rows into DuckDB.
    void copy(const std::string& table) {
        std::string columns, values;
        for (const auto& column : kColumns.at(table))
            columns +=
                (columns.empty() ? "" : ", ") + std::string("\"") + column.name + "\" " + column.duck_type;
        reference_.execute("CREATE TABLE " + table + "(" + columns + ")");
        for (const auto& [key, row] : live_[table]) {
            std::string list;
            for (std::size_t c = 0; c < row.size(); ++c) {
                std::string text = "NULL";
                if (row[c]) {
                    text = "'";
                    for (const char letter : *row[c])
                        text += letter == '\'' ? "''" : std::string(1, letter);
                    text += "'";
                    if (kColumns.at(table)[c].duck_type == std::string("BLOB"))
                        text = "from_base64(" + text + ")";
                }
                list += (list.empty() ? "(" : ", ") + text;
            }
            values += (values.empty() ? "" : ", ") + list + ")";
        }
        if (!values.empty()) reference_.execute("INSERT INTO " + table + " VALUES " + values);
    }

    void compare(const std::string& statement, bool ordered) {
        ++compared_;
        const auto reply = client_->request(query(statement));
        const auto expected = reference_.query(statement);
        if (!expected.error.empty()) ++failing_;
        EXPECT_EQ(reply.ok(), expected.error.empty())
            << statement << "\n  DuckDB: " << expected.error << "\n  here: " << reply.text;
        if (!reply.ok() || !expected.error.empty()) return;
        EXPECT_EQ(difference(expected, answer_of_frames(reply.frames), ordered), "") << statement;
        if (expected.rows.empty() || slaves_ != 2) return;
        const auto types = "SELECT typeof(COLUMNS(*)) FROM (" + statement + ") LIMIT 1";
        const auto type_reply = client_->request(query(types));
        const auto expected_types = reference_.query(types);
        if (!type_reply.ok() || !expected_types.error.empty()) return;
        EXPECT_EQ(difference(expected_types, answer_of_frames(type_reply.frames), true), "")
            << "types of " << statement;
    }
    // What EXPLAIN says.
    bool sends_tables(const std::string& statement) {
        const auto plan = answer_of_frames(client_->request(query("EXPLAIN " + statement)).frames);
        return std::any_of(plan.rows.begin(), plan.rows.end(),
                           [](const auto& row) { return row.front() == "broadcast"; });
    }
    void TearDown() override {
        std::cout << compared_ << " statements compared, of which " << failing_ << " fail in both\n";
        ClusterTest::TearDown();
    }

    DuckReference reference_;
    std::map<std::string, json> waiting_;
    std::map<std::string, Rows> live_;
    std::unique_ptr<RawClient> client_;
    int slaves_ = 0, compared_ = 0, failing_ = 0;
};

}  // namespace dl::test
