// Batches of which the server refuses some rows (loader.h).
#include "data-lake-client/cli/load/loader.h"

namespace datalake::cli {
namespace {

bool is_row_error(const Error& error) {
    return error.code() == ErrorCode::invalid_value || error.code() == ErrorCode::limit_exceeded;
}

}  // namespace

std::optional<std::uint32_t> row_named_in(std::string_view message, std::uint32_t rows) {
    const auto at = message.find("row ");
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t number = 0;
    std::size_t digits = 0;
    for (auto i = at + 4; i < message.size() && message[i] >= '0' && message[i] <= '9' && digits < 10;
         ++i, ++digits)
        number = number * 10 + static_cast<std::uint64_t>(message[i] - '0');
    if (digits == 0 || number >= rows) return std::nullopt;
    return static_cast<std::uint32_t>(number);
}

Result<void> send_splitting(const SendRange& send, std::uint32_t first, std::uint32_t end,
                            std::uint64_t& loaded, std::vector<BatchRefusal>& refused,
                            const std::function<bool()>& refused_room) {
    // Ranges still to send, the next one last.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges{{first, end}};
    while (!ranges.empty()) {
        const auto [from, to] = ranges.back();
        ranges.pop_back();
        if (from >= to) continue;
        auto sent = send(from, to);
        if (sent.ok()) {
            loaded += to - from;
            continue;
        }
        if (!is_row_error(sent.error())) return sent;
        if (to - from == 1) {
            refused.push_back({from, sent.error()});
            if (!refused_room())
                return Error(ErrorCode::limit_exceeded,
                             "too many rows were refused, the last one with " + sent.error().to_text());
            continue;
        }
        // The row that is named is tried alone: when it is good after all, halves are tried next.
        const auto named = row_named_in(sent.error().message(), to - from);
        if (named) {
            const auto bad = from + *named;
            ranges.push_back({bad + 1, to});
            ranges.push_back({bad, bad + 1});
            ranges.push_back({from, bad});
        } else {
            const auto middle = from + (to - from) / 2;
            ranges.push_back({middle, to});
            ranges.push_back({from, middle});
        }
    }
    return {};
}

}  // namespace datalake::cli
