// The whole slave in one process: real partitions, DuckDB and sockets, over a fresh directory.
#include "slave/server/slave_node.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/io/file_system.h"
#include "common/record/record_batch.h"
#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/node_messages.h"
#include "common/rpc/messages/query_messages.h"
#include "common/rpc/messages/read_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_client.h"
#include "slave/query/query_worker.h"
#include "slave/server/data_directory.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

namespace asio = boost::asio;
using dl::test::in_ms;
using rpc::Method;
using test::make_body;

TableMeta make_table(std::uint64_t id, std::uint32_t partitions) {
    auto table = test::make_table(id, partitions);
    table.incarnation = 1000 + id;
    return table;
}

class SlaveNodeTest : public ::testing::Test {
  protected:
    SlaveNodeTest() {
        std::string pattern = ::testing::TempDir() + "slave_node_XXXXXX";
        root_ = ::mkdtemp(pattern.data());
        set_log_level(LogLevel::off);
    }
    ~SlaveNodeTest() override {
        stop();
        pool_.stop();
        set_log_level(LogLevel::info);
        std::filesystem::remove_all(root_);
    }
    SlaveSettings settings() {
        auto loaded = Config::load("", slave_config_keys(), {},
                                   {{"slave.node", "127.0.0.1:0"},
                                    {"slave.data", root_ + "/a," + root_ + "/b"},
                                    {"slave.disk.free.bytes.min", "0"},
                                    {"slave.query.threads", "1"},
                                    {"slave.stop.grace.ms", "200"}});
        return slave_settings(*loaded);
    }
    void start() {
        auto started = SlaveNode::start(settings(), "test");
        ASSERT_TRUE(started.has_value()) << started.error().to_text();
        node_ = std::move(*started);
        client_ = rpc::RpcClient::create(pool_.executor_of(0), "127.0.0.1:" + std::to_string(node_->port()));
        if (join_) {
            EXPECT_EQ(text_of(Method::register_node, registration()), "{}");
        }
    }
    std::string registration(std::uint32_t node = 3, std::vector<rpc::TableIncarnation> tables = {},
                             bool take_over = false) {
        return rpc::encode(rpc::RegisterNodeRequest{NodeId{node}, cluster_, take_over, std::move(tables)});
    }
    void stop() {
        client_.reset();
        node_.reset();
    }
    Result<rpc::RpcReply> call(Method method, std::string json, std::vector<SharedBytes> attached = {}) {
        return dl::test::run(pool_.executor_of(0), [&]() -> asio::awaitable<Result<rpc::RpcReply>> {
            auto reply = co_await client_->call(method, json, attached, in_ms(20000));
            co_return std::move(reply);
        });
    }
    std::string text_of(Method method, std::string json, std::vector<SharedBytes> attached = {}) {
        const auto reply = call(method, std::move(json), std::move(attached));
        return reply.has_error() ? reply.error().to_text() : reply->end_json;
    }
    void create(std::uint64_t id, std::uint32_t partitions) {
        rpc::CreateTableRequest request{cluster_, make_table(id, partitions), {}};
        for (std::uint32_t i = 0; i < partitions; ++i)
            request.partitions.push_back({PartitionId{i}, LeaderEpoch{1}});
        EXPECT_EQ(text_of(Method::create_table, rpc::encode(request)), "{}");
    }
    std::string append(std::uint64_t id, std::uint32_t partition, std::int64_t first, std::uint32_t rows,
                       std::uint32_t epoch = 1) {
        const auto body = make_body(first, rows);
        rpc::AppendRequest request;
        request.table = {TableId{id}, "", 1000 + id};
        request.schema = SchemaId{1};
        request.partitions.push_back({PartitionId{partition}, LeaderEpoch{epoch}, rows,
                                      static_cast<std::uint32_t>(body.size()),
                                      crc32c(0, body.data(), body.size())});
        const auto text = text_of(Method::append, rpc::encode(request), {SharedBytes::from_string(body)});
        const auto reply = rpc::decode_reply<rpc::AppendReply>(text);
        if (reply.has_error() || !reply->partitions.at(0).appended) return text;
        return std::to_string(reply->partitions[0].appended->first) + "-" +
               std::to_string(reply->partitions[0].appended->last);
    }
    // "0:<first>-<end> 1:..."
    std::string offsets(std::uint64_t id, const std::vector<std::uint32_t>& partitions,
                        std::optional<std::uint64_t> incarnation = std::nullopt) {
        rpc::OffsetsRequest request;
        request.table = {TableId{id}, "t" + std::to_string(id), incarnation.value_or(1000 + id)};
        for (const auto partition : partitions)
            request.partitions.push_back({PartitionId{partition}, LeaderEpoch{1}});
        const auto text = text_of(Method::offsets, rpc::encode(request));
        const auto reply = rpc::decode_reply<rpc::OffsetsReply>(text);
        if (reply.has_error()) return text;
        std::string list;
        for (const auto& part : reply->partitions)
            list += (list.empty() ? "" : " ") + std::to_string(part.partition.value) + ":" +
                    std::to_string(part.first) + "-" + std::to_string(part.end);
        return list;
    }

