// Every function that the gate lets through, over every combination of types that the engine tells of it,
// with columns and with NULLs: compared with the same engine over one copy of the rows. What is not the same
// each time by its own nature is left out. One slave whose files are compacted, and two and three with files,
// dead rows and tails.
#include <gmock/gmock.h>

#include <map>
#include <set>
#include <tuple>

#include "tests/integration/corpus_fixture.h"

namespace dl::test {
namespace {

constexpr int kParts = 8;

struct Function {
    std::string name, kind, result;
    std::vector<std::string> types;  // of its parameters
};

// An argument of that type out of the columns of `items`; "" for a type that is not tried.
std::string argument(const std::string& type, std::size_t position) {
    static const std::map<std::string, std::vector<std::string>> values = {
        {"VARCHAR", {"s", "coalesce(grp, 'a')", "'a'"}},
        {"TINYINT", {"n::TINYINT"}},
        {"SMALLINT", {"n::SMALLINT", "2::SMALLINT"}},
        {"INTEGER", {"n", "2"}},
        {"BIGINT", {"n::BIGINT", "2::BIGINT"}},
        {"HUGEINT", {"big::HUGEINT", "3::HUGEINT"}},
        {"UTINYINT", {"(id % 100)::UTINYINT", "3::UTINYINT"}},
        {"USMALLINT", {"id::USMALLINT", "3::USMALLINT"}},
        {"UINTEGER", {"id::UINTEGER", "3::UINTEGER"}},
        {"UBIGINT", {"id::UBIGINT", "3::UBIGINT"}},
        {"UHUGEINT", {"id::UHUGEINT", "3::UHUGEINT"}},
        {"FLOAT", {"f", "0.5::FLOAT"}},
        {"DOUBLE", {"d", "0.5::DOUBLE"}},
        {"DECIMAL", {"p", "1.5"}},
        {"BOOLEAN", {"flag", "true"}},
        {"DATE", {"dt", "date '2022-03-04'"}},
        {"TIME", {"ts::TIME", "time '10:00:00'"}},
        {"TIMESTAMP", {"ts", "timestamp '2022-03-04 05:06:07'"}},
        {"TIMESTAMP WITH TIME ZONE", {"ts::TIMESTAMPTZ", "timestamptz '2022-03-04 05:06:07+00'"}},
        {"INTERVAL", {"to_days(n)", "interval 3 hours"}},
        {"BLOB", {"b", "'ab'::BLOB"}},
        {"BIT", {"'0101'::BIT"}},
        {"UUID", {"'11111111-2222-3333-4444-555555555555'::UUID"}},
        {"JSON", {"('{\"a\": ' || id || ', \"b\": [1, null]}')::JSON", "'[1]'::JSON"}},
        {"VARCHAR[]", {"[s, grp, NULL]", "['a']"}},
        {"BIGINT[]", {"[n::BIGINT, id]", "[1::BIGINT]"}},
        {"INTEGER[]", {"[n, id]", "[1]"}},
        {"DOUBLE[]", {"[d, 1.5]", "[0.5, 2.0]"}},
        {"FLOAT[]", {"[f, 1.5::FLOAT]", "[0.5::FLOAT, 2.0::FLOAT]"}},
        {"BOOLEAN[]", {"[flag, NULL]", "[true]"}},
        {"ANY[]", {"[n, id, NULL]", "[1, 2]"}},
        {"T[]", {"[n, id, NULL]", "[1, 2]"}},
        {"ANY", {"n", "id", "2"}},
        {"T", {"n", "id", "2"}},
        {"MAP(K, V)", {"map([coalesce(grp, 'a')], [n])"}},
        {"MAP", {"map([coalesce(grp, 'a')], [n])"}},
        {"STRUCT", {"{'a': n, 'b': s}"}}};
    const auto found = values.find(type);
    if (found == values.end()) return {};
    return found->second[std::min(position, found->second.size() - 1)];
}

bool is_floating(const std::string& type) {
    return type == "DOUBLE" || type == "FLOAT";
}

// Their answer depends on the order of rows or on chance, or is that of the machine.
bool is_left_out(const Function& function) {
    for (const char* part : {"approx", "reservoir", "sum_no_overflow", "dl_", "random", "uuid", "hash",
                             "current_", "stats", "in_search_path", "txid", "version", "pg_", "timezone"})
        if (function.name.find(part) != std::string::npos) return true;
    // Lists of these are built as rows come: of groups, in any order (string_agg, list and first take ORDER
    // BY).
    return function.name == "histogram_exact" || function.name == "mode" || function.name == "entropy";
}

class SqlFunctionsTest : public CorpusFixture, public ::testing::WithParamInterface<std::tuple<int, int>> {
  protected:
    void SetUp() override {
        const int slaves = std::get<0>(GetParam());
        fill_cluster(slaves, slaves == 1);
    }

