#include "slave/log/retention_floors.h"

#include "common/base/check.h"

namespace dl::slave {

class RetentionFloors::Hold final : public RetentionHold {
  public:
    Hold(std::shared_ptr<RetentionFloors> owner, Offset floor) : owner_(std::move(owner)) {
        const std::lock_guard lock(owner_->mutex_);
        at_ = owner_->floors_.insert(floor);
    }
    ~Hold() override {
        const std::lock_guard lock(owner_->mutex_);
        owner_->floors_.erase(at_);
    }
    void advance(Offset floor) override {
        const std::lock_guard lock(owner_->mutex_);
        DL_CHECK(!owner_->floors_.empty(), "a floor stays as long as its holder");
        if (floor <= *at_) return;
        owner_->floors_.erase(at_);
        at_ = owner_->floors_.insert(floor);
    }

  private:
    std::shared_ptr<RetentionFloors> owner_;
    std::multiset<Offset>::iterator at_;
};

std::unique_ptr<RetentionHold> RetentionFloors::hold(Offset floor) {
    return std::make_unique<Hold>(shared_from_this(), floor);
}

}  // namespace dl::slave
