#include "master/sql/key_lookup.h"

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master::test {
namespace {

using namespace dl::test;

std::shared_ptr<const TableMeta> make_table(std::uint64_t id, const std::string& name,
                                            const std::string& key_type) {
    auto meta = std::make_shared<TableMeta>();
    meta->id = TableId{id};
    meta->name = name;
    meta->schema.fields = {{FieldId{1}, "id", type_of(key_type), true, {}},
                           {FieldId{2}, "name", type_of("string"), false, {}}};
    meta->partition_count = 4;
    meta->slot_map = default_slot_map(4);
    return meta;
}

Result<std::string> leader_of(const TableMeta&, PartitionId p) {
    return std::string(p.value < 2 ? "a:1" : "b:1");
}

class KeyLookupTest : public ::testing::Test {
  protected:
    KeyLookups find(const std::string& sql) {
        const auto ast = SelectAst::parse(*database_, sql);
        EXPECT_TRUE(ast) << sql << ": " << (ast ? "" : ast.error().to_text());
        return ast ? find_key_lookups(*ast, tables_) : KeyLookups{};
    }
    // "t:1,2 s:x", in the order of the names.
    std::string found(const std::string& sql) {
        std::string text;
        for (const auto& [name, lookup] : find(sql)) {
            text += (text.empty() ? "" : " ") + name + ":";
            for (std::size_t i = 0; i < lookup.keys.size(); ++i)
                text += (i == 0 ? "" : ",") + lookup.keys[i];
        }
        return text;
    }
    std::shared_ptr<DuckDatabase> database_ = open_database();
    QueryTables tables_{{"t", make_table(1, "t", "int")},          {"s", make_table(2, "s", "string")},
                        {"d", make_table(3, "d", "date")},         {"m", make_table(4, "m", "timestamp")},
                        {"n", make_table(5, "n", "decimal(9,2)")}, {"f", make_table(6, "f", "double")},
                        {"b", make_table(7, "b", "binary")}};
};

TEST_F(KeyLookupTest, KeysInAndPartsOfWhere) {
    EXPECT_EQ(found("select * from t where id = 7"), "t:7");
    EXPECT_EQ(found("select * from t where 7 = ID"), "t:7");
    EXPECT_EQ(found("select * from T x where X.Id in (1, -2, 3) and name > 'a'"), "t:1,-2,3");
    EXPECT_EQ(found("select * from t where (id in (1, 2) and (name = 'x' and id = 2))"), "t:2")
        << "the shorter list";
    EXPECT_EQ(found("select * from t where id = '7'"), "t:7");
    EXPECT_EQ(found("select * from s where id = 'it''s'"), "s:it's");
    EXPECT_EQ(found("select * from d where id = date '2024-01-31'"), "d:2024-01-31");
    EXPECT_EQ(found("select * from m where id = timestamp '2024-01-31 10:00:00'"), "m:2024-01-31 10:00:00");
    EXPECT_EQ(
        found("select count(*), max(name) from t where id = 7 group by name having count(*) > 0 limit 3"),
        "t:7");
    EXPECT_EQ(found("with c as (select * from t where id = 7) select * from c a, c b"), "t:7");
    EXPECT_EQ(found("select * from s where name in (select name from t where id = 7)"), "t:7");
    EXPECT_EQ(found("select * from t join s on t.name = s.name where t.id = 7 and s.id = 'x'"), "s:x t:7");
    EXPECT_EQ(found("select * from t, s where t.id = 7"), "t:7");
    EXPECT_EQ(found("select * from t where id = 1 union all select 1, id from s"), "t:1");
}

TEST_F(KeyLookupTest, KeysThatAreNumbersWithAFractionOrBytes) {
    EXPECT_EQ(found("select * from n where id in (7, -0.25, 1234.50, '8.1', 0.0)"),
              "n:7,-0.25,1234.50,8.1,0.0");
    EXPECT_EQ(found("select * from n where id = 7.125"), "") << "rounding is the engine's";
    EXPECT_EQ(found("select * from n where id = 1e2"), "");
    EXPECT_EQ(found("select * from f where id in (1, -0.5, 0.001, '2.5')"), "f:1,-0.5,0.001,2.5");
    EXPECT_EQ(found("select * from f where id = 0.1234567890123456789"), "");
    EXPECT_EQ(found("select * from f where id = 'nan'"), "");
    EXPECT_EQ(found("select * from b where id = 'a\\xFFb'::blob"), "b:Yf9i");
    EXPECT_EQ(found("select * from b where id in (from_hex('61ff62'), unhex('61FF62'), from_base64('Yf9i'))"),
              "b:Yf9i,Yf9i,Yf9i");
    for (const auto* sql :
         {"select * from b where id = 'a'", "select * from b where id = null::blob",
          "select * from b where id = from_hex('f')", "select * from b where id = from_hex('zz')",
          "select * from b where id = md5('a')", "select * from b where id = from_hex(name)",
          "select * from b where id = from_base64('?')"})
        EXPECT_EQ(found(sql), "") << sql;
}

TEST_F(KeyLookupTest, NothingWhereRowsCouldBeMissed) {
    for (const auto* sql :
         {"select * from t", "select * from t where id > 7", "select * from t where id = 7 or name = 'x'",
          "select * from t where not (id = 7)", "select * from t where id not in (7)",
          "select * from t where id + 0 = 7", "select * from t where id = 7.0",
          "select * from t where id = 7.5", "select * from t where id = 3000000000",
          "select * from t where id in (1, 3000000000)", "select * from t where id in (1, null)",
          "select * from t where id = null", "select * from t where id = name",
          "select * from t where name = '7'", "select * from t where id = ' 7'",
          "select * from s where id = 7", "select * from s where id = 'a' collate nocase",
          "select * from d where id = timestamp '2024-01-31 00:00:00'",
          "select * from d where id = '2024-1-31'", "select id = 7 from t",
          "select * from t where case when id = 7 then true end", "select count(*) filter (id = 7) from t",
          "select * from t group by all having id = 7",
          // named twice: one view serves both
          "select * from t where id = 7 union all select * from t", "select * from t a, t b where a.id = 7",
          "select * from t where id = (select max(id) from t where id = 7)",
          "with x as (select * from t) select * from x, t where t.id = 7",
          "select * from t where id = 7 and exists (select 1 from t)",
          // joins that keep rows without a partner, or count positions
          "select * from t left join s on t.name = s.name where t.id = 7",
          "select * from t right join s on t.name = s.name where t.id = 7",
          "select * from t full join s on t.name = s.name where t.id = 7",
          "select * from s semi join t on t.name = s.name where s.id = 'x'",
          "select * from s anti join t on t.name = s.name where s.id = 'x'",
          "select * from t positional join s where t.id = 7",
          "select * from t join s using (name) where t.id = 7",
          "select * from t natural join s where t.id = 7",
          // whose column it is is not certain
          "select * from t, s where id = 7", "select * from t x(name, id) where id = 'n'",
          // samples are of all rows
          "select * from t tablesample 10% where id = 7", "select * from t where id = 7 using sample 10%",
          // a condition of another SELECT
          "select * from t where exists (select 1 from s where t.id = 7)",
          "select (select s.name from s where t.id = 7) from t"})
        EXPECT_EQ(found(sql), "") << sql;
    std::string longer = "select * from t where id in (0";
    for (std::size_t i = 1; i <= kLookupKeysMax; ++i)
        longer += "," + std::to_string(i);
    EXPECT_EQ(found(longer + ")"), "");
}

TEST_F(KeyLookupTest, OnlyThePartitionsOfTheKeysAreAsked) {
    const auto& meta = *tables_.at("t");
    std::set<std::uint32_t> all;
    for (int key = 0; key < 50; ++key) {
        char bytes[8];
        store_le(bytes, std::int64_t{key});
        const auto expected = meta.partition_of(std::string_view(bytes, 8));
        const QueryTables tables{{"t", tables_.at("t")}};
        const auto lookups = find("select * from t where id = " + std::to_string(key));
        ASSERT_EQ(lookups.at("t").partitions, std::vector{expected});
        const auto plan = plan_query(tables, leader_of, {}, lookups);
        ASSERT_TRUE(plan);
        EXPECT_EQ(plan->way, QueryPlan::Way::whole);
        ASSERT_EQ(plan->pins.size(), 1u);
        EXPECT_EQ(plan->pins[0].node, expected.value < 2 ? "a:1" : "b:1");
        ASSERT_EQ(plan->pins[0].tables[0].asked.partitions.size(), 1u);
        EXPECT_EQ(plan->pins[0].tables[0].asked.partitions[0].partition, expected);
        EXPECT_EQ(plan->pins[0].tables[0].asked.keys, std::vector<std::string>{std::to_string(key)});
        EXPECT_EQ(plan->describe(), "key index: 1 key, partition " + std::to_string(expected.value) +
                                        " on slave " + plan->pins[0].node);
        all.insert(expected.value);
    }
    EXPECT_EQ(all.size(), 4u);
    // min_offsets are waited for on partitions that hold none of the keys too.
    const auto waiting = plan_query({{"t", tables_.at("t")}}, leader_of, {{{0, 1}, {3, 9}}, {}},
                                    find("select * from t where id = 1"));
    ASSERT_TRUE(waiting);
    EXPECT_EQ(waiting->pins.size(), 2u);
}

TEST_F(KeyLookupTest, CutOptionsMustFit) {
    const QueryTables one{{"t", tables_.at("t")}};
    const auto code = [](const Result<QueryPlan>& plan) { return plan ? "" : plan.error().to_text(); };
    using Offsets = std::map<std::uint32_t, Offset>;
    EXPECT_EQ(code(plan_query(one, leader_of, {{}, Offsets{{0, 1}, {1, 1}, {2, 0}, {3, 4}}})), "");
    EXPECT_EQ(code(plan_query(one, leader_of, {{}, Offsets{{0, 1}, {2, 1}}})),
              "INVALID_REQUEST: as_of must name every partition of table 't'; it lacks 1, 3");
    EXPECT_EQ(code(plan_query(one, leader_of, {{}, Offsets{{4, 1}}})).substr(0, 19), "PARTITION_NOT_FOUND");
    EXPECT_EQ(code(plan_query(one, leader_of, {{{0, 1}}, Offsets{}})).substr(0, 15), "INVALID_REQUEST");
    EXPECT_EQ(code(plan_query(tables_, leader_of, {{}, Offsets{{0, 1}}})),
              "INVALID_REQUEST: as_of is for a query of exactly one table, this one uses 7");
    EXPECT_EQ(code(plan_query(tables_, leader_of, {{{0, 1}}, {}})),
              "INVALID_REQUEST: min_offsets is for a query of exactly one table, this one uses 7");
}

}  // namespace
}  // namespace dl::master::test
