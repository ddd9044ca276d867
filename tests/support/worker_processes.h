// Processes that daemons run statements in, by what /proc tells.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
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

// Memory of which no other process has a part, in KiB; 0 when it has ended.
inline std::uint64_t private_kib(pid_t pid) {
    std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::uint64_t kib = 0;
    for (std::string line; std::getline(rollup, line);)
        if (line.starts_with("Private_Dirty:") || line.starts_with("Private_Clean:"))
            kib += std::strtoull(line.c_str() + 14, nullptr, 10);
    return kib;
}

// Used none of the processors for a moment.
inline bool is_idle(pid_t pid) {
    const auto ticks = [pid] {
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string line, skipped;
        if (!std::getline(stat, line)) return std::uint64_t{0};
        std::istringstream fields(line.substr(line.rfind(')') + 2));
        for (int i = 0; i < 11; ++i)
            fields >> skipped;
        std::uint64_t user = 0, system = 0;
        fields >> user >> system;
        return user + system;
    };
    const auto before = ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return ticks() <= before;
}

}  // namespace dl::test
