#include "slave/query/joined_sources.h"

#include <atomic>
#include <utility>

#include "common/base/check.h"

namespace dl::slave {
namespace {

class JoinedSources final : public ScanSource {
  public:
    explicit JoinedSources(std::vector<std::shared_ptr<ScanSource>> sources) : sources_(std::move(sources)) {}

    const std::vector<ScanColumn>& columns() const override { return sources_.front()->columns(); }
    void set_projection(const std::vector<std::size_t>& positions) override {
        for (const auto& source : sources_)
            source->set_projection(positions);
    }
    Result<std::optional<ScanUnit>> next() override {
        for (auto at = current_.load(); at < sources_.size();) {
            DL_TRY_ASSIGN(auto unit, sources_[at]->next());
            if (unit) return unit;
            // Whichever thread is the first to see its end takes all to the next one.
            if (current_.compare_exchange_strong(at, at + 1)) ++at;
        }
        return std::optional<ScanUnit>{};
    }
    std::uint64_t row_estimate() const override {
        std::uint64_t rows = 0;
        for (const auto& source : sources_)
            rows += source->row_estimate();
        return rows;
    }
    std::shared_ptr<ScanSource> rewound() const override {
        std::vector<std::shared_ptr<ScanSource>> fresh;
        for (const auto& source : sources_)
            fresh.push_back(source->rewound());
        return std::make_shared<JoinedSources>(std::move(fresh));
    }

  private:
    const std::vector<std::shared_ptr<ScanSource>> sources_;
    std::atomic<std::size_t> current_{0};
};

}  // namespace

std::shared_ptr<ScanSource> one_after_the_other(std::vector<std::shared_ptr<ScanSource>> sources) {
    DL_CHECK(!sources.empty(), "there is a source to read");
    if (sources.size() == 1) return std::move(sources.front());
    return std::make_shared<JoinedSources>(std::move(sources));
}

}  // namespace dl::slave
