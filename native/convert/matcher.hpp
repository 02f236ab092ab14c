// Which keys a rule applies to. Patterns are read elsewhere; here is only what they mean.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace duma::convert {

struct Matcher {
    enum class Kind { any, prefix, suffix, exact, callback };
    Kind kind = Kind::any;
    std::string text;
    std::function<bool(std::string_view)> callback;

    bool operator()(std::string_view key) const {
        switch (kind) {
            case Kind::any: return true;
            case Kind::prefix: return key.starts_with(text);
            case Kind::suffix: return key.ends_with(text);
            case Kind::exact: return key == text;
            case Kind::callback: return callback(key);
        }
        return false;
    }
};

struct Condition {
    Matcher key;
    std::optional<Matcher> except;

    bool operator()(std::string_view name) const { return key(name) && !(except && (*except)(name)); }
};

}  // namespace duma::convert
