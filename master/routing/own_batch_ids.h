// Batch ids of the master's own, for batches whose client gave none and whose partitions have copies: with
// one, a batch whose leader is gone is sent to the next and is applied once. Few producers, each with one
// batch under way, so that slaves remember little (limits::producer_batches_max of each). Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random_id.h"
#include "master/routing/batch_id.h"

namespace dl::master {

class OwnBatchIds {
  public:
    // One batch's id, of a producer that nobody else uses as long as this lives.
    class Taken {
      public:
        Taken(OwnBatchIds& owner, BatchId id) : owner_(&owner), id_(std::move(id)) {}
        Taken(Taken&& other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), id_(std::move(other.id_)) {}
        Taken& operator=(Taken&&) = delete;
        ~Taken() {
            if (owner_ != nullptr) owner_->give_back(std::move(id_));
        }
        const BatchId& id() const { return id_; }

      private:
        OwnBatchIds* owner_;
        BatchId id_;
    };

    Taken take() {
        BatchId id;
        {
            std::lock_guard lock(mutex_);
            if (!free_.empty()) {
                id = std::move(free_.back());
                free_.pop_back();
            }
        }
        if (id.text.empty()) id.text = "master-" + random_hex(32);
        ++id.sequence;
        return {*this, std::move(id)};
    }

  private:
    void give_back(BatchId id) {
        std::lock_guard lock(mutex_);
        free_.push_back(std::move(id));
    }
    std::mutex mutex_;
    std::vector<BatchId> free_;  // last in, first out: those in use stay few
};

}  // namespace dl::master
