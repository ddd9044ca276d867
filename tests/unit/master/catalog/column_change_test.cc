#include "master/catalog/column_change.h"

#include <gmock/gmock.h>

#include "common/meta/schema_lineage.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CatalogTable make_table() {
    TableDefinition d;
    d.name = "t";
    d.columns = {{"id", "int", false, {}}, {"a", "varchar(5)", false, "X"}, {"n", "smallint", false, {}}};
    d.major_key = "id";
    return build_table(d, 1).value();
}

TEST(ColumnChange, ARenamedColumnIsTheSameColumn) {
    const auto table = make_table();
    const auto renamed = with_renamed_column(table, "A", "Städte").value();
    EXPECT_EQ(renamed.schema.fields[1].name, "städte");
    EXPECT_EQ(renamed.schema.fields[1].id, table.schema.fields[1].id);
    EXPECT_EQ(renamed.schema.id.value, table.schema.id.value + 1);
    EXPECT_TRUE(descends_from(renamed, table));
    const auto back = with_renamed_column(renamed, "städte", "a").value();
    EXPECT_TRUE(descends_from(back, table));
    EXPECT_TRUE(descends_from(back, renamed));
    const auto key = with_renamed_column(back, "id", "number").value();
    EXPECT_EQ(key.schema.key().name, "number");
    EXPECT_TRUE(descends_from(key, table));
    // Without the column nothing is remembered of it.
    EXPECT_TRUE(without_column(back, "a").value().former_names.empty());

    EXPECT_EQ(with_renamed_column(table, "a", "ID").error().code, ErrorCode::column_exists);
    EXPECT_EQ(with_renamed_column(table, "b", "c").error().code, ErrorCode::column_not_found);
    EXPECT_EQ(with_renamed_column(table, "a", "crud").error().code, ErrorCode::invalid_request);
    EXPECT_EQ(with_renamed_column(table, "a", "").error().code, ErrorCode::invalid_value);
}

TEST(ColumnChange, AnotherColumnOfThatIdIsNoRenamedOne) {
    const auto table = make_table();
    const auto one = with_column(table, {"b", "int", false, {}}).value();
    // From a restored copy of `table`, which has given the id a second time.
    const auto other = with_column(table, {"c", "int", false, {}}).value();
    const auto renamed = with_renamed_column(other, "c", "d").value();
    EXPECT_FALSE(descends_from(renamed, one));
    EXPECT_TRUE(descends_from(renamed, other));
    const auto renamed_to_it = with_renamed_column(other, "c", "b").value();
    EXPECT_FALSE(descends_from(renamed_to_it, one));
}

TEST(ColumnChange, NamesAreRememberedUpToALimit) {
    auto table = make_table();
    for (std::size_t i = 0; i < FormerName::kPerTableMax; ++i)
        table = with_renamed_column(table, table.schema.fields[1].name, i % 2 == 0 ? "b" : "a").value();
    EXPECT_EQ(with_renamed_column(table, table.schema.fields[1].name, "c").error().code,
              ErrorCode::limit_exceeded);
    EXPECT_EQ(table_meta_from_json(table_meta_to_json(table)).value().former_names, table.former_names);
}

TEST(ColumnChange, ANewDefaultIsOfRowsToCome) {
    const auto table = make_table();
    const auto changed = with_new_default(table, "a", "Y").value();
    const auto& field = changed.schema.fields[1];
    EXPECT_EQ(changed.default_of(field), "Y");
    EXPECT_EQ(field.default_text, "X") << "rows without the column keep it";
    EXPECT_TRUE(descends_from(changed, table));
    EXPECT_EQ(with_new_default(changed, "a", std::nullopt).value().default_of(field), std::nullopt);
    EXPECT_THAT(with_new_default(table, "a", "longer").error().to_text(), HasSubstr("varchar(5) takes 5"));
    EXPECT_THAT(with_new_default(table, "n", "70000").error().to_text(), HasSubstr("smallint"));
    EXPECT_EQ(with_new_default(table, "id", "7").error().code, ErrorCode::invalid_request);
}

