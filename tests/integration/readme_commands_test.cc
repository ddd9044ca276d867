// The commands of the original project's README, as they stand there, and those of ours, on one connection.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

class ReadmeCommandsTest : public ClusterTest {};

TEST_F(ReadmeCommandsTest, AllOfThemInOrder) {
    start();
    auto client = connect();
    must(
        client,
        R"({"sql":"create table table_name(id INT PRIMARY KEY, username string NOT NULL, age long, xingbie string default '男') partition.number = 4, replicas.number=1"})");
    std::string data;
    for (int i = 0; i <= 10; ++i)
        data += (i == 0 ? "" : ",") + std::string(R"({"id":")") + std::to_string(i) +
                R"(","_crud_type":"insert","username":"data-lake","age":"1","xingbie":"0"})";
    must(client, R"({"batch_insert":{"data":[)" + data + R"(],"table_name":"table_name"}})");
    EXPECT_EQ(rows(client, "select username, age from table_name").size(), 11u);

    must(client, R"({"sql":"ALTER TABLE table_name ADD username_a string"})");
    must(client, R"({"sql":"ALTER TABLE table_name OROP username_a"})");
    EXPECT_EQ(must(client, R"({"sql":"desc table_name"})").kind, Reply::Kind::desc);

    std::int64_t records = 0;
    for (const auto& [partition, offset] : max_offsets(client, "table_name"))
        records += offset + 1;
    EXPECT_EQ(records, 11);
    EXPECT_EQ(client.request_single_frame(R"({"sql":"show_table"})"), R"(["table_name"])");

    std::size_t read = 0;
    for (const auto& frame :
         must(client, R"({"stream_read":{"patition_mess":[],"table_name":"table_name","read_count":1000}})")
             .frames)
        read += decode_stream_frame(frame).size();
    EXPECT_EQ(read, 11u);
    const auto beyond = must(
        client,
        R"({"stream_read":{"patition_mess":[{"patition_code":0,"offset":249991},{"patition_code":1,"offset":249991},{"patition_code":2,"offset":249991},{"patition_code":3,"offset":249991}],"table_name":"table_name","read_count":1000}})");
    EXPECT_TRUE(beyond.frames.empty());

    must(client, R"({"sql":"compress table_name"})");
    EXPECT_EQ(value(client, "select count(*) from table_name"), 11);
    must(client, R"({"sql":"drop table_name"})");
    EXPECT_EQ(client.request_single_frame(R"({"sql":"show_table"})"), "[]");
}

// Whoever goes down the table of commands is refused nowhere.
TEST_F(ReadmeCommandsTest, TheTableOfOurs) {
    start();
    auto client = connect();
    std::ifstream readme(DL_SOURCE_DIR "/README.md");
    std::size_t commands = 0;
    for (std::string line; std::getline(readme, line);) {
        if (!line.starts_with("| ")) continue;
        // The same table once more, in another form.
        if (line.starts_with("| or as JSON")) must(client, R"({"sql":"drop t"})");
        for (auto begin = line.find("`{"); begin != std::string::npos;) {
            const auto end = line.find("}`", begin);
            ASSERT_NE(end, std::string::npos) << line;
            const auto command = line.substr(begin + 1, end - begin);
            ++commands;
            begin = line.find("`{", end);
            // Its reply has no end.
            if (command.find("show_table") != std::string::npos) {
                client.request_single_frame(command);
                continue;
            }
            const auto reply = client.request(command);
            EXPECT_TRUE(reply.ok()) << command << "\n" << reply.text;
        }
        if (!line.starts_with("| or as JSON")) continue;
        must(client, sql("drop t"));
        must(client, sql("create table t(id int primary key, name string not null, age long, "
                         "sex string default 'x')"));
    }
    EXPECT_GT(commands, 25u);
}

}  // namespace
}  // namespace dl::test