    // The epoch in the header of the newest record batch of a partition's log.
    std::uint32_t epoch_in_log(std::uint64_t table, std::uint32_t partition) {
        for (const auto* directory : {"/a", "/b"}) {
            const auto path = root_ + directory + "/tables/t" + std::to_string(table) + "/p" +
                              std::to_string(partition) + "/log/00000000000000000000.log";
            if (!std::filesystem::exists(path)) continue;
            const auto bytes = *posix_file_system().read_all(path);
            std::uint32_t epoch = 0;
            for (std::size_t at = 0; at + RecordBatchHeader::kHeaderBytes <= bytes.size();) {
                const auto header = decode_record_batch_header(std::string_view(bytes).substr(at));
                if (header.has_error()) break;
                epoch = header->epoch.value;
                at += header->total_bytes();
            }
            return epoch;
        }
        return 0;
    }

    std::string cluster_ = std::string(32, 'c');
    bool join_ = true;  // start() makes it node 3 of the cluster
    std::string root_;
    net::NetPool pool_{"client", 1};
    std::unique_ptr<SlaveNode> node_;
    std::shared_ptr<rpc::RpcClient> client_;
};

TEST_F(SlaveNodeTest, AcknowledgedRowsSurviveARestartAndAreQueried) {
    start();
    create(7, 3);
    EXPECT_EQ(append(7, 0, 0, 10), "0-9");
    EXPECT_EQ(append(7, 2, 100, 5), "0-4");
    EXPECT_EQ(append(7, 0, 5, 10), "10-19");
    stop();
    start();
    EXPECT_EQ(offsets(7, {0, 1, 2}), "0:0-20 1:0-0 2:0-5");

    rpc::PinTable asked;
    asked.table = {TableId{7}, "t7", 1007};
    asked.schema = SchemaId{1};
    for (std::uint32_t i = 0; i < 3; ++i)
        asked.partitions.push_back({PartitionId{i}, LeaderEpoch{1}, {}, {}});
    const auto answer = call(Method::pin, rpc::encode(rpc::PinRequest{{asked}, 60000}));
    ASSERT_TRUE(answer.has_value()) << answer.error().to_text();
    const auto pinned = rpc::decode_reply<rpc::PinReply>(answer->end_json);
    ASSERT_TRUE(pinned.has_value()) << pinned.error().to_text();
    const auto view = pinned->view;
    ASSERT_EQ(pinned->cut.at(0).partitions.size(), 3u);
    EXPECT_EQ(pinned->cut[0].partitions[0].offset, 20);
    EXPECT_EQ(pinned->cut[0].partitions[2].offset, 5);
    EXPECT_EQ(append(7, 0, 1000, 1), "20-20");
    const auto query = call(Method::query, "{\"view\":" + std::to_string(view) +
                                               ",\"sql\":\"select count(*) as n, max(id) as m from "
                                               "t7\",\"names\":[{\"name\":\"t7\",\"table_id\":7}],"
                                               "\"timeout_ms\":20000}");
    ASSERT_TRUE(query.has_value()) << query.error().to_text();
    ASSERT_EQ(query->data.size(), 2u);
    const auto row = ColumnBatch::decode(query->data[1].slice(4, query->data[1].size() - 4), 1);
    ASSERT_TRUE(row.has_value());
    EXPECT_EQ(row->columns()[0].fixed<std::int64_t>(0),
              20);  // 15 keys in partition 0, 5 in partition 2, not the later one
    EXPECT_EQ(row->columns()[1].fixed<std::int64_t>(0), 104);
    const auto bad =
        call(Method::query,
             "{\"view\":" + std::to_string(view) +
                 ",\"sql\":\"select * from read_csv('/etc/passwd')\",\"names\":[],\"timeout_ms\":20000}");
    EXPECT_TRUE(bad.has_error());
    EXPECT_EQ(text_of(Method::unpin, "{\"view\":" + std::to_string(view) + "}"), "{}");

    const auto read = call(Method::read,
                           "{\"table_id\":7,\"incarnation\":1007,\"schema_id\":1,\"partitions\":[{"
                           "\"partition\":0,\"leader_epoch\":1,\"offset\":19}],"
                           "\"read_count\":5,"
                           "\"format\":\"json\",\"bytes_max\":1000000}");
    ASSERT_EQ(read->data.size(), 2u);
    EXPECT_NE(read->data[1].view().find("\"offset\":20"), std::string::npos);
}

