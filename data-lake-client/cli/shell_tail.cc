// \tail (shell.h).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "data-lake-client/cli/shell.h"
#include "data-lake-client/cli/tail_since.h"

namespace datalake::cli {
namespace {

template <class T>
Result<void> read_number(std::string_view command, const std::string& name, const std::string& text, T least,
                         T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error == std::errc() && end == text.data() + text.size() && out >= least) return {};
    return usage_error(command,
                       name + " must be a number from " + std::to_string(least) + " on, not " + text);
}

// "3" or "0,2".
Result<void> read_partitions(const std::string& text, std::vector<std::uint32_t>& out) {
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        std::uint32_t partition = 0;
        auto read = read_number<std::uint32_t>("tail", "partition (one, or several with commas between them)",
                                               text.substr(begin, end - begin), 0, partition);
        if (!read.ok()) return read;
        if (std::find(out.begin(), out.end(), partition) == out.end()) out.push_back(partition);
        begin = end + 1;
    }
    return {};
}

// One offset for all partitions: those that do not reach it yet begin at their end. A partition that is named
// is taken at the word.
Result<Positions> begin_at(Client& client, const std::string& table, std::int64_t offset,
                           const std::vector<std::uint32_t>& named) {
    Positions positions;
    for (const auto partition : named)
        positions[partition] = offset;
    if (!named.empty()) return positions;
    auto offsets = client.offsets(table);
    if (!offsets.ok()) return offsets.error();
    for (const auto& [partition, there] : offsets->partitions)
        positions[partition] = std::min(offset, there.last + 1);
    return positions;
}

// A view has no log.
Error of_tail(const Error& error) {
    if (error.code() != ErrorCode::table_not_found || error.message().find("is a view") == std::string::npos)
        return error;
    return Error(error.code(),
                 error.message() + "; \\tail follows the records of a table: name one that it reads",
                 error.outcome());
}

// A CSV file has one line of names.
Error other_columns(const std::string& table, const RecordBatch& batch) {
    std::string names;
    for (const auto& name : batch.columns())
        names += (names.empty() ? "" : ", ") + name;
    const auto partition = std::to_string(batch.partition());
    const auto offset = std::to_string(batch.offset(0));
    return Error(ErrorCode::schema_mismatch,
                 "the columns of table '" + table + "' have changed, they are now " + names +
                     ": the record at offset " + offset + " of partition " + partition +
                     " and those behind it do not fit under the header; go on in another file, with \\tail " +
                     table + " --from " + offset + ", or use --format ndjson");
}

}  // namespace

Result<void> Shell::tail(const Command& command) {
    if (command.arguments.size() != 1) return usage_error("tail", "name one table");
    ConsumerOptions options;
    options.start = ConsumerOptions::Start::end;
    options.read_count = 10'000;
    std::uint64_t left = ~std::uint64_t{0};
    std::int64_t offset = -1;
    for (const auto& [name, value] : command.settings) {
        if (name == "count") {
            if (auto read = read_number<std::uint64_t>("tail", "count", value, 1, left); !read.ok())
                return read;
        } else if (name == "from" && value == "beginning") {
            options.start = ConsumerOptions::Start::beginning;
        } else if (name == "from" && value != "end") {
            if (auto read =
                    read_number<std::int64_t>("tail", "from (beginning, end or an offset)", value, 0, offset);
                !read.ok())
                return read;
        } else if (name == "since") {
            auto since = tail_since(value, std::chrono::duration_cast<std::chrono::microseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count());
            if (!since.ok()) return usage_error("tail", since.error().message());
            options.start = ConsumerOptions::Start::time;
            options.since = std::move(*since);
        } else if (name == "partition") {
            if (auto read = read_partitions(value, options.partitions); !read.ok()) return read;
        } else if (name != "from") {
            return usage_error("tail", "there is no --" + name);
        }
    }
    if (command.settings.contains("from") && command.settings.contains("since"))
        return usage_error("tail", "--from and --since both say where to begin; give one");
    if (offset >= 0) {
        auto begin = begin_at(client_, command.arguments[0], offset, options.partitions);
        if (!begin.ok()) return of_tail(begin.error());
        options.positions = std::move(*begin);
    }
    auto consumer = client_.consume(command.arguments[0], options);
    if (!consumer.ok()) return of_tail(consumer.error());
    InterruptAction cancel(interrupts_, [&] { consumer->cancel(); });
    auto writer = ResultWriter::make(settings_.format, settings_.style, output_);
    auto printer = std::make_optional<RecordPrinter>(*writer);
    std::vector<std::string> shown;  // the columns of what was printed
    bool any = false;
    if (settings_.style.terminal && !settings_.quiet) {
        output_.write("waiting for records, Ctrl-C ends\n");
        output_.flush();
    }
    while (left > 0 && !interrupts_.take() && !interrupts_.terminated()) {
        auto batches = consumer->poll(std::chrono::seconds(5));
        if (!batches.ok()) {
            if (batches.error().code() == ErrorCode::cancelled) break;
            return batches.error();
        }
        for (const auto& [partition, range] : consumer->compacted())
            fmt::print(
                stderr,
                "NOTE: partition {}: offsets {} to {} are older than the history of the table, only the "
                "newest record of each key is left of them\n",
                partition, range.first, range.second);
        for (const auto& batch : *batches) {
            // The table was altered: what follows has other columns, and says so.
            if (!shown.empty() && shown != batch.columns()) {
                if (settings_.format == OutputFormat::csv) {
                    writer->flush();
                    return other_columns(command.arguments[0], batch);
                }
                writer->end();
                writer = ResultWriter::make(settings_.format, settings_.style, output_);
                printer.emplace(*writer);
            }
            shown = batch.columns();
            left -= printer->print(batch, left);
        }
        if (batches->empty()) continue;
        any = true;
        writer->flush();
        if (!output_.flush()) return Error(ErrorCode::io_error, "the output cannot be written");
    }
    if (any) writer->end();
    return {};
}

}  // namespace datalake::cli
