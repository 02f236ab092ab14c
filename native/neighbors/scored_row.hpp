// What a search finds.
#pragma once

#include <string_view>

namespace duma::neighbors {

struct ScoredRow {
    std::string_view key;  // the index's own: valid until the index changes
    double score;          // a similarity, or a distance where one was asked for
};

}  // namespace duma::neighbors