TEST_F(SlaveNodeTest, PartitionsAreSpreadOverTheDirectories) {
    start();
    create(1, 5);
    const auto count = [&](const std::string& directory) {
        int found = 0;
        for (const auto& entry : std::filesystem::directory_iterator(root_ + "/" + directory + "/tables/t1"))
            found += entry.is_directory() ? 1 : 0;
        return found;
    };
    EXPECT_EQ(count("a"), 3);
    EXPECT_EQ(count("b"), 2);
    create(2, 1);
    EXPECT_TRUE(std::filesystem::exists(root_ + "/b/tables/t2/p0"));
    EXPECT_EQ(text_of(Method::drop_table, "{\"table_id\":1,\"incarnation\":1001}"), "{}");
    EXPECT_FALSE(std::filesystem::exists(root_ + "/a/tables/t1"));
    EXPECT_FALSE(std::filesystem::exists(root_ + "/b/tables/t1"));
    EXPECT_EQ(offsets(1, {0}), "TABLE_NOT_FOUND: table 't1' is not on this slave");
    EXPECT_EQ(offsets(2, {0}), "0:0-0");
}

TEST_F(SlaveNodeTest, ADamagedPartitionIsNamedAndTheOthersServe) {
    start();
    create(1, 2);
    append(1, 0, 0, 10);
    append(1, 1, 0, 10);
    stop();
    // Overwrites the magic of the manifest or log of partition 0: whatever it is called, everything in it.
    int damaged = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + "/a/tables/t1/p0")) {
        if (!entry.is_regular_file() || entry.file_size() == 0) continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.write("\xde\xad\xbe\xef\xde\xad\xbe\xef", 8);
        ++damaged;
    }
    ASSERT_GT(damaged, 0);
    start();
    const auto refused = offsets(1, {0});
    EXPECT_NE(refused.find("partition 0 of table t1 could not be opened"), std::string::npos) << refused;
    EXPECT_EQ(offsets(1, {1}), "1:0-10");
    EXPECT_EQ(append(1, 1, 50, 1), "10-10");
}

TEST_F(SlaveNodeTest, ASecondInstanceOnTheSameDataIsRefused) {
    start();
    const auto second = SlaveNode::start(settings(), "test");
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_NE(second.error().message.find("is in use by another slave"), std::string::npos)
        << second.error().message;
}

// A predecessor killed with -9 holds the lock until the kernel has given back what it had mapped.
TEST_F(SlaveNodeTest, AStartWaitsForAPredecessorThatIsEnding) {
    auto ending = DataDirectory::open(posix_file_system(), root_).value();
    std::thread end([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        ending.reset();
    });
    start();
    end.join();
    create(1, 1);
    EXPECT_EQ(append(1, 0, 0, 10), "0-9");
}

