// A readers-writer lock in which nobody starves: whoever comes first waits first, reader or writer.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace duma {

class FairMutex {
public:
    void lock() {
        std::lock_guard turn(turnstile_);
        mutex_.lock();
    }
    void unlock() { mutex_.unlock(); }
    void lock_shared() {
        std::lock_guard turn(turnstile_);
        mutex_.lock_shared();
    }
    void unlock_shared() { mutex_.unlock_shared(); }

private:
    std::mutex turnstile_;
    std::shared_mutex mutex_;
};

// Work under a lock is cut into slices of about this many bytes of input, so that others get in between.
inline constexpr size_t kSliceBytes = 16 * 1024;

}  // namespace duma
