#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>

#include "common/base/log.h"
#include "common/config/properties.h"
#include "common/config/unknown_environment.h"
#include "common/net/process.h"
#include "slave/query/query_worker.h"
#include "slave/server/slave_node.h"
#include "slave/server/slave_settings.h"

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitBadConfig = 2;

int run(const dl::Config& config) {
    const auto settings = dl::slave::slave_settings(config);
    dl::set_log_level(settings.log_level);
    dl::adopt_spdlog("slave");
    for (const auto& note : config.notes())
        dl::log_warn("slave.config", note);

    auto node = dl::slave::SlaveNode::start(settings, DL_VERSION);
    if (node.has_error()) {
        dl::log_error("slave", "cannot start", {{"error", node.error()}});
        std::fprintf(stderr, "slave: %s\n", node.error().to_text().c_str());
        return kExitFailed;
    }
    std::promise<void> asked_to_stop;
    {
        const dl::net::SignalHandler signals([&] { asked_to_stop.set_value(); },
                                             settings.stop_grace + dl::net::kCloseTime);
        asked_to_stop.get_future().wait();
        (*node)->stop();
        node->reset();
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (const auto status = dl::slave::run_as_query_worker(argc, argv)) return *status;
    CLI::App app{"DataLakeDB slave: keeps partitions and answers masters"};
    std::string path = "../config/slave_config.properties";
    bool check = false, print = false;
    app.add_option("config", path, "properties file")->capture_default_str();
    app.add_flag("--check", check, "check the configuration and exit");
    app.add_flag("--print-config", print, "print every setting with its value and source, and exit");
    app.set_version_flag("--version", "slave " DL_VERSION);
    CLI11_PARSE(app, argc, argv);

    const auto config = dl::Config::load(path, dl::slave::slave_config_keys(), dl::process_environment);
    if (config.has_error()) {
        std::fprintf(stderr, "slave: %s\n", config.error().to_text().c_str());
        return kExitBadConfig;
    }
    if (const auto apart = dl::slave::check_data_directories(config->list("slave.data")); apart.has_error()) {
        std::fprintf(stderr, "slave: %s: %s\n", path.c_str(), apart.error().to_text().c_str());
        return kExitBadConfig;
    }
    const auto unknown = dl::unknown_environment("slave", dl::slave::slave_config_keys(), {"slave.nodes"});
    for (const auto& note : unknown)
        std::fprintf(stderr, "slave: %s\n", note.c_str());
    if (print) std::fputs(config->print().c_str(), stdout);
    if (check && !print) std::printf("%s: no errors\n", path.c_str());
    if (check || print) return 0;
    return run(*config);
}
