// Creates a table, writes rows three ways and queries them: insert 127.0.0.1:7853
#include <datalake/client.h>

#include <cstdio>

namespace {

int fail(const datalake::Error& error) {
    std::fprintf(stderr, "%s\n", error.to_text().c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    auto client = datalake::Client::connect(argc > 1 ? argv[1] : "127.0.0.1:7853");
    if (!client.ok()) return fail(client.error());

    datalake::TableSpec table{
        .name = "example_people",
        .columns = {{"id", "long"}, {"name", "string"}, {"age", "int"}, {"city", "string"}},
        .key = "id",
        .partitions = 2,
        .not_null = {"name"},
        .defaults = {{"city", std::string("Shanghai")}}};
    auto created = client->create(table);
    if (!created.ok() && created.error().code() != datalake::ErrorCode::table_exists)
        return fail(created.error());

    // One row.
    auto one = client->insert("example_people", {{"id", std::int64_t{1}}, {"name", std::string("Ada")}});
    if (!one.ok()) return fail(one.error());

    // Many rows, the fast way; sent again by itself, and applied once, when the connection breaks.
    datalake::BatchBuilder batch("example_people", {"id", "name", "age"});
    for (std::int64_t id = 2; id <= 10'000; ++id) {
        auto added = batch.add_row({id, "person " + std::to_string(id), id % 90});
        if (!added.ok()) return fail(added.error());
    }
    auto sent = client->send(batch);
    if (!sent.ok()) return fail(sent.error());
    for (const auto& [partition, range] : sent->offsets)
        std::printf("partition %u: offsets %lld to %lld\n", partition, static_cast<long long>(range.first),
                    static_cast<long long>(range.second));

    auto removed = client->remove("example_people", {{"id", std::int64_t{2}}});
    if (!removed.ok()) return fail(removed.error());

    auto rows = client->query(
        "select city, count(*) as people, max(age) as oldest from example_people group by city");
    if (!rows.ok()) return fail(rows.error());
    for (;;) {
        auto more = rows->next();
        if (!more.ok()) return fail(more.error());
        if (!*more) return 0;
        std::printf("%s: %lld people, the oldest is %lld\n", rows->text(0).c_str(),
                    static_cast<long long>(rows->int64(1)), static_cast<long long>(rows->int64(2)));
    }
}
