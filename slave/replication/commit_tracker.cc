#include "slave/replication/commit_tracker.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {
namespace {

bool has(const std::vector<NodeId>& list, NodeId node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace

CommitTracker::CommitTracker(NodeId self, CopySets sets, Offset log_end, Offset committed,
                             std::int64_t now_us, std::int64_t lag_us_max)
    : self_(self),
      lag_us_max_(lag_us_max),
      began_at_(log_end),
      log_end_(log_end),
      synced_end_(log_end),
      high_watermark_(committed) {
    DL_CHECK(committed <= log_end, "INV-9 what is committed is in the log of a leader");
    set(std::move(sets), now_us);
}

void CommitTracker::set(CopySets sets, std::int64_t now_us) {
    if (sets.version <= sets_.version) return;
    // Who was put out has to say anew what it has.
    for (const auto node : sets_.in_sync)
        if (!has(sets.in_sync, node)) follower_strayed(node);
    sets_ = std::move(sets);
    joining_.clear();
    std::erase_if(followers_, [&](const auto& one) { return !has(sets_.replicas, one.first); });
    for (const auto node : sets_.replicas) {
        if (node == self_) continue;
        const auto [at, fresh] = followers_.try_emplace(node);
        if (fresh) at->second.at_end_us = now_us;
    }
    advance();
}

void CommitTracker::own_appended(Offset end, std::int64_t now_us) {
    DL_CHECK(end >= log_end_, "INV-2 the log of a leader only grows");
    for (auto& [node, follower] : followers_)
        if (follower.heard && follower.synced_end >= log_end_) follower.at_end_us = now_us;
    log_end_ = end;
}

void CommitTracker::own_synced(Offset end) {
    DL_CHECK(end <= log_end_, "INV-1 what is synced was appended");
    synced_end_ = std::max(synced_end_, end);
    advance();
}

void CommitTracker::follower_synced(NodeId node, Offset end, std::int64_t now_us) {
    const auto found = followers_.find(node);
    if (found == followers_.end()) return;
    auto& follower = found->second;
    end = std::min(end, log_end_);
    if (end >= log_end_)
        follower.at_end_us = now_us;
    else if (follower.heard && end >= follower.end_at_report)
        follower.at_end_us = std::max(follower.at_end_us, follower.reported_at_us);
    follower.heard = true;
    follower.synced_end = end;
    follower.end_at_report = log_end_;
    follower.reported_at_us = now_us;
    advance();
}

void CommitTracker::follower_strayed(NodeId node) {
    const auto found = followers_.find(node);
    if (found == followers_.end()) return;
    found->second.heard = false;
    found->second.synced_end = 0;
}

void CommitTracker::advance() {
    if (!may_write()) return;
    Offset lowest = synced_end_;
    const auto count = [&](NodeId node) {
        if (node == self_) return;
        const auto follower = followers_.find(node);
        lowest = std::min(lowest, follower == followers_.end() ? Offset{0} : follower->second.synced_end);
    };
    for (const auto node : sets_.in_sync)
        count(node);
    for (const auto node : joining_)
        count(node);
    high_watermark_ = std::max(high_watermark_, lowest);
}

bool CommitTracker::lags(const Follower& follower, std::int64_t now_us) const {
    if (follower.heard && follower.synced_end >= log_end_) return false;
    return now_us - follower.at_end_us > lag_us_max_;
}

bool CommitTracker::is_settled() const {
    if (!joining_.empty() || sets_.in_sync.size() != sets_.replicas.size()) return false;
    return std::all_of(sets_.in_sync.begin(), sets_.in_sync.end(), [&](NodeId node) {
        if (node == self_) return true;
        const auto follower = followers_.find(node);
        return follower != followers_.end() && follower->second.heard &&
               follower->second.synced_end >= log_end_;
    });
}

std::optional<std::vector<NodeId>> CommitTracker::wanted(std::int64_t now_us) {
    std::vector<NodeId> set;
    for (const auto node : sets_.in_sync) {
        const auto follower = followers_.find(node);
        const bool stays = follower != followers_.end() && !lags(follower->second, now_us) &&
                           (!follower->second.heard || follower->second.synced_end >= high_watermark_);
        if (node == self_ || stays) set.push_back(node);
    }
    for (const auto node : sets_.replicas) {
        if (node == self_ || has(sets_.in_sync, node)) continue;
        const auto& follower = followers_.at(node);
        // It has all that is committed, and all that may have been before this leader.
        if (!follower.heard || follower.synced_end < high_watermark_ || follower.synced_end < began_at_ ||
            lags(follower, now_us))
            continue;
        set.push_back(node);
        if (!has(joining_, node)) joining_.push_back(node);
    }
    // Asked again until it is answered, also when nothing of it is wanted any more.
    if (set == sets_.in_sync && joining_.empty()) return std::nullopt;
    return set;
}

}  // namespace dl::slave
