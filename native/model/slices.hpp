// Work on a long list of input, cut into slices so that others get in between.
#pragma once

#include <cstdint>

#include "common/lock.hpp"
#include "msgpack/reader.hpp"

namespace duma {

// Calls one() for each of the `n` items that `in` comes to. A slice of them is done under one `Lock` of the mutex.
template <class Lock, class One>
void in_slices(FairMutex& mutex, msgpack::Reader& in, uint32_t n, One&& one) {
    for (uint32_t done = 0; done < n;) {
        Lock slice(mutex);
        for (const size_t from = in.position(); done < n && in.position() - from < kSliceBytes; ++done) one();
    }
}

}  // namespace duma
