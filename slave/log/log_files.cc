#include "slave/log/log_files.h"

#include <charconv>

namespace dl::slave {
namespace {

constexpr std::size_t kNameDigits = 20;

}  // namespace

bool parse_segment_name(std::string_view name, std::string_view extension, Offset& first) {
    if (name.size() != kNameDigits + extension.size() || !name.ends_with(extension)) return false;
    const char* end = name.data() + kNameDigits;
    const auto parsed = std::from_chars(name.data(), end, first);
    return parsed.ec == std::errc() && parsed.ptr == end && first >= 0;
}

std::set<Offset> segment_firsts(const std::vector<std::string>& names) {
    std::set<Offset> firsts;
    Offset first = 0;
    for (const auto& name : names)
        if (parse_segment_name(name, ".log", first)) firsts.insert(first);
    return firsts;
}

std::string segment_path(const std::string& directory, Offset first_offset, std::string_view extension) {
    const auto digits = std::to_string(first_offset);
    std::string path = directory + "/";
    path.append(kNameDigits - digits.size(), '0');
    path += digits;
    path += extension;
    return path;
}

std::string parent_directory(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace dl::slave
