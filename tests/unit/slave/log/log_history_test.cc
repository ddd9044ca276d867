// Random histories over files that lose power: appends, syncs, rolls, removals, packing, kills, power cuts in
// the middle of any call and a second one while recovering. The seed of a failure is printed; DL_SIM_SEED=n
// runs that one alone, DL_SIM_RUNS=n that many.
#include <cstdlib>
#include <random>

#include "tests/unit/slave/log/log_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

// What one record batch must look like if it is there.
struct Sent {
    Offset base = 0;
    std::uint32_t count = 0;
    std::string body;
};

class History {
  public:
    explicit History(std::uint64_t seed) : random_(seed), segment_bytes_(2000 + random_() % 20000) {}

    void run() {
        ASSERT_OK(files_.create_directories("/data"));
        ASSERT_OK(files_.sync_directory("/"));
        open();
        for (int step = 0; step < 120 && !::testing::Test::HasFatalFailure(); ++step) {
            const auto dice = random_() % 100;
            if (dice < 60)
                append();
            else if (dice < 66)
                check(log_->roll());
            else if (dice < 72)
                remove_some();
            else if (dice < 77)
                pack_some();
            else if (dice < 82)
                read_all();
            else if (dice < 86)
                reopen();
            else if (dice < 91)
                inject();
            else if (dice < 97)
                power_cut();
            else
                files_.power_off_after(random_() % 12 + 1);
            if (log_->failed()) give_up();
        }
    }

  private:
    void open() {
        for (int attempt = 0;; ++attempt) {
            // Now and then the power goes again while recovering.
            if (attempt == 0 && random_() % 4 == 0) files_.power_off_after(random_() % 6);
            auto opened = open_log(files_, kDirectory, segment_bytes_, replay_from_, first_, garbage_below_);
            if (opened.error && attempt == 0) {
                files_.crash(random_());
                continue;
            }
            ASSERT_FALSE(opened.error) << opened.error->to_text();
            log_ = std::move(opened.log);
            break;
        }
        take_over_survivors();
    }

    // Everything acknowledged is there; of the rest a beginning may be.
    void take_over_survivors() {
        const auto end = log_->end_offset();
        ASSERT_GE(end, synced_end_) << "acknowledged records are gone";
        if (first_known_) {
            ASSERT_LE(log_->first_offset(), first_);
        }
        while (!sent_.empty() && sent_.back().base >= end)
            sent_.pop_back();
        const auto next = sent_.empty() ? synced_end_ : sent_.back().base + sent_.back().count;
        ASSERT_TRUE(next == end || sent_.empty()) << "a batch nobody sent";
        synced_end_ = end;
        read_all();
    }