// What a crash leaves in the middle of creating or dropping is never seen as data; it is removed when nothing
// can be lost by it, else set aside.
TEST_F(SlaveNodeTest, HalfDoneTablesAreCleanedUp) {
    start();
    create(1, 1);
    append(1, 0, 0, 3);
    stop();
    std::filesystem::create_directories(root_ + "/a/tables/t8");             // no table.json yet
    std::filesystem::create_directories(root_ + "/a/tables/t9/p0");          // lost its table.json
    std::filesystem::create_directories(root_ + "/a/tables/t1/p5.new/log");  // being created
    std::filesystem::create_directories(root_ + "/a/tables/t1/p6.new/log");
    std::ofstream(root_ + "/a/tables/t1/p6.new/log/00000000000000000000.log") << "record";
    std::filesystem::create_directories(root_ + "/b/tables/t4.dropped/p0");  // being removed
    std::filesystem::create_directories(root_ + "/b/tables/t01");            // not ours
    start();
    const auto names_in = [&](const std::string& directory) {
        std::string names;
        for (const auto& name : *posix_file_system().list(root_ + directory))
            names += (name.find('.') == name.npos ? name : name.substr(0, name.rfind('.'))) + " ";
        return names;
    };
    EXPECT_EQ(names_in("/a/tables"), "t1 t9.no-table-json ");
    EXPECT_EQ(names_in("/a/tables/t1"), "epochs p0 p6.unfinished table ");
    EXPECT_FALSE(std::filesystem::exists(root_ + "/b/tables/t4.dropped"));
    EXPECT_TRUE(std::filesystem::exists(root_ + "/b/tables/t01"));
    EXPECT_EQ(offsets(1, {0}), "0:0-3");
}

TEST_F(SlaveNodeTest, SchemaUpdatesReachEveryDirectoryAndSurvive) {
    start();
    create(1, 2);
    auto table = make_table(1, 2);
    table.schema.id = SchemaId{2};
    Field added;
    added.id = FieldId{3};
    added.name = "age";
    added.type.kind = TypeKind::int64;
    table.schema.fields.push_back(added);
    table.next_field_id = FieldId{4};
    EXPECT_EQ(text_of(Method::update_table, "{\"table\":" + table_meta_to_json(table) + "}"), "{}");
    stop();
    for (const auto* directory : {"/a", "/b"}) {
        auto opened = DataDirectory::open(posix_file_system(), root_ + directory);
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ((*opened)->read_table(TableId{1})->meta.schema.id.value, 2u);
    }
    start();
    EXPECT_EQ(append(1, 0, 0, 1), "0-0");
}

// A master on another copy of the catalog has altered the table its own way: number and incarnation are those
// of the table here.
TEST_F(SlaveNodeTest, ATableOfAnotherSchemaIsRefusedByNameInEveryRequest) {
    start();
    create(1, 1);
    EXPECT_EQ(append(1, 0, 0, 3), "0-2");
    auto other = make_table(1, 1);
    other.schema.fields[1].name = "city";
    const auto asked = rpc::table_ref(other);
    const std::vector<PartitionId> all = {PartitionId{0}};
    const std::vector<rpc::PartitionPosition> positions = {{PartitionId{0}, LeaderEpoch{1}, 0}};
    const auto body = make_body(0, 1);
    rpc::AppendRequest append_one;
    append_one.table = asked;
    append_one.schema = SchemaId{1};
    append_one.partitions.push_back({PartitionId{0}, LeaderEpoch{1}, 1,
                                     static_cast<std::uint32_t>(body.size()),
                                     crc32c(0, body.data(), body.size())});
    rpc::PinTable pinned;
    pinned.table = asked;
    pinned.schema = SchemaId{1};
    pinned.partitions.push_back({PartitionId{0}, LeaderEpoch{1}, {}, {}});
    const rpc::CreateTableRequest create_again{cluster_, other, {{PartitionId{0}, LeaderEpoch{1}}}};
    const std::vector<std::pair<Method, std::string>> requests = {
        {Method::create_table, rpc::encode(create_again)},
        {Method::update_table, rpc::encode(rpc::UpdateTableRequest{other, {}})},
        {Method::read, rpc::encode(rpc::ReadRequest{asked, SchemaId{1}, positions, 10, "rows", 1000})},
        {Method::wait, rpc::encode(rpc::WaitRequest{asked, positions, 1, 10})},
        {Method::offsets, rpc::encode(rpc::OffsetsRequest{asked, {{PartitionId{0}, LeaderEpoch{1}}}})},
        {Method::pin, rpc::encode(rpc::PinRequest{{pinned}, 1000})},
        {Method::compress, rpc::encode(rpc::CompressRequest{asked, all})},
        {Method::stats, rpc::encode(rpc::StatsRequest{asked, all})},
        {Method::check, rpc::encode(rpc::CheckRequest{asked, all, false, 1000})},
    };
    for (const auto& [method, request] : requests)
        EXPECT_TRUE(
            text_of(method, request).starts_with("CORRUPT_DATA: the slave holds other columns of table 't1'"))
            << static_cast<int>(method) << ": " << text_of(method, request);
    EXPECT_TRUE(text_of(Method::append, rpc::encode(append_one), {SharedBytes::from_string(body)})
                    .starts_with("CORRUPT_DATA: the slave holds other columns of table 't1'"));
    EXPECT_EQ(offsets(1, {0}), "0:0-3") << "nothing was done";
    append_one.table = rpc::table_ref(make_table(1, 1));
    EXPECT_NE(text_of(Method::append, rpc::encode(append_one), {SharedBytes::from_string(body)})
                  .find("\"first\":3"),
              std::string::npos);
    // Whoever drops it needs no schema.
    EXPECT_EQ(text_of(Method::drop_table, rpc::encode(rpc::DropTableRequest{{TableId{1}, "t1", 1001}})),
              "{}");
}

