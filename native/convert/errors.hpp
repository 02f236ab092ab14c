#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace duma::convert {

// A datum that the converter cannot turn into features; the text is what the caller is told.
class ConversionError : public std::runtime_error {
public:
    explicit ConversionError(const std::string& text) : std::runtime_error(text), text_(text) {}

    // All of it: what() ends at the first byte 0, which a datum may hold.
    std::string_view text() const { return text_; }

private:
    std::string text_;
};

}  // namespace duma::convert
