#include "common/config/properties.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "common/base/check.h"
#include "common/base/nearest_name.h"
#include "common/config/config_value.h"
#include "common/config/properties_parser.h"
#include "common/net/address.h"

namespace dl {
namespace {

using Kind = ConfigKey::Kind;
constexpr std::size_t kFileBytesMax = 1u << 20;

const ConfigKey* find_key(const std::vector<ConfigKey>& spec, std::string_view name) {
    for (const auto& key : spec)
        if (key.name == name) return &key;
    return nullptr;
}

std::string nearest_key(const std::vector<ConfigKey>& spec, std::string_view name) {
    std::vector<std::string> names;
    for (const auto& key : spec)
        names.push_back(key.name);
    // Keys are few and long: one that is half right is still worth naming.
    const auto near = nearest_name(name, names, name.size() / 2);
    return near.empty() ? near : "; the nearest known key is " + near;
}

Result<std::string> read_file(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return make_error(ErrorCode::not_found, "configuration file " + path + " cannot be read (" +
                                                    std::strerror(errno != 0 ? errno : ENOENT) +
                                                    "); give its path as argument");
    std::string text(kFileBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return make_error(ErrorCode::io_error, "configuration file " + path + " cannot be read");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kFileBytesMax)
        return make_error(ErrorCode::limit_exceeded, "configuration file " + path + " is larger than 1 MiB");
    return text;
}

struct Setting {
    std::string value;
    std::string source;
    std::string where;  // for errors
};

std::string range_text(const ConfigKey& key) {
    const auto text = [&](std::int64_t value) {
        return key.kind == Kind::bytes ? config_bytes_text(value) : std::to_string(value);
    };
    return key.max != 0 ? text(key.min) + " to " + text(key.max) : text(key.min) + " or more";
}

}  // namespace

std::string config_environment_name(std::string_view key) {
    std::string name = "DATALAKE_";
    for (const char c : key) {
        if (c >= 'a' && c <= 'z')
            name += static_cast<char>(c - 'a' + 'A');
        else
            name += c == '.' || c == '-' ? '_' : c;
    }
    return name;
}

std::optional<std::string> process_environment(const std::string& name) {
    if (const char* value = std::getenv(name.c_str())) return std::string(value);
    return std::nullopt;
}

Result<Config> Config::load(const std::string& path, const std::vector<ConfigKey>& spec,
                            const std::function<std::optional<std::string>(const std::string&)>& environment,
                            const std::map<std::string, std::string>& command_line) {
    std::map<std::string, Setting, std::less<>> settings;
    const auto unknown = [&](const std::string& name, const std::string& where) {
        return make_error(ErrorCode::invalid_value,
                          where + ": unknown key '" + name + "'" + nearest_key(spec, name));
    };

    if (!path.empty()) {
        DL_TRY_ASSIGN(const std::string text, read_file(path));
        auto lines = parse_properties(text);
        if (lines.has_error()) return lines.error().in(path);
        for (auto& line : *lines) {
            const auto where = path + ":" + std::to_string(line.line);
            if (find_key(spec, line.key) == nullptr) return unknown(line.key, where);
            if (const auto twice = settings.find(line.key); twice != settings.end())
                return make_error(ErrorCode::invalid_value, where + ": key '" + line.key +
                                                                "' is set before, at " + twice->second.where);
            settings[line.key] = {std::move(line.value), "file:" + std::to_string(line.line), where};
        }
    }
    // A stronger source replaces the key and its aliases, both ways.
    const auto override_with = [&](const ConfigKey& key, Setting setting) {
        const auto& target = key.alias_of.empty() ? key.name : key.alias_of;
        for (const auto& other : spec)
            if ((other.name == target || other.alias_of == target) && settings.contains(other.name) &&
                settings.find(other.name)->second.source != setting.source)
                settings.erase(other.name);
        settings[key.name] = std::move(setting);
    };
    for (const auto& key : spec)
        if (auto value = environment ? environment(config_environment_name(key.name)) : std::nullopt)
            override_with(
                key, {std::move(*value), "environment", "environment " + config_environment_name(key.name)});
    for (const auto& [name, value] : command_line) {
        const auto* key = find_key(spec, name);
        if (key == nullptr) return unknown(name, "command line");
        override_with(*key, {value, "command line", "command line"});
    }

    Config config;
    const auto check = [&](const ConfigKey& key, const Setting& setting) -> Result<Entry> {
        Entry entry{key, setting.value, setting.source};
        const auto refuse = [&](const std::string& what) {
            return make_error(ErrorCode::invalid_value, setting.where + ": " + key.name + " = '" +
                                                            setting.value + "' " + what +
                                                            (key.hint.empty() ? "" : "; " + key.hint));
        };
        const auto take_number = [&](Result<std::int64_t> number) -> Result<void> {
            if (number.has_error()) return refuse(number.error().message);
            if (*number < key.min || (key.max != 0 && *number > key.max))
                return refuse("is out of range, allowed is " + range_text(key));
            entry.number = *number;
            return {};
        };
        const auto take_list = [&]() -> Result<void> {
            auto items = parse_config_list(entry.value);
            if (items.has_error()) return refuse(items.error().message);
            entry.items = std::move(*items);
            if (std::set<std::string>(entry.items.begin(), entry.items.end()).size() != entry.items.size())
                return refuse("has an item twice");
            return {};
        };
        const bool absent = setting.value.empty();
        if (absent && key.required) return refuse("must not be empty");
        if (absent && key.kind != Kind::boolean && key.default_value.empty()) return entry;
        switch (key.kind) {
            case Kind::text:
                break;
            case Kind::integer:
                DL_TRY(take_number(parse_config_integer(entry.value)));
                break;
            case Kind::bytes:
                DL_TRY(take_number(parse_config_bytes(entry.value)));
                break;
            case Kind::milliseconds:
                DL_TRY(take_number(parse_config_milliseconds(entry.value)));
                break;
            case Kind::boolean: {
                const auto value = parse_config_boolean(entry.value);
                if (value.has_error()) return refuse(value.error().message);
                entry.number = *value ? 1 : 0;
                break;
            }
            case Kind::list:
                DL_TRY(take_list());
                break;
            case Kind::address:
                if (const auto valid = net::parse_address(entry.value); valid.has_error())
                    return refuse(valid.error().message);
                break;
            case Kind::addresses:
                DL_TRY(take_list());
                for (const auto& item : entry.items)
                    if (const auto valid = net::parse_address(item); valid.has_error())
                        return refuse("has the item '" + item + "' that " + valid.error().message);
                break;
            case Kind::choice: {
                std::string allowed;
                bool known = false;
                for (const auto& choice : key.choices) {
                    known = known || choice == entry.value;
                    allowed += (allowed.empty() ? "" : ", ") + choice;
                }
                if (!known) return refuse("is not one of " + allowed);
                break;
            }
        }
        return entry;
    };

    for (const auto& key : spec) {
        if (!key.alias_of.empty()) continue;
        const auto found = settings.find(key.name);
        const ConfigKey* used = &key;
        auto setting =
            found != settings.end() ? found->second : Setting{key.default_value, "default", "default"};
        for (const auto& alias : spec) {
            if (alias.alias_of != key.name) continue;
            const auto other = settings.find(alias.name);
            if (other == settings.end()) continue;
            if (found != settings.end() || used != &key)
                return make_error(ErrorCode::invalid_value, other->second.where + ": " + alias.name +
                                                                " and " + used->name +
                                                                " are the same setting; give one of them");
            used = &alias;
            setting = other->second;
        }
        if (key.required && used == &key && found == settings.end() && key.default_value.empty())
            return make_error(ErrorCode::invalid_value, (path.empty() ? "configuration" : path) + ": key '" +
                                                            key.name + "' is missing. " + key.help);
        auto entry = check(*used, setting);
        if (entry.has_error()) return std::move(entry).error();
        if (used != &key) {
            std::int64_t number = 0;
            if (__builtin_mul_overflow(entry->number, used->alias_factor, &number) || number < key.min ||
                (key.max != 0 && number > key.max))
                return make_error(ErrorCode::invalid_value, setting.where + ": " + used->name + " = '" +
                                                                setting.value + "' is out of range; " +
                                                                key.name + " goes from " + range_text(key));
            entry->number = number;
            entry->value = key.kind == Kind::bytes ? config_bytes_text(number) : std::to_string(number);
            entry->source = setting.source + " (" + used->name + ")";
            entry->key = key;
        }
        if (!key.unused.empty() && found != settings.end())
            config.notes_.push_back(key.name + " is accepted and has no effect: " + key.unused);
        config.entries_.emplace(key.name, std::move(*entry));
    }
    return config;
}

const Config::Entry& Config::entry(std::string_view key) const {
    const auto found = entries_.find(key);
    DL_CHECK(found != entries_.end(), "a program asks only for keys of its own specification");
    return found->second;
}

std::string Config::text(std::string_view key) const {
    return entry(key).value;
}

std::int64_t Config::integer(std::string_view key) const {
    const auto& found = entry(key);
    DL_CHECK(found.key.kind == Kind::integer || found.key.kind == Kind::bytes ||
                 found.key.kind == Kind::milliseconds,
             "integer() is for numbers");
    return found.number;
}

bool Config::boolean(std::string_view key) const {
    const auto& found = entry(key);
    DL_CHECK(found.key.kind == Kind::boolean, "boolean() is for booleans");
    return found.number != 0;
}

std::vector<std::string> Config::list(std::string_view key) const {
    const auto& found = entry(key);
    DL_CHECK(found.key.kind == Kind::list || found.key.kind == Kind::addresses, "list() is for lists");
    return found.items;
}

bool Config::is_set(std::string_view key) const {
    return entry(key).source != "default";
}

std::vector<Config::Shown> Config::settings() const {
    std::vector<Shown> settings;
    for (const auto& [name, found] : entries_)
        settings.push_back({name, found.value, found.source, found.key.help});
    return settings;
}

std::string Config::print() const {
    std::size_t width = 0;
    for (const auto& [name, found] : entries_)
        width = std::max(width, name.size() + found.value.size());
    width = std::min<std::size_t>(width, 80);
    std::string out;
    for (const auto& [name, found] : entries_) {
        out += name + " = " + found.value;
        const auto used = name.size() + found.value.size();
        out.append(used < width ? width - used : 0, ' ');
        out += "  # " + found.source + "\n";
    }
    return out;
}

}  // namespace dl
