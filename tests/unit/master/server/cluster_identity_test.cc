// Whose data is this: slaves of other clusters, slaves of the last release, tables that no catalog knows.
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

rpc::InventoryTable held_table(std::uint64_t id, const std::string& name, std::uint64_t incarnation) {
    return {TableId{id}, incarnation, name, "id", 100, 2, 7, 70};
}

class ClusterIdentityTest : public MasterFixture {
  protected:
    Result<NodeRegistrar::Registered> greet(std::size_t slave, NodeRegistrar& registrar) {
        return dl::test::run(
            pool_.executor_of(0), [&]() -> asio::awaitable<Result<NodeRegistrar::Registered>> {
                auto greeted = co_await registrar.greet(slaves_[slave]->address(), dl::test::in_ms(5000));
                co_return std::move(greeted);
            });
    }
};

TEST_F(ClusterIdentityTest, ASlaveOfAnotherClusterIsNotUsed) {
    const std::string other(32, 'e');
    slaves_[0]->set_cluster(other);
    RawClient client(port());
    EXPECT_EQ(client.sql("create table t(id int primary key) partition.number = 4"), "ok");
    EXPECT_TRUE(slaves_[0]->tables().empty());
    EXPECT_EQ(slaves_[1]->tables().size(), 1u);
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::register_node), 0);
    EXPECT_EQ(slaves_[1]->calls(rpc::Method::register_node), 1);
    const auto greeted = greet(0, *nodes_);
    ASSERT_TRUE(greeted.has_error());
    EXPECT_NE(greeted.error().message.find("belongs to cluster " + other), std::string::npos)
        << greeted.error().message;
    EXPECT_NE(greeted.error().message.find("--begin-anew"), std::string::npos);
}

TEST_F(ClusterIdentityTest, TablesThatTheCatalogDoesNotKnowAreNotAdopted) {
    slaves_[0]->hold(held_table(9, "strange", 0));
    const auto greeted = greet(0, *nodes_);
    ASSERT_TRUE(greeted.has_error());
    EXPECT_NE(greeted.error().message.find("'strange'"), std::string::npos) << greeted.error().message;
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::register_node), 0);
    // Told to begin anew it takes it over: the table becomes an orphan with a name of its own.
    NodeRegistrar anew(*catalog_, *directory_of_slaves_, *work_, true);
    const auto taken = greet(0, anew);
    ASSERT_TRUE(taken.has_value()) << taken.error().to_text();
    EXPECT_NE(slaves_[0]->held().at(0).incarnation, 0u);
}

TEST_F(ClusterIdentityTest, OrphansAreListedAndRemovedOnOrderOnly) {
    RawClient client(port());
    create_t(client);
    slaves_[0]->hold(held_table(40, "lost", 0xabcdef));
    slaves_[1]->hold(held_table(40, "lost", 0xabcdef));
    slaves_[1]->hold(held_table(41, "other", 0x77));
    const auto listed = client.sql("show orphans");
    EXPECT_NE(listed.find("0000000000abcdef"), std::string::npos) << listed;
    EXPECT_NE(listed.find("lost"), std::string::npos);
    EXPECT_NE(listed.find(slaves_[1]->address()), std::string::npos);
    const auto unknown = client.sql("drop orphan '00000000000000ff'");
    EXPECT_NE(unknown.find("NOT_FOUND"), std::string::npos) << unknown;
    EXPECT_EQ(slaves_[0]->held().size() + slaves_[1]->held().size(), 3u);
    EXPECT_EQ(client.sql("drop orphan '0000000000abcdef'"), "ok");
    EXPECT_EQ(slaves_[0]->held().size(), 0u);
    ASSERT_EQ(slaves_[1]->held().size(), 1u);
    EXPECT_EQ(slaves_[1]->held()[0].name, "other");
}

TEST_F(ClusterIdentityTest, NewTablesGetNumbersAboveAllThatSlavesHold) {
    slaves_[1]->set_cluster(catalog_->cluster_id());
    slaves_[1]->hold(held_table(500, "lost", 5));
    RawClient client(port());
    create_t(client);
    EXPECT_EQ(catalog_->find("t").value()->id, TableId{501});
}

}  // namespace
}  // namespace dl::master::testing
