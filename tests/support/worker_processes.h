// Processes that daemons run statements in, by what /proc tells.
#pragma once

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dl::test {

// Of a daemon; those that are only waited for are left out.
inline std::vector<pid_t> workers_of(pid_t daemon) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream stat(entry.path() / "stat");
        std::string line;
        if (!std::getline(stat, line)) continue;
        const auto name_end = line.rfind(')');
        if (name_end == std::string::npos || std::atoi(line.c_str() + name_end + 4) != daemon) continue;
        if (line[name_end + 2] != 'Z') found.push_back(std::atoi(line.c_str()));
    }
    return found;
}

inline bool is_gone(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    return !std::getline(stat, line) || line[line.rfind(')') + 2] == 'Z';
}

// Memory a process has, in KiB ("VmRSS"), 0 when it has ended.
inline std::uint64_t resident_kib(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
    return 0;
}

}  // namespace dl::test
