// A catalog put back from a copy is older than the slaves: what it has forgotten is never given to anything
// else.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

class CatalogRestoreTest : public ClusterTest {
  protected:
    void save_catalog() {
        cluster().master().stop();
        std::filesystem::copy(cluster().master_data(), kept(), std::filesystem::copy_options::recursive);
        cluster().start();
    }
    void restore_catalog() {
        cluster().master().stop();
        std::filesystem::remove_all(cluster().master_data());
        std::filesystem::copy(kept(), cluster().master_data(), std::filesystem::copy_options::recursive);
    }
    std::string kept() { return cluster().directory() + "/kept"; }
};

TEST_F(CatalogRestoreTest, ColumnsThatTheSlavesKnowComeBack) {
    start({.slaves = 2});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    save_catalog();
    client = connect();
    must(client, sql("alter table t add salary int"));
    must(client, sql("alter table t add gone int"));
    must(client, sql("alter table t drop gone"));
    must(client, sql("insert into t (id, v, salary) values (1, 'a', 50000), (2, 'b', 60000)"));
    restore_catalog();
    cluster().start();
    client = connect();
    // The first statement that counts on the catalog's numbers, at once.
    must(client, sql("alter table t add age int"));
    must(client, sql("insert into t (id, v, age) values (3, 'c', 44)"));
    const auto all = rows(client, "select * from t order by id");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0], (json{{"id", 1}, {"v", "a"}, {"salary", 50000}, {"age", nullptr}}));
    EXPECT_EQ(all[2], (json{{"id", 3}, {"v", "c"}, {"salary", nullptr}, {"age", 44}}));
    must_fail(client, sql("alter table t add salary int"), "COLUMN_EXISTS");
    EXPECT_THAT(cluster().master().log_text(), HasSubstr("was taken over"));
    // The slaves start anew, and the master: nothing is left of the old numbers.
    cluster().slave(0).stop();
    cluster().slave(1).stop();
    cluster().master().stop();
    cluster().start();
    client = connect();
    EXPECT_TRUE(wait_until(seconds(20), [&] { return rows(client, "select * from t order by id") == all; }));
}

TEST_F(CatalogRestoreTest, WithoutAnAlterTheColumnsComeBackTooAlsoFromARestartedSlave) {
    start();
    auto client = connect();
    must(client, sql("create table t(id int primary key) partition.number = 1"));
    save_catalog();
    client = connect();
    must(client, sql("alter table t add buy long"));
    must(client, sql("alter table t add sell long"));
    must(client, sql("insert into t (id, buy, sell) values (1, 100, 200)"));
    restore_catalog();
    cluster().slave().stop();
    cluster().start();
    client = connect();
    EXPECT_TRUE(wait_until(seconds(20), [&] {
        const auto reply = client.request(query("select * from t"));
        return reply.ok() && json::parse(reply.frames.at(0)).contains("sell");
    }));
    EXPECT_EQ(rows(client, "select * from t").at(0), (json{{"id", 1}, {"buy", 100}, {"sell", 200}}));
}

TEST_F(CatalogRestoreTest, NoAlterWithoutASlaveOfTheTable) {
    start();
    auto client = connect();
    must(client, sql("create table t(id int primary key) partition.number = 1"));
    save_catalog();
    client = connect();
    must(client, sql("alter table t add salary int"));
    must(client, sql("insert into t (id, salary) values (1, 50000)"));
    restore_catalog();
    cluster().slave().stop();
    cluster().master().start();
    ASSERT_TRUE(wait_until(seconds(20), [&] {
        client = connect();
        return client.request(sql("desc t")).ok();
    }));
    const auto refused = must_fail(client, sql("alter table t add age int"), "UNAVAILABLE");
    EXPECT_THAT(refused, HasSubstr("all its slaves have to be there"));
    cluster().start();
    must(client, sql("alter table t add age int"));
    EXPECT_EQ(rows(client, "select * from t").at(0), (json{{"id", 1}, {"salary", 50000}, {"age", nullptr}}));
}

}  // namespace
}  // namespace dl::test
