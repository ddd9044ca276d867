// The wall around work on a pool: nothing may be thrown there, and running out of memory costs one statement.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "common/base/error.h"

namespace dl {

// Runs `work`, which gives a Result; what it throws becomes its error.
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
    try {
        return work();
    } catch (const std::bad_alloc&) {
        return make_error(ErrorCode::overloaded, "out of memory; send less at a time, or try again later");
    } catch (const std::exception& e) {
        return make_error(ErrorCode::internal, std::string("the statement failed: ") + e.what());
    }
}

}  // namespace dl
