// Rows per second through common/wire on one core: batches of 10 000 rows of the README's shape, into 4
// partitions. Run: dl_wire_bench [--benchmark_filter=...]; items_per_second are rows.
#include <benchmark/benchmark.h>
#include <snappy.h>

#include <cstdio>
#include <cstdlib>

#include "common/base/byte_io.h"
#include "common/base/limits.h"
#include "common/record/row_json.h"
#include "master/protocol/native/batch_binary.h"
#include "master/protocol/native/batch_json.h"
#include "slave/stream/stream_json.h"
#include "slave/stream/stream_rows.h"

namespace dl {
namespace {

constexpr std::uint32_t kRows = 10'000;

TableMeta users(std::uint32_t partitions) {
    TableMeta table;
    table.id = TableId{1};
    table.name = "rust_table";
    table.schema.id = SchemaId{1};
    std::uint32_t id = 1;
    const std::pair<const char*, TypeKind> columns[] = {{"id", TypeKind::int32},
                                                        {"username", TypeKind::string},
                                                        {"age", TypeKind::int32},
                                                        {"xingbie", TypeKind::string}};
    for (const auto& [name, kind] : columns)
        table.schema.fields.push_back({FieldId{id++}, name, {kind}, false, {}});
    table.partition_count = partitions;
    for (std::uint32_t slot = 0; slot < kSlotCount; ++slot)
        table.slot_map.push_back(static_cast<std::uint16_t>(slot * partitions / kSlotCount));
    return table;
}

std::string json_batch(bool native) {
    std::string json = R"({"batch_insert":{"table_name":"rust_table","data":[)";
    for (std::uint32_t i = 0; i < kRows; ++i) {
        char row[256];
        const char* const format =
            native ? R"({"id":%u,"_crud_type":"insert","username":"data-lake","age":%u,"xingbie":"0"})"
                   : R"({"id":"%u","_crud_type":"insert","username":"data-lake","age":"%u","xingbie":"0"})";
        const int size = std::snprintf(row, sizeof row, format, i * 7, i % 90);
        if (i != 0) json += ',';
        json.append(row, static_cast<std::size_t>(size));
    }
    return json + "]}}";
}

std::string binary_batch() {
    std::string out;
    append_string(out, "rust_table");
    append_le(out, std::uint32_t{5});
    for (const auto* name : {"id", "_crud_type", "username", "age", "xingbie"})
        append_string(out, name);
    append_le(out, kRows);
    for (std::uint32_t i = 0; i < kRows; ++i) {
        append_le(out, std::uint32_t{5});
        append_string(out, std::to_string(i * 7));
        for (const std::string& value :
             {std::string("insert"), std::string("data-lake"), std::to_string(i % 90), std::string("0")})
            append_string(out, value);
    }
    return out;
}

void count_rows(benchmark::State& state, std::size_t bytes) {
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kRows);
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

void require(bool good, const char* what) {
    if (good) return;
    std::fprintf(stderr, "wire_bench: %s\n", what);
    std::abort();
}

void json_tape(benchmark::State& state) {
    const std::string frame = json_batch(false);
    for (auto _ : state) {
        const auto request = JsonRequest::parse(frame);
        require(request.has_value(), "the batch was refused");
        benchmark::DoNotOptimize(request);
    }
    count_rows(state, frame.size());
}
BENCHMARK(json_tape);

void parse_json(benchmark::State& state) {
    const auto table = users(static_cast<std::uint32_t>(state.range(0)));
    const std::string frame = json_batch(state.range(1) != 0);
    for (auto _ : state) {
        const auto request = JsonRequest::parse(frame);
        const auto batch = parse_json_rows(*request, table);
        require(batch.has_value() && batch->rows == kRows, "the batch was refused");
        benchmark::DoNotOptimize(batch);
    }
    count_rows(state, frame.size());
}
BENCHMARK(parse_json)
    ->ArgNames({"partitions", "native"})
    ->Args({4, 0})
    ->Args({4, 1})
    ->Args({1, 0})
    ->Args({64, 0});

void parse_binary(benchmark::State& state) {
    const auto table = users(static_cast<std::uint32_t>(state.range(0)));
    const std::string plain = binary_batch();
    std::string compressed;
    snappy::Compress(plain.data(), plain.size(), &compressed);
    for (auto _ : state) {
        const auto bytes = snappy_uncompress_checked(compressed, limits::batch_plain_bytes_max);
        const auto batch = parse_binary_batch(*bytes, table);
        require(batch.has_value() && batch->rows == kRows, "the batch was refused");
        benchmark::DoNotOptimize(batch);
    }
    count_rows(state, plain.size());
}
BENCHMARK(parse_binary)->ArgNames({"partitions"})->Arg(4)->Arg(1)->Arg(64);

void snappy_uncompress(benchmark::State& state) {
    const std::string plain = binary_batch();
    std::string compressed;
    snappy::Compress(plain.data(), plain.size(), &compressed);
    for (auto _ : state) {
        const auto bytes = snappy_uncompress_checked(compressed, limits::batch_plain_bytes_max);
        benchmark::DoNotOptimize(bytes);
    }
    count_rows(state, plain.size());
}
BENCHMARK(snappy_uncompress);

ColumnBatch one_partition(const TableMeta& table) {
    const auto batch = parse_binary_batch(binary_batch(), table);
    return *ColumnBatch::decode(SharedBytes::from_string(batch->partitions[0].body), kRows);
}

void encode_rows(benchmark::State& state) {
    const auto table = users(1);
    const auto batch = one_partition(table);
    StreamRowsEncoder encoder(table, PartitionId{0});
    encoder.add(batch, 0, kRows, {});
    const std::size_t bytes = encoder.plain_bytes();
    (void)encoder.finish();
    for (auto _ : state) {
        encoder.add(batch, 0, kRows, {});
        benchmark::DoNotOptimize(encoder.plain());
        if (state.range(0) != 0)
            benchmark::DoNotOptimize(encoder.finish());
        else
            encoder.discard();
    }
    count_rows(state, bytes);
}
BENCHMARK(encode_rows)->ArgName("snappy")->Arg(0)->Arg(1);

void encode_json_rows(benchmark::State& state) {
    const auto table = users(1);
    const auto batch = one_partition(table);
    std::string out;
    for (auto _ : state) {
        out.clear();
        for (std::uint32_t row = 0; row < kRows; ++row)
            append_stream_json(out, table, PartitionId{0}, batch, row, row, 1'700'000'000'000'000);
        benchmark::DoNotOptimize(out);
    }
    count_rows(state, out.size());
}
BENCHMARK(encode_json_rows);

void query_rows_json(benchmark::State& state) {
    const auto table = users(1);
    const auto batch = one_partition(table);
    const std::vector<std::string> names = {"\"id\"", "\"username\"", "\"age\"", "\"xingbie\""};
    std::string out;
    for (auto _ : state) {
        out.clear();
        for (std::uint32_t row = 0; row < kRows; ++row)
            append_row_json(out, names, batch, row);
        benchmark::DoNotOptimize(out);
    }
    count_rows(state, out.size());
}
BENCHMARK(query_rows_json);

void decode_columns(benchmark::State& state) {
    const auto body = one_partition(users(1)).body();
    for (auto _ : state) {
        const auto batch = ColumnBatch::decode(body, kRows, state.range(0) != 0);
        benchmark::DoNotOptimize(batch);
    }
    count_rows(state, body.size());
}
BENCHMARK(decode_columns)->ArgName("utf8")->Arg(0)->Arg(1);

}  // namespace
}  // namespace dl

BENCHMARK_MAIN();