// An epoch says who may write: told once it is never forgotten and never lowered, with or without a new
// schema.
TEST_F(SlaveNodeTest, LeaderEpochsAreKeptAndNeverGoBack) {
    start();
    create(1, 2);
    const auto update = [&](std::vector<rpc::PartitionEpoch> epochs) {
        return text_of(Method::update_table,
                       rpc::encode(rpc::UpdateTableRequest{make_table(1, 2), std::move(epochs)}));
    };
    EXPECT_EQ(update({{PartitionId{0}, LeaderEpoch{4}}}), "{}");
    EXPECT_EQ(append(1, 0, 0, 3, 4), "0-2");
    EXPECT_EQ(append(1, 1, 0, 3), "0-2");
    EXPECT_TRUE(append(1, 0, 0, 3).starts_with("NOT_LEADER: "));
    EXPECT_EQ(epoch_in_log(1, 0), 4u);
    EXPECT_EQ(epoch_in_log(1, 1), 1u);
    stop();
    start();
    EXPECT_EQ(update({{PartitionId{0}, LeaderEpoch{2}},
                      {PartitionId{1}, LeaderEpoch{3}},
                      {PartitionId{9}, LeaderEpoch{7}}}),
              "{}");
    EXPECT_EQ(append(1, 0, 10, 3, 4), "3-5");
    EXPECT_EQ(append(1, 1, 10, 3, 3), "3-5");
    EXPECT_EQ(epoch_in_log(1, 0), 4u);
    EXPECT_EQ(epoch_in_log(1, 1), 3u);
    EXPECT_TRUE(update({{PartitionId{0}, LeaderEpoch{0}}}).starts_with("INVALID_REQUEST: "));
}

TEST_F(SlaveNodeTest, AFlippedBitInTheFilesAboutATableIsNoticed) {
    start();
    create(1, 1);
    stop();
    auto directory = *DataDirectory::open(posix_file_system(), root_ + "/a");
    for (const std::string name : {"table.json", "epochs.json"}) {
        const auto path = root_ + "/a/tables/t1/" + name;
        const auto good = *posix_file_system().read_all(path);
        for (std::size_t i = 0; i < good.size(); ++i) {
            auto bad = good;
            bad[i] = static_cast<char>(bad[i] ^ 1);
            std::ofstream(path, std::ios::binary) << bad;
            const auto read = directory->read_table(TableId{1});
            ASSERT_TRUE(read.has_error()) << name << " " << i;
            EXPECT_EQ(read.error().code, ErrorCode::corrupt_data);
        }
        std::ofstream(path, std::ios::binary) << good;
    }
    EXPECT_TRUE(directory->read_table(TableId{1}).has_value());
}

TEST_F(SlaveNodeTest, ANodeKeepsTheIdItWasGiven) {
    join_ = false;
    start();
    EXPECT_EQ(text_of(Method::ping, "{}").find("\"node_id\""), std::string::npos);
    EXPECT_EQ(text_of(Method::register_node, registration()), "{}");
    EXPECT_EQ(text_of(Method::register_node, registration()), "{}");
    EXPECT_NE(text_of(Method::register_node, registration(4)).find("cannot become node 4"),
              std::string::npos);
    stop();
    // A directory that was not reached by the change before a crash takes it from the others.
    auto unreached = *decode_node_file(*posix_file_system().read_all(root_ + "/b/node.json"), "b");
    unreached.node = NodeId{};
    unreached.cluster_id.clear();
    std::ofstream(root_ + "/b/node.json", std::ios::binary) << encode_node_file(unreached);
    start();
    EXPECT_NE(text_of(Method::ping, "{}").find("\"node_id\":3,\"cluster_id\":\"" + cluster_),
              std::string::npos);
    stop();
    auto damaged = *posix_file_system().read_all(root_ + "/b/node.json");
    damaged[20] = static_cast<char>(damaged[20] ^ 4);
    std::ofstream(root_ + "/b/node.json", std::ios::binary) << damaged;
    const auto refused = SlaveNode::start(settings(), "test");
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data);
}

