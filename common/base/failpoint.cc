#include "common/base/failpoint.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <thread>

namespace dl {
namespace {

struct Point {
    std::string name;
    std::string action;
    long argument = 1;
    std::atomic<long> passes{0};
};

std::deque<Point> parse_points(const char* text) {
    std::deque<Point> points;
    std::string_view rest = text == nullptr ? "" : text;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        const auto item = rest.substr(0, comma);
        rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
        const auto first = item.find(':');
        if (first == std::string_view::npos) continue;
        const auto second = item.find(':', first + 1);
        auto& point = points.emplace_back();
        point.name = item.substr(0, first);
        point.action = item.substr(first + 1, second == std::string_view::npos ? second : second - first - 1);
        if (second != std::string_view::npos)
            std::from_chars(item.data() + second + 1, item.data() + item.size(), point.argument);
    }
    return points;
}

}  // namespace

bool failpoint_hit(const char* name) {
    static std::deque<Point> points = parse_points(std::getenv("DL_FAILPOINT"));
    for (auto& point : points) {
        if (point.name != name) continue;
        const long pass = point.passes.fetch_add(1) + 1;
        if (point.action == "delay_ms")
            std::this_thread::sleep_for(std::chrono::milliseconds(point.argument));
        if (pass != point.argument) continue;
        if (point.action == "kill") ::kill(::getpid(), SIGKILL);
        if (point.action == "error") return true;
    }
    return false;
}

}  // namespace dl
