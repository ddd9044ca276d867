// Messages between nodes: encoding and decoding of those that every statement needs, in nanoseconds. Beside
// them the same bytes through nlohmann's tree, as a yardstick of the same run.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/query_messages.h"
#include "common/rpc/messages/read_messages.h"

namespace {

using namespace dl;
using namespace dl::rpc;

template <class Fn>
double nanoseconds(Fn fn) {
    constexpr int kRuns = 20000;
    double best = 1e18;
    for (int repeat = 0; repeat < 5; ++repeat) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < kRuns; ++i)
            fn();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count() / kRuns);
    }
    return best;
}

template <class M>
void measure(const char* name, const M& message) {
    const auto text = encode(message);
    std::size_t kept = 0;
    const auto writing = nanoseconds([&] { kept += encode(message).size(); });
    const auto reading = nanoseconds([&] { kept += decode_request<M>(text).has_value(); });
    const auto tree = nanoseconds([&] { kept += nlohmann::json::parse(text).size(); });
    std::printf("%-24s %5zu bytes  encode %7.0f ns  decode %7.0f ns  tree alone %7.0f ns  (%zu)\n", name,
                text.size(), writing, reading, tree, kept % 10);
}

}  // namespace

int main() {
    const TableRef table{TableId{12}, "measurements"};
    for (const std::uint32_t partitions : {1u, 8u}) {
        AppendRequest append{table, SchemaId{3}, "", 0, {}};
        AppendReply reply;
        WaitRequest wait{table, {}, 1, 1000};
        for (std::uint32_t p = 0; p < partitions; ++p) {
            append.partitions.push_back({PartitionId{p}, LeaderEpoch{1}, 1000, 48'213, 0x89abcdef});
            reply.partitions.push_back({PartitionId{p}, Appended{123'456'000, 123'456'999, false}, {}});
            wait.partitions.push_back({PartitionId{p}, LeaderEpoch{1}, 123'456'000});
        }
        std::printf("%u partitions\n", partitions);
        measure("append", append);
        measure("append reply", reply);
        measure("wait", wait);
    }
    QueryRequest lookup;
    lookup.tables.push_back({table, SchemaId{3}, {{PartitionId{5}, LeaderEpoch{1}, {}, {}}}, {"123456"}});
    lookup.sql = "SELECT * FROM measurements WHERE id = 123456";
    lookup.names = {{"measurements", TableId{12}}};
    lookup.timeout_ms = 60'000;
    measure("lookup by key", lookup);
    QueryHead head;
    for (const auto* name : {"id", "device", "ts_ms", "temp", "status"})
        head.columns.push_back({name, {TypeKind::int64}});
    head.cut.push_back({TableId{12}, {{PartitionId{5}, 123'456'999}}, 0, 1});
    measure("its head", head);
}