    std::vector<Function> functions() {
        const auto told = reference_.query(
            "SELECT DISTINCT function_name, function_type, coalesce(return_type, ''), "
            "array_to_string(list_transform(parameter_types, x -> coalesce(x, '?')), '|') "
            "FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate') "
            "AND coalesce(stability, 'CONSISTENT') = 'CONSISTENT' AND NOT coalesce(has_side_effects, false) "
            "AND len(parameter_types) <= 5 AND regexp_full_match(function_name, '[a-z_0-9]+') ORDER BY ALL");
        EXPECT_EQ(told.error, "");
        std::vector<Function> all;
        for (const auto& row : told.rows) {
            Function function{*row[0], *row[1], *row[2], {}};
            std::stringstream types(row[3].value_or(""));
            for (std::string type; std::getline(types, type, '|');)
                function.types.push_back(type);
            if (!is_left_out(function)) all.push_back(std::move(function));
        }
        return all;
    }

    // The gate's own answer to the function's name; it is asked once.
    bool is_allowed(const Function& function, const std::string& call) {
        const auto known = allowed_.find(function.name);
        if (known != allowed_.end() && known->second) return true;
        const auto reply = client_->request(query("SELECT " + call + " FROM items LIMIT 0"));
        const bool allowed = reply.code() != "NOT_SUPPORTED" && reply.code() != "INVALID_REQUEST";
        allowed_[function.name] = allowed;
        return allowed;
    }

    void compare_scalar(const Function& function) {
        std::string arguments, nulls;
        for (std::size_t i = 0; i < function.types.size(); ++i) {
            const auto value = argument(function.types[i], i);
            if (value.empty()) return;
            arguments += (i == 0 ? "" : ", ") + value;
            nulls += (i == 0 ? "" : ", ") + (i == 0 ? "NULL" : value);
        }
        const auto call = function.name + "(" + arguments + ")";
        if (!is_allowed(function, call)) return;
        const auto shown = [&](const std::string& text) {
            return is_floating(function.result) ? text : "CAST(" + text + " AS VARCHAR)";
        };
        compare("SELECT id, " + shown(call) + " AS x FROM items WHERE id % 5 = 2", false);
        compare("SELECT count(*) AS n FROM items WHERE " + call + " IS NULL", false);
        if (!nulls.empty())
            compare(
                "SELECT id, " + shown(function.name + "(" + nulls + ")") + " AS x FROM items WHERE id < 20",
                false);
    }

    void compare_aggregate(const Function& function) {
        std::string arguments;
        for (std::size_t i = 0; i < function.types.size(); ++i) {
            // All but the first are constants of most of them.
            const auto value = argument(function.types[i], i == 0 ? 0 : 2);
            if (value.empty()) return;
            arguments += (i == 0 ? "" : ", ") + value;
        }
        const auto plain = function.name + "(" + arguments + ")";
        if (!is_allowed(function, plain)) return;
        const auto call = function.types.empty() ? plain : function.name + "(" + arguments + " ORDER BY id)";
        const auto shown = is_floating(function.result) ? call : "CAST(" + call + " AS VARCHAR)";
        compare("SELECT " + shown + " AS x FROM items", false);
        compare("SELECT grp, " + shown + " AS x FROM items GROUP BY grp", false);
        compare("SELECT " + shown + " AS x FROM items WHERE id < 0", false);
    }

    std::map<std::string, bool> allowed_;
};

TEST_P(SqlFunctionsTest, AnswerAsTheEngineDoes) {
    const auto all = functions();
    EXPECT_GE(all.size(), 500u);
    int number = 0;
    for (const auto& function : all) {
        if (number++ % kParts != std::get<1>(GetParam())) continue;
        function.kind == "scalar" ? compare_scalar(function) : compare_aggregate(function);
    }
    EXPECT_GE(compared_, 200) << "statements of a part";
    EXPECT_LE(failing_ * 3, compared_) << "most statements are to be right ones";
}

INSTANTIATE_TEST_SUITE_P(Slaves, SqlFunctionsTest,
                         ::testing::Combine(::testing::Values(1, 2, 3), ::testing::Range(0, kParts)),
                         [](const auto& param) {
                             return "Of" + std::to_string(std::get<0>(param.param)) + "Part" +
                                    std::to_string(std::get<1>(param.param));
                         });

}  // namespace
}  // namespace dl::test