TEST_F(SlaveNodeTest, AnEmptyDirectoryInThePlaceOfAMissingOneIsNoStart) {
    start();
    create(1, 4);
    stop();
    const auto whole = root_ + "/b", elsewhere = root_ + "/elsewhere";
    std::filesystem::rename(whole, elsewhere);
    for (int i = 0; i < 2; ++i) {  // the directories that the first start has made are no difference
        const auto refused = SlaveNode::start(settings(), "test");
        ASSERT_TRUE(refused.has_error());
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        EXPECT_NE(refused.error().message.find("is its disk mounted?"), std::string::npos);
        EXPECT_NE(refused.error().message.find(whole), std::string::npos) << refused.error().message;
    }
    std::filesystem::remove_all(whole);
    std::filesystem::copy(root_ + "/a", whole, std::filesystem::copy_options::recursive);
    EXPECT_EQ(SlaveNode::start(settings(), "test").error().code, ErrorCode::corrupt_data) << "a copy";
    std::filesystem::remove_all(whole);
    std::filesystem::rename(elsewhere, whole);
    start();
    EXPECT_EQ(offsets(1, {0, 1, 2, 3}), "0:0-0 1:0-0 2:0-0 3:0-0");
    stop();
    // Lost for good: left out once, and an empty one added.
    std::filesystem::remove_all(whole);
    auto one = settings();
    one.data_directories = {root_ + "/a"};
    ASSERT_TRUE(SlaveNode::start(one, "test").has_value());
    start();
    EXPECT_EQ(offsets(1, {0, 1, 2, 3}).substr(0, 19), "PARTITION_NOT_FOUND");
}

TEST_F(SlaveNodeTest, ADirectoryOfAMasterIsNotTaken) {
    std::filesystem::create_directories(root_ + "/b");
    std::ofstream(root_ + "/b/catalog.db") << "x";
    const auto refused = SlaveNode::start(settings(), "test");
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
    EXPECT_FALSE(std::filesystem::exists(root_ + "/b/tables"));
}

TEST_F(SlaveNodeTest, ADamagedDescriptionIsToldAsSuch) {
    start();
    create(1, 2);
    stop();
    for (const std::string dir : {"/a", "/b"}) {
        const auto path = root_ + dir + "/tables/t1/table.json";
        if (std::filesystem::exists(path)) std::ofstream(path, std::ios::binary) << "{}";
    }
    start();
    const auto told = offsets(1, {0, 1});
    EXPECT_EQ(told.substr(0, 25), "CORRUPT_DATA: table 't1':") << told;
    EXPECT_NE(told.find("table.json"), std::string::npos) << told;
    EXPECT_EQ(told.find(root_), std::string::npos) << told;
}

