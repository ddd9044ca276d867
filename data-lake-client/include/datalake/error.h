// Errors of the client library, as values. Standard library only; every type here may be copied freely
// between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace datalake {

// What a failed statement left behind.
enum class Outcome : std::uint8_t {
    nothing_done,  // safe to send again
    maybe_done,    // it may have been done; repeating it with the same batch id is safe
    done_in_part,  // the message says which parts
};

enum class ErrorCode : std::uint8_t {
    // From the server, see docs/protocol.md.
    syntax_error,
    invalid_request,
    invalid_value,
    table_not_found,
    table_exists,
    column_not_found,
    column_exists,
    partition_not_found,
    not_supported,
    limit_exceeded,
    unavailable,
    overloaded,
    cancelled,
    query_error,
    disk_full,
    not_found,
    batch_id_expired,
    offset_out_of_range,
    crashed,
    schema_mismatch,
    stale_epoch,
    stale_version,
    not_leader,
    timeout,
    unknown_outcome,
    partial,
    io_error,
    corrupt_data,
    internal,
    // Of the client itself.
    connect_failed,    // no connection could be made; nothing was sent
    connection_lost,   // the connection broke while a statement was running
    protocol_error,    // the reply is not what the protocol says
    invalid_argument,  // a wrong call; nothing was sent
    unknown,           // a word of a newer server; code_name() has it
};

class [[nodiscard]] Error {
  public:
    // The outcome follows from the code.
    Error(ErrorCode code, std::string message);
    Error(ErrorCode code, std::string message, Outcome outcome);
    // "CODE: message", as sent by the server.
    static Error from_server(std::string_view text);

    ErrorCode code() const { return code_; }
    // The stable upper-case word, e.g. "TABLE_NOT_FOUND".
    const std::string& code_name() const { return name_; }
    // One line, without the code.
    const std::string& message() const { return message_; }
    Outcome outcome() const { return outcome_; }
    // "CODE: message".
    std::string to_text() const { return name_ + ": " + message_; }
    // No connection to the server, or it broke (exit code 3 of the prompt).
    bool is_connection_error() const {
        return code_ == ErrorCode::connect_failed || code_ == ErrorCode::connection_lost;
    }

  private:
    ErrorCode code_;
    Outcome outcome_;
    std::string name_;
    std::string message_;
};

// A value or an Error. value() of an error throws std::logic_error: look at ok() first.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() & { return checked(), std::get<0>(content_); }
    const T& value() const& { return checked(), std::get<0>(content_); }
    T&& value() && { return checked(), std::get<0>(std::move(content_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const { return std::get<1>(content_); }

  private:
    void checked() const {
        if (!ok()) throw std::logic_error("value() of an error: " + error().to_text());
    }
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}
    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    const Error& error() const { return *error_; }

  private:
    std::optional<Error> error_;
};

}  // namespace datalake
