// How fast one closed log segment of rows of the README's shape becomes a Parquet file with its key index, in
// this process on one core, against writing the same bytes plainly with one sync. Bytes are those of the rows
// in memory.
//   flush_micro_bench [--rows N] [--repeat N]   default 1 000 000 and 5
#include <sched.h>

#include <filesystem>
#include <iostream>

#include "common/io/file_system.h"
#include "slave/index/tail.h"
#include "slave/snapshot/flush_job.h"
#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

template <class T>
T expect(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_text());
    return std::move(*result);
}

std::shared_ptr<TableMeta> users() {
    auto table = std::make_shared<TableMeta>();
    table->id = TableId{1};
    table->name = "users";
    table->schema.id = SchemaId{1};
    std::uint32_t id = 1;
    const std::pair<const char*, TypeKind> columns[] = {{"id", TypeKind::int32},
                                                        {"username", TypeKind::string},
                                                        {"age", TypeKind::int64},
                                                        {"xingbie", TypeKind::string}};
    for (const auto& [name, kind] : columns)
        table->schema.fields.push_back({FieldId{id++}, name, {kind}, false, {}});
    table->next_field_id = FieldId{id};
    table->partition_count = 1;
    return table;
}

ColumnBatch rows_from(const TableMeta& table, std::int32_t first, std::int32_t count) {
    std::vector<ColumnBatchBuilder::ColumnSpec> columns;
    for (const auto& field : table.schema.fields)
        columns.push_back({field.id, field.type});
    ColumnBatchBuilder builder(std::move(columns));
    for (std::int32_t id = first; id < first + count; ++id) {
        builder.append_fixed<std::int32_t>(0, id);
        builder.append_bytes(1, "user" + std::to_string(std::int64_t{id} * 7919 % 100003));
        builder.append_fixed<std::int64_t>(2, std::int64_t{id} * 31 % 97);
        builder.append_bytes(3, id % 3 == 0 ? "男" : "女");
        builder.finish_row(false);
    }
    return expect(
        ColumnBatch::decode(SharedBytes::from_string(builder.encode()), static_cast<std::uint32_t>(count)));
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 1'000'000) / 10'000 * 10'000;
    const auto repeat = argument(argc, argv, "--repeat", 5);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) throw std::runtime_error("one core cannot be chosen");

    const auto table = users();
    slave::Tail tail(0);
    tail.start_segment();
    for (std::int64_t id = 0; id < rows; id += 10'000) {
        const auto batch = rows_from(*table, static_cast<std::int32_t>(id), 10'000);
        std::vector<slave::TailSegment::FreshKey> missing;
        const auto hashes = expect(slave::hash_keys(batch, FieldId{1}, 1));
        if (auto done = tail.append(batch, 1, hashes, &missing); !done)
            throw std::runtime_error(done.error().to_text());
    }
    tail.close_segment();
    const auto& segment = tail.segments().front();
    const auto bytes = static_cast<double>(segment->body_bytes());

    const auto directory =
        std::filesystem::temp_directory_path() / ("flush-bench-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory);
    Latencies flush, plain;
    const std::string same_bytes(static_cast<std::size_t>(bytes), 'x');
    for (std::int64_t i = 0; i < repeat; ++i) {
        slave::FlushInput input;
        input.files = &posix_file_system();
        input.snapshots_directory = directory.string();
        input.table = table;
        input.segment = segment;
        input.edition = static_cast<std::uint64_t>(i + 1);
        const auto start = Clock::now();
        (void)expect(slave::run_flush_job(input));
        flush.add(seconds_since(start));
        plain.add(raw_write_and_sync_seconds(directory.string(), {same_bytes}));
    }
    std::filesystem::remove_all(directory);
    headline("Flush of one segment of " + std::to_string(rows) + " rows, " + megabytes(bytes) +
             ", on one core");
    line("Parquet and key index, synced", megabytes(bytes / flush.percentile(50)) + "/s",
         rows_per_second(static_cast<double>(rows), flush.percentile(50)));
    line("the same bytes written plainly, synced", megabytes(bytes / plain.percentile(50)) + "/s",
         ratio_text(flush.percentile(50) / plain.percentile(50)));
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
