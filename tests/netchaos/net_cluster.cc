#include "tests/netchaos/net_cluster.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "tests/support/test_cluster.h"

namespace dl::test {
namespace {

constexpr std::uint16_t kSlavePort = 7854;

bool is_here(const std::string& program) {
    return run_program("command -v " + program).status == 0;
}

std::string last_lines(const std::string& text, std::size_t lines) {
    std::size_t at = text.size();
    for (std::size_t found = 0; at > 0; --at)
        if (text[at - 1] == '\n' && found++ == lines) break;
    return text.substr(at);
}

}  // namespace

std::string NetCluster::missing() {
    if (::geteuid() != 0) return "network namespaces need root";
    for (const auto* program : {"ip", "nft"})
        if (!is_here(program)) return std::string(program) + " is missing: scripts/install-deps.sh --all";
    if (run_program("unshare -n nft list tables").status != 0) return "nft does not work in a namespace here";
    return "";
}

void NetCluster::run(const std::string& command, bool may_fail) {
    const auto done = run_program(command);
    if (done.status != 0 && !may_fail) throw std::runtime_error(command + ": " + done.output);
}

std::string NetCluster::address_of(std::size_t member) const {
    return member == slaves_.size() ? "10.88.0.1" : slaves_[member].address;
}

// Keeps the process id: each program becomes the next.
std::string NetCluster::make_wrapper(const std::string& name, const std::string& program,
                                     const std::string& space) const {
    const auto path = directory_ + "/" + name + ".sh";
    std::ofstream file(path);
    file << "#!/bin/sh\n";
    if (options_.clocks)
        file << "export LD_PRELOAD=" << DL_CLOCK_SHIM << " DL_TEST_CLOCK=" << directory_ << "/" << name
             << ".clock\n";
    if (space.empty())
        file << "exec " << program << " \"$@\"\n";
    else
        file << "exec nsenter --net=/run/netns/" << space << " " << program << " \"$@\"\n";
    file.close();
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    if (options_.clocks) set_clock(name, 0);
    return path;
}

NetCluster::NetCluster(const Options& options) : options_(options) {
    auto pattern = (std::filesystem::temp_directory_path() / "datalakedb-net-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
    directory_ = pattern;
    // Everything but the slaves' spaces goes with this process.
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace of its own");
    run("ip link set lo up && ip link add br0 type bridge && ip addr add 10.88.0.1/24 dev br0 && ip link set "
        "br0 up");
    std::string nodes;
    slaves_.reserve(options.slaves);
    for (std::size_t i = 0; i < options.slaves; ++i) {
        Member member;
        const auto number = std::to_string(i);
        member.name = "dl" + std::to_string(::getpid()) + "s" + number;
        member.address = "10.88.0.1" + number;
        member.data = directory_ + "/slave" + number + "-data";
        std::filesystem::create_directories(member.data);
        if (options.small_disks && ::mount("tmpfs", member.data.c_str(), "tmpfs", 0, "size=48m") != 0)
            throw std::runtime_error("cannot mount a small disk");
        run("ip netns del " + member.name, true);
        run("ip netns add " + member.name);
        const auto in = "ip netns exec " + member.name + " ";
        run("ip link add v" + number + " type veth peer name eth0 netns " + member.name);
        run("ip link set v" + number + " master br0 up");
        run(in + "ip addr add " + member.address + "/24 dev eth0 && " + in + "ip link set eth0 up && " + in +
            "ip link set lo up");
        run(in +
            "nft 'add table inet dl; add chain inet dl in { type filter hook input priority 0; }; "
            "add chain inet dl out { type filter hook output priority 0; }'");
        auto properties = options.slave_properties;
        properties["slave.node"] = member.address + ":" + std::to_string(kSlavePort);
        properties["slave.data"] = member.data;
        properties.try_emplace("slave.disk.free.bytes.min", options.small_disks ? "4m" : "16m");
        properties["slave.query.workers"] = "1";
        nodes += (i == 0 ? "" : ",") + properties["slave.node"];
        const auto wrapper = make_wrapper("slave" + number, program_path("slave"), member.name);
        member.process = std::make_unique<DaemonProcess>("slave" + number, wrapper, directory_, kSlavePort,
                                                         std::move(properties), Environment{});
        slaves_.push_back(std::move(member));
    }
    const auto port = free_port();
    auto properties = options.master_properties;
    properties["master.data.port"] = "0.0.0.0:" + std::to_string(port);
    properties["master.data.path"] = directory_ + "/master-data";
    properties["slave.nodes"] = nodes;
    std::filesystem::create_directories(directory_ + "/master-data");
    master_ = std::make_unique<DaemonProcess>("master", make_wrapper("master", program_path("master"), ""),
                                              directory_, port, std::move(properties), Environment{});
}

NetCluster::~NetCluster() {
    if (master_) master_->kill_hard();
    for (auto& slave : slaves_) {
        slave.process->send_signal(SIGCONT);
        slave.process->kill_hard();
        (void)run_program("ip netns del " + slave.name);
        if (options_.small_disks) ::umount2(slave.data.c_str(), MNT_DETACH);
    }
    if (std::getenv("DL_KEEP_TEST_DATA") != nullptr) return;
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void NetCluster::start() {
    for (auto& slave : slaves_)
        if (!slave.process->alive()) slave.process->start();
    if (!master_->alive()) master_->start();
}

void NetCluster::cut(std::size_t from, std::size_t to) {
    if (to < slaves_.size())
        run("ip netns exec " + slaves_[to].name + " nft add rule inet dl in ip saddr " + address_of(from) +
            " drop");
    else
        run("ip netns exec " + slaves_[from].name + " nft add rule inet dl out ip daddr " + address_of(to) +
            " drop");
}

void NetCluster::heal_network() {
    for (const auto& slave : slaves_)
        run("ip netns exec " + slave.name + " nft flush table inet dl");
}

void NetCluster::fill_disk(std::size_t slave) {
    std::ofstream hog(slaves_[slave].data + "/hog", std::ios::binary);
    const std::string block(1 << 16, 'x');
    while (hog.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
}

void NetCluster::free_disk(std::size_t slave) {
    std::error_code ignored;
    std::filesystem::remove(slaves_[slave].data + "/hog", ignored);
}

void NetCluster::slow_syncs(std::size_t slave, int ms) {
    auto& environment = slaves_[slave].process->environment();
    if (ms == 0)
        environment.erase("DL_FAILPOINT");
    else
        environment["DL_FAILPOINT"] = "append.before-fsync:delay_ms:" + std::to_string(ms);
}

void NetCluster::jump_clock(std::size_t member, int seconds) {
    const auto name = member == slaves_.size() ? "master" : "slave" + std::to_string(member);
    set_clock(name, seconds);
}

// In place: the file is mapped.
void NetCluster::set_clock(const std::string& name, std::int64_t seconds) const {
    const int fd = ::open((directory_ + "/" + name + ".clock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (::pwrite(fd, &seconds, sizeof seconds, 0) != sizeof seconds)
        throw std::runtime_error("cannot set a clock");
    ::close(fd);
}

std::string NetCluster::status() {
    RawClient client(port(), std::chrono::seconds(10));
    const auto reply = client.request(R"({"sql":"cluster_status"})");
    std::string all = reply.text;
    for (const auto& frame : reply.frames)
        all += frame + "\n";
    return all;
}

bool NetCluster::is_well() {
    return status().find("\"well\"") != std::string::npos;
}

void NetCluster::print_logs() const {
    std::cout << "--- master ---\n" << last_lines(master_->log_text(), 60);
    for (const auto& slave : slaves_)
        std::cout << "--- " << slave.process->name() << " ---\n" << last_lines(slave.process->log_text(), 40);
}

}  // namespace dl::test
