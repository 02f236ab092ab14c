// What a model says of itself: keys with texts, in a fixed order.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace duma {

using Status = std::vector<std::pair<std::string, std::string>>;

}  // namespace duma
