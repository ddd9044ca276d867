// Follows a table from its beginning until nothing new comes for ten seconds: consume TABLE [127.0.0.1:7853]
#include <datalake/client.h>

#include <cstdio>

namespace {

int fail(const datalake::Error& error) {
    std::fprintf(stderr, "%s\n", error.to_text().c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s TABLE [HOST:PORT]\n", argv[0]);
        return 2;
    }
    auto client = datalake::Client::connect(argc > 2 ? argv[2] : "127.0.0.1:7853");
    if (!client.ok()) return fail(client.error());
    auto consumer = client->consume(argv[1]);
    if (!consumer.ok()) return fail(consumer.error());

    std::uint64_t rows = 0;
    for (;;) {
        auto batches = consumer->poll(std::chrono::seconds(10));
        if (!batches.ok()) return fail(batches.error());
        if (batches->empty()) break;
        for (const auto& batch : *batches) {
            rows += batch.rows();
            const auto last = batch.rows() - 1;
            std::printf("partition %u: %u records up to offset %lld, the last one:", batch.partition(),
                        batch.rows(), static_cast<long long>(batch.offset(last)));
            for (std::size_t c = 0; c < batch.columns().size(); ++c)
                std::printf(" %s=%s", batch.columns()[c].c_str(),
                            batch.is_null(last, c) ? "NULL" : batch.text(last, c).c_str());
            std::printf("%s\n", batch.operation(last) == datalake::Operation::remove ? " (delete)" : "");
        }
        // A program that must not miss a record saves these here.
        const datalake::Positions next = consumer->positions();
        static_cast<void>(next);
    }
    std::printf("%llu records\n", static_cast<unsigned long long>(rows));
}