    void read_all() {
        const auto first = std::max(first_, log_->first_offset());
        auto at = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& s) { return s.base >= first; });
        Offset next = first;
        const auto end = log_->end_offset();
        while (next < end) {
            const auto read = log_->read(next, end, random_() % 6000);
            ASSERT_OK(read);
            ASSERT_FALSE(read->empty());
            for (const auto& batch : *read) {
                ASSERT_TRUE(at != sent_.end()) << "a batch nobody sent at " << batch.header.base_offset;
                ASSERT_EQ(batch.header.base_offset, next);
                ASSERT_EQ(batch.header.base_offset, at->base);
                ASSERT_EQ(batch.header.count, at->count);
                ASSERT_EQ(batch.body.view(), at->body);
                next = batch.header.end_offset();
                ++at;
            }
        }
        ASSERT_TRUE(at == sent_.end()) << "records up to " << sent_.back().base << " are missing";
    }

    void append() {
        std::vector<StoredBatch> group;
        for (auto i = random_() % 5 + 1; i > 0; --i)
            group.push_back(make_batch(body_of(random_() % (random_() % 8 == 0 ? 9000 : 700),
                                               static_cast<char>('a' + random_() % 20)),
                                       static_cast<std::uint32_t>(random_() % 5 + 1)));
        const auto begin = log_->end_offset();
        const auto appended = log_->append(group);
        const bool refused =
            appended.has_error() && error_outcome(appended.error().code) == Outcome::nothing_done;
        if (refused) {
            // Nothing of it may ever be seen: not even taken into the model. What was not synced before it is
            // cut with it.
            if (!log_->failed()) {  // a full disk: as if it had not been asked
                ASSERT_EQ(log_->end_offset(), begin);
                return;
            }
            while (!sent_.empty() && sent_.back().base >= log_->end_offset())
                sent_.pop_back();
            return;
        }
        Offset next = begin;
        for (const auto& batch : group) {
            sent_.push_back({next, batch.header.count, std::string(batch.body.view())});
            if (!appended.has_error()) {
                ASSERT_EQ(batch.header.base_offset, next);
            }
            next += batch.header.count;
        }
        if (appended.has_error()) return;
        if (random_() % 10 < 8 && log_->sync().has_value()) synced_end_ = log_->end_offset();
    }

    void check(const Result<void>& rolled) {
        if (rolled.has_value()) synced_end_ = log_->end_offset();
    }

    void remove_some() {
        const auto segments = log_->segments();
        const auto upto = segments[random_() % segments.size()].first_offset;
        replay_from_ = std::max(replay_from_, upto);
        const auto removed = log_->remove_before(upto);
        first_ = std::max(first_, log_->first_offset());
        first_known_ = true;
        std::erase_if(sent_, [&](const Sent& s) { return s.base < first_; });
        garbage_below_ = std::max(garbage_below_, upto);
        if (removed.has_error()) power_cut();
    }

    // One or some closed segments become one packed file. Whatever fails on the way, all that was there is.
    void pack_some() {
        const auto segments = log_->segments();
        if (segments.size() < 2) return;
        const auto begin = random_() % (segments.size() - 1);
        const auto end = begin + random_() % (segments.size() - 1 - begin);
        (void)log_->pack(segments[begin].first_offset, segments[end].end_offset);
        read_all();
    }

    void inject() {
        const SimCall calls[] = {SimCall::append, SimCall::sync,           SimCall::create,
                                 SimCall::rename, SimCall::sync_directory, SimCall::any_change};
        const SimFault faults[] = {SimFault::io_error, SimFault::disk_full, SimFault::short_write};
        files_.fail(calls[random_() % std::size(calls)], random_() % 4 + 1,
                    faults[random_() % std::size(faults)]);
    }

    void reopen() {
        log_.reset();
        open();
    }

    // A log that failed ends with a restart of the process, or with the power. Only the latter forgets what a
    // failed sync left in the page cache when it could not be cut off either; the error tells the operator
    // so.
    void give_up() {
        const bool disk_is_lying =
            log_->sync().error().message.find("could not be taken back") != std::string::npos;
        if (disk_is_lying || random_() % 2 == 0)
            power_cut();
        else
            reopen();
    }

    void power_cut() {
        log_.reset();
        files_.crash(random_());
        open();
    }

    std::mt19937_64 random_;
    std::uint64_t segment_bytes_;
    SimFileSystem files_;
    std::unique_ptr<PartitionLog> log_;
    std::vector<Sent> sent_;  // in the log or possibly in it, from first_ on
    Offset synced_end_ = 0;   // acknowledged below
    Offset first_ = 0;
    bool first_known_ = false;
    Offset replay_from_ = 0;
    Offset garbage_below_ = 0;
};

TEST(LogHistory, NothingAcknowledgedIsLostAndNothingRefusedIsSeen) {
    std::uint64_t first = 1;
    std::uint64_t runs = 100;
    if (const char* text = std::getenv("DL_SIM_RUNS")) runs = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("DL_SIM_SEED")) {
        first = std::strtoull(text, nullptr, 10);
        runs = 1;
    }
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        SCOPED_TRACE("DL_SIM_SEED=" + std::to_string(seed));
        History(seed).run();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace dl::slave
