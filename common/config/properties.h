// Java-style properties files: `key = value` or `key: value`, '#' and '!' comments, blanks trimmed, '\'
// continues a line. A Spec lists every key a program knows; loading checks each value and refuses unknown
// keys, naming the nearest one. Precedence: built-in default < file < environment (DATALAKE_<KEY with dots as
// underscores, upper-case>) < command line.
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
    // address: host:port. addresses: a list of them, each once. bytes: 64m, 1g. milliseconds: 500, 500ms,
    // 10s, 5min, 1h.
    enum class Kind : std::uint8_t {
        text,
        integer,
        bytes,
        milliseconds,
        boolean,
        list,
        address,
        choice,
        addresses
    };
    std::string name;  // "slave.file.segment.bytes"
    Kind kind = Kind::text;
    std::string default_value;  // in text form; empty: none
    bool required = false;
    std::int64_t min = 0;  // integer, bytes, milliseconds
    std::int64_t max = 0;  // 0: none
    std::vector<std::string> choices;
    std::string help;      // one or two sentences, with the unit
    std::string hint;      // added to the error of a wrong value
    std::string alias_of;  // another name of that key: its value times alias_factor is that key's; both set
                           // is an error
    std::int64_t alias_factor = 1;
    std::string
        unused;  // accepted for old files and without effect: why; Config::notes() says so when it is set
};

class Config {
  public:
    // Reads and checks the file (an empty path: none); environment from `environment` (name -> value or
    // nullopt). INVALID_VALUE and friends name file, line, key, value and what is allowed. bytes accept k, m,
    // g, t (1024-based) suffixes with optional "b"/"ib".
    static Result<Config> load(
        const std::string& path, const std::vector<ConfigKey>& spec,
        const std::function<std::optional<std::string>(const std::string&)>& environment,
        const std::map<std::string, std::string>& command_line = {});

    // Asking for a key that is not in the specification, or as another kind, is a defect.
    std::string text(std::string_view key) const;
    std::int64_t integer(std::string_view key) const;  // integer, bytes, milliseconds
    bool boolean(std::string_view key) const;
    // Comma separated or a JSON array of strings.
    std::vector<std::string> list(std::string_view key) const;
    bool is_set(std::string_view key) const;  // by file, environment or command line

    // Every key with value and source ("default", "file:12", "environment", "command line"), one a line.
    std::string print() const;
    struct Shown {
        std::string name, value, source, help;
    };
    // The same, for those who look at them one by one.
    std::vector<Shown> settings() const;
    // What is worth a line in the log: keys that are set and have no effect.
    const std::vector<std::string>& notes() const { return notes_; }

  private:
    struct Entry {
        ConfigKey key;
        std::string value;
        std::string source;
        std::int64_t number = 0;         // integer, bytes, milliseconds, boolean
        std::vector<std::string> items;  // list, addresses
    };
    const Entry& entry(std::string_view key) const;
    std::map<std::string, Entry, std::less<>> entries_;
    std::vector<std::string> notes_;
};

// DATALAKE_SLAVE_NODE for slave.node.
std::string config_environment_name(std::string_view key);
// The environment of this process, for Config::load.
std::optional<std::string> process_environment(const std::string& name);

}  // namespace dl
