#include "master/sql/point_plan.h"

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master::test {
namespace {

using namespace dl::test;

// t(id int key, name string): partitions 0 and 1 on a:1, 2 and 3 on b:1.
std::shared_ptr<const TableMeta> make_table() {
    auto meta = std::make_shared<TableMeta>();
    meta->id = TableId{7};
    meta->name = "t";
    meta->schema.fields = {{FieldId{1}, "id", type_of("int"), true, {}},
                           {FieldId{2}, "name", type_of("string"), false, {}}};
    meta->partition_count = 4;
    meta->slot_map = default_slot_map(4);
    return meta;
}

std::optional<PointPlan> plan(const std::string& sql, const CutOptions& cut = {},
                              const std::string& third_leader = "b:1") {
    const auto table = make_table();
    const TableLookup lookup = [&](const std::string& name) -> Result<std::shared_ptr<const TableMeta>> {
        if (name == "t") return table;
        return make_error(ErrorCode::table_not_found, "no table " + name);
    };
    const LeaderLookup leader_of = [&](const TableMeta&, PartitionId p) -> Result<std::string> {
        return p.value < 2 ? std::string("a:1") : third_leader;
    };
    return plan_point_query(sql, lookup, leader_of, cut);
}

TEST(PointPlanTest, IsWhatTheCoordinatorWouldPlan) {
    std::set<std::string> nodes;
    for (int id = 0; id < 50; ++id) {
        const auto point = plan("select name from t where id = " + std::to_string(id));
        ASSERT_TRUE(point);
        EXPECT_EQ(point->table, "t");
        nodes.insert(point->pin.node);
        ASSERT_EQ(point->pin.tables.size(), 1u);
        const auto& pinned = point->pin.tables.front();
        EXPECT_EQ(pinned.asked.table.id, TableId{7});
        ASSERT_NE(pinned.meta, nullptr);
        EXPECT_EQ(pinned.asked.keys, std::vector<std::string>{std::to_string(id)});
        ASSERT_EQ(pinned.asked.partitions.size(), 1u);
        EXPECT_EQ(point->pin.node, pinned.asked.partitions[0].partition.value < 2 ? "a:1" : "b:1");
    }
    EXPECT_EQ(nodes.size(), 2u);
}

TEST(PointPlanTest, LeavesTheRestToTheCoordinator) {
    EXPECT_TRUE(plan("select * from t where id in (1, 2, 3, 4, 5, 6, 7, 8)", {}, "a:1"));
    EXPECT_FALSE(plan("select * from t where id in (1, 2, 3, 4, 5, 6, 7, 8)")) << "several slaves";
    EXPECT_FALSE(plan("select * from t where id = 1 and name = 'a'"));
    EXPECT_FALSE(plan("select id + 1 from t where id = 1"));
    EXPECT_FALSE(plan("select nothing from t where id = 1"));
    EXPECT_FALSE(plan("select * from t where name = 'a'"));
    EXPECT_FALSE(plan("select * from unknown where id = 1"));
    EXPECT_FALSE(plan("explain select * from t where id = 1"));
    CutOptions later;
    later.min_offsets[0] = 5;
    EXPECT_FALSE(plan("select * from t where id = 1", later)) << "may have to wait";
    CutOptions past;
    past.as_of.emplace();
    EXPECT_FALSE(plan("select * from t where id = 1", past));
}

}  // namespace
}  // namespace dl::master::test