TEST_F(SlaveNodeTest, ASlaveServesItsClusterOnly) {
    join_ = false;
    start();
    const auto create_text = [&] {
        return text_of(Method::create_table,
                       rpc::encode(rpc::CreateTableRequest{
                           cluster_, make_table(1, 1), {{PartitionId{0}, LeaderEpoch{1}}}}));
    };
    EXPECT_NE(create_text().find("has not joined"), std::string::npos);
    EXPECT_EQ(text_of(Method::register_node, registration()), "{}");
    EXPECT_EQ(create_text(), "{}");
    append(1, 0, 0, 3);

    const auto own = cluster_;
    cluster_ = std::string(32, 'd');
    for (const auto& refused : {create_text(), text_of(Method::register_node, registration())}) {
        EXPECT_EQ(refused.substr(0, 11), "UNAVAILABLE") << refused;
        EXPECT_NE(refused.find("belong to cluster " + own), std::string::npos) << refused;
        EXPECT_NE(refused.find("--begin-anew"), std::string::npos) << refused;
    }
    // Another catalog's table of the same number.
    auto other = make_table(1, 1);
    other.name = "other";
    other.incarnation = 5;
    other.schema.id = SchemaId{9};
    for (const auto& refused :
         {text_of(Method::update_table, rpc::encode(rpc::UpdateTableRequest{other, {}})),
          text_of(Method::drop_table, "{\"table_id\":1,\"incarnation\":5}")}) {
        EXPECT_EQ(refused.substr(0, 12), "CORRUPT_DATA") << refused;
        EXPECT_NE(refused.find("another table 't1'"), std::string::npos) << refused;
    }
    EXPECT_EQ(offsets(1, {0}), "0:0-3");
    // Told to, it changes sides with what it holds.
    EXPECT_EQ(text_of(Method::register_node, registration(8, {}, true)), "{}");
    EXPECT_NE(text_of(Method::ping, "{}").find("\"node_id\":8,\"cluster_id\":\"" + cluster_),
              std::string::npos);
    const auto held = call(Method::inventory, "{}");
    ASSERT_TRUE(held.has_value());
    ASSERT_EQ(held->data.size(), 1u);
    EXPECT_EQ(
        held->data[0].view().substr(0, 73),
        std::string_view(
            "{\"tables\":[{\"table_id\":1,\"incarnation\":1001,\"name\":\"t1\",\"key\":\"id\",\"hash_"));
    EXPECT_NE(held->data[0].view().find("\"records\":3,"), std::string_view::npos);
}

TEST_F(SlaveNodeTest, TheHighestTableNumberCountsWhatDoesNotServe) {
    start();
    create(4, 1);
    EXPECT_NE(text_of(Method::ping, "{}").find("\"highest_table\":4"), std::string::npos);
    stop();
    std::filesystem::create_directories(root_ + "/b/tables/t70.no-table-json.1/p0");
    start();
    EXPECT_NE(text_of(Method::ping, "{}").find("\"highest_table\":70"), std::string::npos);
}

// tests/golden/release-0.1.0.tar.gz: what a cluster of the last release left.
TEST_F(SlaveNodeTest, ADirectoryOfTheLastReleaseIsAdoptedOnce) {
    join_ = false;
    const std::string unpack = std::string("tar -xzf ") + DL_GOLDEN_DIR + "/release-0.1.0.tar.gz -C " + root_;
    ASSERT_EQ(std::system(unpack.c_str()), 0);
    std::filesystem::rename(root_ + "/slave-a", root_ + "/a");
    start();
    // Not of a cluster yet: its tables have no incarnation, and nobody knows them by one.
    EXPECT_EQ(offsets(2, {0, 2}, 0), "0:0-5 2:0-1");
    EXPECT_EQ(text_of(Method::register_node, registration(1, {{TableId{2}, 77}})), "{}");
    EXPECT_EQ(text_of(Method::register_node, registration(1, {{TableId{2}, 77}})), "{}");
    EXPECT_NE(text_of(Method::register_node, registration(1, {{TableId{2}, 78}})).find("CORRUPT_DATA"),
              std::string::npos);
    stop();
    start();
    EXPECT_NE(text_of(Method::ping, "{}").find("\"node_id\":1"), std::string::npos);
    EXPECT_EQ(offsets(2, {0, 2}, 77), "0:0-5 2:0-1");
    EXPECT_EQ(offsets(2, {0, 2}, 0).substr(0, 12), "CORRUPT_DATA");
    EXPECT_NE(text_of(Method::drop_table, "{\"table_id\":2,\"incarnation\":0}").find("CORRUPT_DATA"),
              std::string::npos);
    EXPECT_EQ(text_of(Method::drop_table, "{\"table_id\":2,\"incarnation\":77}"), "{}");
}

TEST_F(SlaveNodeTest, DirectoriesOfDifferentSlavesAreRefused) {
    start();
    stop();
    std::ofstream(root_ + "/b/node.json") << "{\"format\":1,\"incarnation\":\"other\"}";
    const auto mixed = SlaveNode::start(settings(), "test");
    ASSERT_TRUE(mixed.has_error());
    EXPECT_NE(mixed.error().message.find("belong to different slaves"), std::string::npos);
}

}  // namespace
}  // namespace dl::slave

// Nodes start this program again for their queries.
int main(int argc, char** argv) {
    if (const auto status = dl::slave::run_as_query_worker(argc, argv)) return *status;
    ::testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
