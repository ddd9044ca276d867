#include "master/execution/light_lanes.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

// Of a catalog with a table t and a view größe.
std::optional<LightStatement> light(std::string_view sql) {
    return light_statement(sql, [](const std::string& name) { return name == "t" || name == "größe"; });
}
bool is_heavy(std::string_view sql) {
    return !light(sql);
}
bool looks(std::string_view sql) {
    const auto kind = light(sql);
    return kind && kind->kind == LightKind::look && !kind->explains;
}
bool is_free(std::string_view sql) {
    const auto kind = light(sql);
    return kind && kind->kind == LightKind::free;
}

TEST(LightLanesTest, TablesMakeAStatementHeavy) {
    EXPECT_TRUE(is_heavy("select * from t"));
    EXPECT_TRUE(is_heavy("SELECT 1 FROM range(3) JOIN /* x */ \"T\" ON true"));
    EXPECT_TRUE(is_heavy("select * from \"größe\""));
    EXPECT_TRUE(is_heavy("select * from system.queries where sql in (select v from t)"));
    EXPECT_TRUE(is_heavy("select '" + std::string(100'000, 'x') + "'"));
}

TEST(LightLanesTest, LookingIsApartFromStatementsWithoutTables) {
    EXPECT_TRUE(looks("select * from system.queries"));
    EXPECT_TRUE(looks("select t from Information_Schema . columns"));
    EXPECT_TRUE(looks("select count(*) from \"system\".\"tables\", range(1000000000000)"));
    EXPECT_TRUE(is_free("select 1"));
    EXPECT_TRUE(is_free("select count(*) from range(1000000000000)"));
    EXPECT_TRUE(is_free("select 'from t', 'system.queries'"));
}

TEST(LightLanesTest, OnlyExplainMaySeeTables) {
    const auto kind = light(" -- how\n Explain select * from t");
    ASSERT_TRUE(kind);
    EXPECT_EQ(kind->kind, LightKind::look);
    EXPECT_TRUE(kind->explains);

    const auto table = std::make_shared<const TableMeta>();
    const TableLookup all = [&](const std::string&) -> Result<std::shared_ptr<const TableMeta>> {
        return std::shared_ptr<const TableMeta>(table);
    };
    const LightTables told(all, true);
    EXPECT_TRUE(told.lookup()("t").has_value());
    EXPECT_FALSE(told.refused());
    const LightTables kept(all, false);
    EXPECT_FALSE(kept.lookup()("t").has_value());
    EXPECT_TRUE(kept.refused());
}

TEST(LightLanesTest, OnlyTheLanesOwnDeadlineMakesAStatementHeavy) {
    const auto timeout = make_error(ErrorCode::timeout, "");
    const auto now = std::chrono::steady_clock::now();
    const auto command = std::make_shared<QueryCancel>();
    EXPECT_TRUE(LightTime(command, now + std::chrono::minutes(1)).was_heavy(timeout));
    EXPECT_FALSE(
        LightTime(command, now + std::chrono::minutes(1)).was_heavy(make_error(ErrorCode::query_error, "")));
    EXPECT_FALSE(LightTime(command, now + std::chrono::milliseconds(10)).was_heavy(timeout));
    const LightTime stopped(command, now + std::chrono::minutes(1));
    command->cancel();
    EXPECT_EQ(stopped.cancel()->reason(), ErrorCode::cancelled);
    EXPECT_FALSE(stopped.was_heavy(timeout));
}

}  // namespace
}  // namespace dl::master
