// Checks that arguments are what they should be, before anything is done with them.
#pragma once

#include <cstdint>
#include <string_view>

#include "msgpack/reader.hpp"

namespace duma {

// Passes over a datum. Raises for what is none.
inline void check_datum(msgpack::Reader& in) {
    const uint32_t lists = in.array();
    for (uint32_t list = 0; list < lists; ++list) {
        if (list > 2) {
            in.skip();
            continue;
        }
        for (uint32_t n = in.array(); n--;) {
            if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
            in.raw();
            if (list == 1) in.real();
            else in.raw();
        }
    }
}

inline void check_datum(std::string_view datum) {
    msgpack::Reader in(datum);
    check_datum(in);
}

// [datum...]
inline void check_datums(std::string_view data) {
    msgpack::Reader in(data);
    for (uint32_t n = in.array(); n--;) check_datum(in);
}

// [[what is taught, datum]...]; `check` passes over the former, `what` names such a pair.
template <class Check>
void check_examples(std::string_view data, const char* what, Check&& check) {
    msgpack::Reader in(data);
    for (uint32_t n = in.array(); n--;) {
        uint32_t fields = in.array();
        if (fields < 2) throw msgpack::TypeMismatch(what);
        check(in);
        check_datum(in);
        while (fields-- > 2) in.skip();
    }
}

}  // namespace duma
