// Splits a JSON file into its values: one a line, an array of them, or one after the other over several
// lines. Finds only where a value begins and ends. In the form of lines a bad value costs its line; in the
// others what has no end is an error. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data-lake-client/cli/load/byte_source.h"

namespace datalake::cli {

class JsonReader {
  public:
    static constexpr std::size_t kValueBytesMax = 256u << 20;

    explicit JsonReader(std::unique_ptr<ByteSource> bytes) : bytes_(std::move(bytes)) {}
    // False: the end. `value` holds until the next call; `line` is that of its first character, from 1.
    Result<bool> next(std::string_view& value, std::uint64_t& line);

  private:
    enum class Form : std::uint8_t { unknown, lines, array, values };
    Result<void> refill();
    Result<bool> find_form();
    Result<bool> next_line(std::string_view& value, std::uint64_t& line);
    Result<bool> next_value(std::string_view& value, std::uint64_t& line);
    // Behind blanks (and, in an array, commas); false at the end of the bytes.
    Result<bool> skip_blanks();
    // The end of the value at at_, or nullptr when it is not among the bytes read.
    const char* value_end() const;

    std::unique_ptr<ByteSource> bytes_;
    Form form_ = Form::unknown;
    std::vector<char> buffer_;
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    bool ended_ = false;
    bool closed_ = false;  // the array is
    std::uint64_t line_ = 1;
};

}  // namespace datalake::cli
