#include "slave/server/duck_query_service.h"

#include <gtest/gtest.h>

#include "slave/query/query_executor.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

// The list of a partition's files is made when it is asked for, which costs more than a lookup.
TEST(DuckQueryService, APinOfKeysDoesNotListFiles) {
    auto database = DuckDatabase::open({});
    ASSERT_TRUE(database.has_value()) << database.error().to_text();
    DuckQueryService service(std::make_unique<QueryExecutor>(*database));
    const auto partition = std::make_shared<test::FakePartition>(TableId{1}, PartitionId{0});
    partition->append_rows(0, 100);
    TableToPin table;
    table.table = std::make_shared<const TableMeta>(test::make_table(1, 1));
    table.partitions = {{PartitionId{0}, partition}};
    table.keys = std::vector<std::string>{"1", "2"};
    const auto lookup = service.pin({table}, std::chrono::seconds(1));
    ASSERT_TRUE(lookup.has_value()) << lookup.error().to_text();
    EXPECT_EQ(lookup->cut.at(0).rows, 2u);
    EXPECT_EQ(lookup->cut[0].partitions.at(0).offset, 100);
    EXPECT_EQ(partition->files_listed, 0);
    table.keys.reset();
    ASSERT_TRUE(service.pin({table}, std::chrono::seconds(1)).has_value());
    EXPECT_EQ(partition->files_listed, 1);
}

}  // namespace
}  // namespace dl::slave
