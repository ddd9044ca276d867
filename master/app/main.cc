// master [CONFIG] [--check | --print-config | --version]
#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/base/log.h"
#include "common/base/machine_memory.h"
#include "common/config/unknown_environment.h"
#include "master/app/master_app.h"
#include "master/sql/query_worker.h"

namespace dl::master {
namespace {

int fail(const Error& error) {
    std::fprintf(stderr, "master: %s\n", error.to_text().c_str());
    return 1;
}

int run(int argc, char** argv) {
    CLI::App app("DataLakeDB master: serves clients, keeps the catalog, routes to the slaves");
    std::string path = "../config/master_config.properties";
    bool check = false;
    bool print = false;
    bool begin_anew = false;
    app.add_option("config", path, "Properties file")->capture_default_str();
    app.add_flag("--check", check, "Check the configuration and exit");
    app.add_flag("--print-config", print, "Print every key with its value and where it comes from, and exit");
    app.add_flag(
        "--begin-anew", begin_anew,
        "Begin with an empty catalog where the old one is lost, and take over the slaves: their tables "
        "become orphans (show orphans, drop orphan)");
    app.set_version_flag("--version", std::string("master ") + DL_VERSION);
    CLI11_PARSE(app, argc, argv);

    auto config = Config::load(path, master_config_keys(machine_memory_bytes()), process_environment);
    if (config.has_error()) return fail(config.error());
    const auto unknown =
        unknown_environment("master", master_config_keys(machine_memory_bytes()), {"slave.node"});
    for (const auto& note : unknown)
        std::fprintf(stderr, "master: %s\n", note.c_str());
    auto settings = master_config_from(*config);
    if (settings.has_error()) return fail(settings.error());
    settings->begin_anew = begin_anew;
    if (print) std::fputs(config->print().c_str(), stdout);
    if (check) std::printf("%s is valid\n", path.c_str());
    if (print || check) return 0;

    set_log_level(parse_log_level(settings->log_level).value());
    for (const auto& note : config->notes())
        log_warn("master.config", note);
    auto served = run_master(*settings);
    if (served.has_error()) return fail(served.error());
    return 0;
}

}  // namespace
}  // namespace dl::master

int main(int argc, char** argv) {
    if (const auto status = dl::master::run_as_query_worker(argc, argv)) return *status;
    return dl::master::run(argc, argv);
}
