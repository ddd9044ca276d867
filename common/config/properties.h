// Java-style properties files: `key = value` or `key: value`, '#' and '!' comments, blanks trimmed, '\' continues a line.
// A Spec lists every key a program knows; loading checks each value and refuses unknown keys, naming the nearest one.
// Precedence: built-in default < file < environment (DATALAKE_<KEY with dots as underscores, upper-case>) < command line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl {

struct ConfigKey {
    enum class Kind : std::uint8_t { text, integer, bytes, milliseconds, boolean, list, address, choice };
    std::string name;           // "slave.file.segment.bytes"
    Kind kind = Kind::text;
    std::string default_value;  // in text form; empty: none
    bool required = false;
    std::int64_t min = 0;       // integer, bytes, milliseconds
    std::int64_t max = 0;
    std::vector<std::string> choices;
    std::string help;           // one or two sentences, with the unit
};

class Config {
  public:
    // Reads and checks the file; environment from `environment` (name -> value or nullopt). INVALID_VALUE and friends name
    // file, line, key, value and what is allowed. bytes accept k, m, g (1024-based) suffixes with optional "b"/"ib".
    static Result<Config> load(const std::string& path, const std::vector<ConfigKey>& spec,
                               const std::function<std::optional<std::string>(const std::string&)>& environment);

    std::string text(std::string_view key) const;
    std::int64_t integer(std::string_view key) const;  // integer, bytes, milliseconds
    bool boolean(std::string_view key) const;
    // Comma separated or a JSON array of strings.
    std::vector<std::string> list(std::string_view key) const;
    bool is_set(std::string_view key) const;  // by file or environment

    // Every key with value and source ("default", "file:12", "environment"), one a line.
    std::string print() const;

  private:
    struct Entry {
        ConfigKey key;
        std::string value;
        std::string source;
    };
    std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace dl
