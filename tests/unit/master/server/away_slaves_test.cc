// What statements do that need not all slaves, while one of them is away.
#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// Knows what the test says of the nodes.
class SaidStates final : public CopyControl {
  public:
    NodeStates states() const override {
        std::lock_guard lock(mutex_);
        return states_;
    }
    std::vector<NodeView> nodes() const override { return {}; }
    asio::awaitable<void> announce(TableId, rpc::Deadline) override { co_return; }
    void say_dead(NodeId node) {
        std::lock_guard lock(mutex_);
        states_.dead.insert(node);
    }

  private:
    mutable std::mutex mutex_;
    NodeStates states_;
};

class AwaySlaves : public MasterFixture {
  protected:
    void SetUp() override {
        MasterFixture::SetUp();
        tables_->keep_copies(said_);
        client_ = std::make_unique<RawClient>(port());
    }
    NodeId node_of(std::size_t slave) {
        return catalog_->node_at_address(slaves_[slave]->address()).value().id;
    }
    SaidStates said_;
    std::unique_ptr<RawClient> client_;
};

TEST_F(AwaySlaves, ATableIsMadeOnTheSlavesThatAreThere) {
    EXPECT_EQ(client_->sql("create table a(id int primary key) partition.number = 4"), "ok");
    EXPECT_EQ(slaves_[1]->tables().size(), 1u);
    slaves_[1]->stop();
    said_.say_dead(node_of(1));
    for (const char* text :
         {"create table b(id int primary key) partition.number = 4",
          "create or replace table b(id int primary key) partition.number = 4",
          "create table c(id int primary key) partition.number = 4, replicas.number = 1"}) {
        const auto started = steady_clock::now();
        EXPECT_EQ(client_->sql(text), "ok") << text;
        EXPECT_LT(steady_clock::now() - started, seconds(5)) << text;
    }
    for (const char* name : {"b", "c"}) {
        const auto table = catalog_->find(name).value();
        const auto nodes = nodes_of(*catalog_->tables().placement(table->id));
        EXPECT_EQ(nodes, std::vector<NodeId>{node_of(0)}) << name;
    }
}

// Nobody knew yet that it is away: the statement finds out, and goes to the other.
TEST_F(AwaySlaves, ASlaveThatGoesMeanwhileIsLeftOut) {
    EXPECT_EQ(client_->sql("create table a(id int primary key) partition.number = 2"), "ok");
    slaves_[1]->stop();
    std::thread finds_out([&] {
        std::this_thread::sleep_for(slave_wait_ / 2);
        said_.say_dead(node_of(1));
    });
    EXPECT_EQ(client_->sql("create table b(id int primary key) partition.number = 2"), "ok");
    finds_out.join();
}

TEST_F(AwaySlaves, WithoutAnySlaveTheErrorNamesOne) {
    EXPECT_EQ(client_->sql("create table a(id int primary key) partition.number = 2"), "ok");
    for (std::size_t i = 0; i < 2; ++i) {
        slaves_[i]->stop();
        said_.say_dead(node_of(i));
    }
    const auto refused = client_->sql("create table b(id int primary key) partition.number = 2");
    EXPECT_NE(refused.find("UNAVAILABLE"), std::string::npos) << refused;
    EXPECT_NE(refused.find("127.0.0.1:"), std::string::npos) << refused;
}

// Not one wait for each table, and those that are whole are shown.
TEST_F(AwaySlaves, SizesOfTablesThatNeedItAreNull) {
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(client_->sql("create table both" + std::to_string(i) +
                               "(id int primary key) partition.number = 2"),
                  "ok");
    slaves_[1]->stop();
    said_.say_dead(node_of(1));
    EXPECT_EQ(client_->sql("create table whole(id int primary key) partition.number = 2"), "ok");
    const auto started = steady_clock::now();
    const auto shown = client_->sql("show sizes");
    EXPECT_LT(steady_clock::now() - started, seconds(5));
    EXPECT_NE(shown.find(R"("both3","kind":"table","rows":null,"bytes":null)"), std::string::npos) << shown;
    EXPECT_NE(shown.find(R"("whole","kind":"table","rows":0,"bytes":0)"), std::string::npos) << shown;
}

// It answers nothing, which takes longer to know than a connection that is refused.
TEST_F(AwaySlaves, SizesDoNotWaitForASlaveThatHangs) {
    EXPECT_EQ(client_->sql("create table a(id int primary key) partition.number = 2"), "ok");
    slaves_[1]->hold_next(rpc::Method::inventory);
    const auto started = steady_clock::now();
    const auto shown = client_->sql("show sizes");
    EXPECT_LT(steady_clock::now() - started, seconds(8));
    EXPECT_NE(shown.find(R"("rows":null,"bytes":null)"), std::string::npos) << shown;
}

}  // namespace
}  // namespace dl::master::testing
