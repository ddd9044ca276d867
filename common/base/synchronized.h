// A value that can be reached only with its mutex held: lock() gives both, so that forgetting the lock does
// not compile. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace dl {

template <class T>
class Synchronized {
  public:
    class Locked {
      public:
        T* operator->() const { return value_; }
        T& operator*() const { return *value_; }
        // Lets go of the mutex while it waits; returns with it when `ready()` holds.
        template <class Ready>
        void wait(std::condition_variable& changed, Ready ready) {
            changed.wait(lock_, std::move(ready));
        }

      private:
        friend class Synchronized;
        explicit Locked(Synchronized& owner) : lock_(owner.mutex_), value_(&owner.value_) {}
        std::unique_lock<std::mutex> lock_;
        T* value_;
    };
    // Held as long as what it returns lives.
    [[nodiscard]] Locked lock() { return Locked(*this); }

  private:
    std::mutex mutex_;
    T value_{};
};

}  // namespace dl