TEST(ColumnChange, ATypeIsMadeWiderOnly) {
    const auto table = make_table();
    const auto type_after = [&](const char* column, const char* type) {
        const auto changed = with_new_type(table, column, type);
        if (changed.has_error()) return changed.error().to_text();
        return changed->type_text(changed->schema.fields[*changed->schema.find(column)]);
    };
    EXPECT_EQ(type_after("a", "varchar(9)"), "varchar(9)");
    EXPECT_EQ(type_after("a", "text"), "string");
    EXPECT_EQ(type_after("n", "int"), "int");
    // INSERT refuses a text that is too long, where a cast would cut it.
    EXPECT_THAT(type_after("a", "varchar(4)"),
                HasSubstr("create it as t_new with a varchar(4), then insert into t_new select * from t"));
    EXPECT_THAT(type_after("a", "varchar(4)"), Not(HasSubstr("cast(")));
    EXPECT_EQ(type_after("n", "long"), "long");
    EXPECT_EQ(type_after("n", "decimal(12,2)"), "decimal(12,2)");
    EXPECT_THAT(type_after("n", "decimal(11,2)"), HasSubstr("it can become long, double or a decimal"));
    EXPECT_THAT(type_after("n", "string"), HasSubstr("create table t_new primary key (id) as select * "
                                                     "replace (cast(n as string) as n) from t"));
    EXPECT_THAT(type_after("id", "long"), HasSubstr("column 'id' is the major key of table 't'"));
    EXPECT_EQ(type_after("id", "integer"), "int");
    EXPECT_THAT(type_after("n", "strin"), HasSubstr("did you mean 'string'?"));
}

TEST(ColumnChange, DefaultsBecomeTextsOfTheWiderType) {
    TableDefinition d;
    d.name = "t";
    d.columns = {{"id", "int", false, {}},
                 {"m", "decimal(4,1)", false, "1.5"},
                 {"d", "date", false, "2024-02-29"},
                 {"f", "float", false, "0.1"}};
    d.major_key = "id";
    const auto table = with_new_default(build_table(d, 1).value(), "m", "2.5").value();
    const auto wide = with_new_type(table, "m", "decimal(8,3)").value();
    EXPECT_EQ(wide.schema.fields[1].default_text, "1.500");
    EXPECT_EQ(wide.default_of(wide.schema.fields[1]), "2.500");
    EXPECT_TRUE(descends_from(wide, table));
    EXPECT_FALSE(descends_from(table, wide));
    const auto timed = with_new_type(wide, "d", "timestamp").value();
    EXPECT_EQ(timed.schema.fields[2].default_text, "2024-02-29 00:00:00");
    EXPECT_TRUE(descends_from(timed, table));
    // The value that rows have which were stored with it.
    const auto exact = with_new_type(with_new_default(timed, "f", "0.2").value(), "f", "double").value();
    EXPECT_EQ(exact.schema.fields[3].default_text, "0.10000000149011612");
    EXPECT_EQ(exact.default_of(exact.schema.fields[3]), "0.20000000298023224");
    EXPECT_TRUE(descends_from(exact, table));
    // What a restored catalog made of it is another line.
    auto narrowed = timed;
    narrowed.schema.fields[2].type = DataType{TypeKind::string};
    EXPECT_FALSE(descends_from(narrowed, table));
}

TEST(ColumnChange, AHistoryWithinItsLimits) {
    const auto table = make_table();
    auto changed = with_history(table, {5, {}}).value();
    EXPECT_EQ(changed.history, (TableHistory{5, 0}));
    changed = with_history(changed, {{}, 1000}).value();
    EXPECT_EQ(changed.history, (TableHistory{5, 1000}));
    EXPECT_EQ(with_history(table, {TableHistory::kHoursMax + 1, {}}).error().code, ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace dl::master
