#include "common/base/machine_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace dl {
namespace {

// The number at the beginning of a text; "max" is none.
std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc()) return std::nullopt;
    return number;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    if (!(file >> text)) return std::nullopt;
    return number_of(text);
}

std::optional<std::uint64_t> memory_total(const std::string& root) {
    std::ifstream file(root + "/proc/meminfo");
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name;
        std::uint64_t kibibytes = 0;
        if (words >> name >> kibibytes && name == "MemTotal:") return kibibytes * 1024;
    }
    return std::nullopt;
}

// Limits on the way from the group at `path` up to the root of its hierarchy. A container sees its own group
// as the root and may have been told a path that only the host knows.
void apply_limits(const std::string& mount, std::string path, const char* file,
                  std::optional<std::uint64_t>& bytes) {
    for (;;) {
        // Version 1 says "no limit" with a number above all memory.
        if (const auto limit = number_in(mount + path + "/" + file); limit && *limit > 0)
            bytes = bytes ? std::min(*bytes, *limit) : *limit;
        if (path.empty()) return;
        path.resize(path.find_last_of('/'));
    }
}

}  // namespace

std::optional<std::uint64_t> machine_memory_bytes(const std::string& root) {
    auto bytes = memory_total(root);
    // Lines of "number:controllers:path"; no controllers: version 2.
    std::ifstream groups(root + "/proc/self/cgroup");
    std::string own_path, own_path_v1, line;
    while (std::getline(groups, line)) {
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const auto controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        auto path = line.substr(second + 1);
        if (!path.starts_with('/') || path == "/") path.clear();
        if (controllers == ",,")
            own_path = path;
        else if (controllers.find(",memory,") != std::string::npos)
            own_path_v1 = path;
    }
    apply_limits(root + "/sys/fs/cgroup", own_path, "memory.max", bytes);
    apply_limits(root + "/sys/fs/cgroup/memory", own_path_v1, "memory.limit_in_bytes", bytes);
    return bytes;
}

std::string memory_share_text(std::optional<std::uint64_t> memory, std::uint64_t divisor,
                              std::uint64_t bytes_min, std::uint64_t unknown) {
    const auto share = memory ? std::max(*memory / divisor, bytes_min) : unknown;
    return std::to_string(share >> 20) + "m";
}

}  // namespace dl
