#pragma once

#include <stdexcept>

namespace duma::convert {

// A datum that the converter cannot turn into features; the text is what the caller is told.
struct ConversionError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace duma::convert
