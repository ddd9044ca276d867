#include "tests/sim/faults.h"

#include <algorithm>
#include <cstdio>

namespace dl::sim {

const std::vector<std::string>& Faults::kinds() {
    static const std::vector<std::string> all{"kill",       "power",       "all_power", "lost_disk",
                                              "pause",      "cut",         "one_way",   "slow_disk",
                                              "full_disk",  "failed_sync", "master",    "master_pause",
                                              "wall_clock", "reset",       "stop",      "lossy"};
    return all;
}

Faults::Faults(World& world, std::vector<Host*> slaves, Host& master, std::string catalog, SlaveTuning tuning)
    : world_(world),
      slaves_(std::move(slaves)),
      master_(master),
      catalog_(std::move(catalog)),
      tuning_(tuning) {}

void Faults::choose(const std::vector<std::string>& wanted) {
    chosen_ = wanted;
    if (chosen_.empty())
        for (const auto& kind : kinds())
            if (world_.chance(0.4)) chosen_.push_back(kind);
    if (chosen_.empty()) chosen_ = {"kill"};
    gap_max_ = 300'000 + world_.below(2'500'000);
}

void Faults::say(const std::string& text) const {
    if (trace) std::printf("%8lld ms  %s\n", static_cast<long long>(world_.now / 1000), text.c_str());
}

Host& Faults::any_host() {
    const auto number = static_cast<std::size_t>(world_.below(static_cast<Micros>(slaves_.size() + 1)));
    return number == slaves_.size() ? master_ : *slaves_[number];
}

Micros Faults::while_us() {
    return world_.chance(0.5) ? world_.below(1'000'000) : world_.below(7'000'000);
}

void Faults::start_slave(Host& host) {
    if (host.process != nullptr && !host.process->dead) return;
    host.powered = true;
    say("start " + host.address);
    Slave::start(world_, host, tuning_);
}

void Faults::start_master() {
    if (master_.process != nullptr && !master_.process->dead) return;
    std::vector<std::string> addresses;
    for (const auto* host : slaves_)
        addresses.push_back(host->address);
    say("start the master");
    Master::start(world_, master_, catalog_, addresses);
}

void Faults::start_all() {
    for (auto* host : slaves_)
        start_slave(*host);
    start_master();
}

void Faults::start() {
    world_.after(world_.below(gap_max_), [self = shared_from_this()] { self->next(); });
}

void Faults::next() {
    if (healed_) return;
    const auto& kind = chosen_[static_cast<std::size_t>(world_.below(static_cast<Micros>(chosen_.size())))];
    happen(kind);
    start();
}

void Faults::lose_power(Host& host) {
    if (!host.powered) return;
    host.powered = false;
    if (host.process != nullptr && !host.process->dead) world_.kill(*host.process, false);
    host.disk->files().crash(world_.random());
    host.disk->full = false;
}

// With the disk of one slave more, committed records could be gone for good: no design survives that.
bool Faults::may_lose_a_disk(const Host& host) {
    auto* master = Master::program(master_);
    if (master == nullptr) return false;
    const auto table = master->catalog->find("t");
    if (table.has_error()) return false;
    const auto nodes = master->catalog->tables().nodes();
    NodeId own;
    for (const auto& [id, node] : *nodes)
        if (!node.displaced && node.address == host.address) own = id;
    const auto placed = master->catalog->tables().placement((*table)->id);
    for (const auto& partition : placed->partitions) {
        if (partition.in_sync.size() != partition.replicas.size() || partition.min_in_sync < 2) return false;
        for (const auto node : partition.in_sync)
            if (lost_.contains(node)) return false;
    }
    if (own == NodeId{} || lost_.contains(own)) return false;
    lost_.insert(own);
    return true;
}

void Faults::happen(const std::string& kind) {
    const auto self = shared_from_this();
    const auto later = [&](Micros delay, auto what) {
        world_.after(delay, [self, what] {
            if (!self->healed_) what();
        });
    };
    ++times_[kind];
    auto& slave = any_slave();
    if (kind == "kill") {
        if (slave.process == nullptr || slave.process->dead) return;
        say("kill " + slave.address);
        world_.kill(*slave.process, true);
        later(while_us(), [this, &slave] { start_slave(slave); });
    } else if (kind == "power") {
        say("power failure of " + slave.address);
        lose_power(slave);
        later(while_us(), [this, &slave] { start_slave(slave); });
    } else if (kind == "all_power") {
        if (!world_.chance(0.3)) return;
        say("power failure of all");
        for (auto* host : slaves_) {
            lose_power(*host);
            later(while_us(), [this, host] { start_slave(*host); });
        }
    } else if (kind == "lost_disk") {
        // One at a time: the copies that are gone have to be made again first.
        if (!may_lose_a_disk(slave)) return;
        say(slave.address + " loses its disk");
        lose_power(slave);
        slave.disk->replace();
        later(while_us(), [this, &slave] { start_slave(slave); });
    } else if (kind == "pause") {
        if (slave.process == nullptr || slave.process->dead) return;
        say("pause " + slave.address);
        world_.pause(*slave.process, true);
        const auto process = slave.process;
        world_.after(while_us(), [this, process] { world_.pause(*process, false); });
    } else if (kind == "cut" || kind == "one_way") {
        auto& one = any_host();
        auto& other = any_host();
        if (&one == &other) return;
        // A pair, or one host from all others.
        std::vector<std::pair<std::size_t, std::size_t>> cut;
        if (world_.chance(0.5)) {
            cut.push_back({one.number, other.number});
        } else {
            for (const auto& host : world_.hosts)
                if (host.get() != &one) cut.push_back({one.number, host->number});
            if (kind == "one_way" && world_.chance(0.5))
                for (auto& [from, to] : cut)
                    std::swap(from, to);
        }
        if (kind == "cut")
            for (std::size_t i = 0, count = cut.size(); i < count; ++i)
                cut.push_back({cut[i].second, cut[i].first});
        say(kind + " of " + one.address + ", " + std::to_string(cut.size()) + " ways");
        for (const auto& way : cut)
            world_.cuts.insert(way);
        world_.after(while_us(), [this, cut] {
            for (const auto& way : cut)
                world_.cuts.erase(way);
        });
    } else if (kind == "slow_disk") {
        say("slow disk of " + slave.address);
        slave.disk->sync_us_max = 20'000 + world_.below(1'500'000);
        later(while_us(), [&slave] { slave.disk->sync_us_max = 800; });
    } else if (kind == "full_disk") {
        say("full disk of " + slave.address);
        slave.disk->full = true;
        later(while_us(), [&slave] { slave.disk->full = false; });
    } else if (kind == "failed_sync") {
        say("a sync fails at " + slave.address);
        slave.disk->files().fail(SimCall::sync, 1 + world_.random() % 6, SimFault::io_error);
    } else if (kind == "master") {
        if (master_.process == nullptr || master_.process->dead) return;
        say("kill the master");
        Master::release_files(master_);
        world_.kill(*master_.process, true);
        later(while_us() / 2, [this] { start_master(); });
    } else if (kind == "master_pause") {
        if (master_.process == nullptr || master_.process->dead) return;
        say("pause the master");
        world_.pause(*master_.process, true);
        world_.after(while_us(), [this, process = master_.process] { world_.pause(*process, false); });
    } else if (kind == "wall_clock") {
        auto& host = any_host();
        host.wall_offset += (world_.below(7200) - 3600) * 1'000'000;
        say("the wall clock of " + host.address + " jumps");
    } else if (kind == "reset") {
        world_.break_connections(any_host(), any_host());
    } else if (kind == "stop") {
        if (Slave::registry(slave) == nullptr) return;
        say("stop " + slave.address);
        Slave::stop(world_, slave);
        later(3'500'000 + while_us(), [this, &slave] { start_slave(slave); });
    } else if (kind == "lossy") {
        say("a bad network");
        world_.manners.loss_share = 0.02 + 0.1 * world_.chance(0.3);
        world_.manners.duplicate_share = 0.1;
        world_.manners.spike_share = 0.1;
        world_.manners.spike_max = 100'000 + world_.below(1'500'000);
        later(while_us(), [this] { world_.manners = {}; });
    }
}

void Faults::heal() {
    say("heal");
    healed_ = true;
    world_.cuts.clear();
    world_.manners = {};
    for (auto* host : slaves_) {
        host->disk->full = false;
        host->disk->sync_us_max = 800;
        if (host->process != nullptr && !host->process->dead) world_.pause(*host->process, false);
    }
    if (master_.process != nullptr) world_.pause(*master_.process, false);
    keep_started();
}

void Faults::keep_started() {
    for (auto* host : slaves_)
        // The disk failed while a partition was opened: that is tried again with the next start only.
        if (Slave::failed_partitions(*host) > 0) world_.kill(*host->process, true);
    start_all();
    world_.after(500'000, [self = shared_from_this()] { self->keep_started(); });
}

}  // namespace dl::sim
