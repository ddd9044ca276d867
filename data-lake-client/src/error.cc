#include "datalake/error.h"

#include <array>

#include "common/base/error.h"

namespace datalake {
namespace {

struct CodeRow {
    ErrorCode code;
    std::string_view name;
    Outcome outcome;
};

// The words of the server are those of common/base; the codes of both stand in the same order.
constexpr auto kServerCodes = static_cast<std::size_t>(ErrorCode::internal) + 1;
static_assert(static_cast<int>(ErrorCode::syntax_error) == static_cast<int>(dl::ErrorCode::syntax_error));
static_assert(static_cast<int>(ErrorCode::crashed) == static_cast<int>(dl::ErrorCode::crashed));
static_assert(static_cast<int>(ErrorCode::timeout) == static_cast<int>(dl::ErrorCode::timeout));
static_assert(static_cast<int>(ErrorCode::internal) == static_cast<int>(dl::ErrorCode::internal));

constexpr std::array kOwnCodes = {
    CodeRow{ErrorCode::connect_failed, "CONNECT_FAILED", Outcome::nothing_done},
    CodeRow{ErrorCode::connection_lost, "CONNECTION_LOST", Outcome::maybe_done},
    CodeRow{ErrorCode::protocol_error, "PROTOCOL_ERROR", Outcome::maybe_done},
    CodeRow{ErrorCode::invalid_argument, "INVALID_ARGUMENT", Outcome::nothing_done},
    CodeRow{ErrorCode::unknown, "UNKNOWN", Outcome::maybe_done},
};

Outcome outcome_of(dl::Outcome outcome) {
    switch (outcome) {
        case dl::Outcome::nothing_done:
            return Outcome::nothing_done;
        case dl::Outcome::done_in_part:
            return Outcome::done_in_part;
        case dl::Outcome::maybe_done:
            break;
    }
    return Outcome::maybe_done;
}

CodeRow row_of(ErrorCode code) {
    if (static_cast<std::size_t>(code) < kServerCodes) {
        const auto server = static_cast<dl::ErrorCode>(code);
        return {code, dl::error_code_name(server), outcome_of(dl::error_outcome(server))};
    }
    for (const auto& row : kOwnCodes)
        if (row.code == code) return row;
    return kOwnCodes.back();
}

std::optional<ErrorCode> server_code(std::string_view word) {
    const auto code = dl::error_code_from_name(word);
    if (dl::error_code_name(code) != word) return std::nullopt;
    return static_cast<ErrorCode>(code);
}

bool is_code_word(std::string_view word) {
    if (word.empty() || word[0] < 'A' || word[0] > 'Z') return false;
    for (const char c : word)
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    return true;
}

}  // namespace

Error::Error(ErrorCode code, std::string message) : Error(code, std::move(message), row_of(code).outcome) {}

Error::Error(ErrorCode code, std::string message, Outcome outcome)
    : code_(code), outcome_(outcome), name_(row_of(code).name), message_(std::move(message)) {}

Error Error::from_server(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || !is_code_word(text.substr(0, colon)))
        return Error(ErrorCode::unknown, std::string(text));
    auto message = text.substr(colon + 1);
    while (!message.empty() && message.front() == ' ')
        message.remove_prefix(1);
    const auto word = text.substr(0, colon);
    if (const auto code = server_code(word)) return Error(*code, std::string(message));
    Error error(ErrorCode::unknown, std::string(message));
    error.name_ = word;
    return error;
}

}  // namespace datalake
