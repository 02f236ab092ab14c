// The labels of a linear model: their ids and slots, and the order in which they are reported.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "names/reference_order.hpp"

namespace duma::linear {

struct Label {
    std::string name;
    uint64_t id;    // from 0 up, never given again; stands in model files
    uint32_t slot;  // where its cells are; the smallest free one
};

class Labels {
public:
    size_t size() const { return labels_.size(); }
    uint64_t next_id() const { return next_id_; }

    // In the order of reports and of ties: that of Jubatus' hash tables for these labels and ids.
    const std::vector<Label>& ordered() const { return labels_; }

    const Label* find(std::string_view name) const {
        for (const Label& label : labels_)
            if (label.name == name) return &label;
        return nullptr;
    }

    // The label's slot; registers it when it is new.
    uint32_t slot_of(std::string_view name) {
        if (const Label* known = find(name)) return known->slot;
        const uint32_t slot = free_slot();
        labels_.push_back({std::string(name), next_id_++, slot});
        reorder();
        return slot;
    }

    // As read from a model file, whose cells know the label by its id.
    void restore(std::vector<Label> labels, uint64_t next_id) {
        labels_ = std::move(labels);
        next_id_ = next_id;
        for (const Label& label : labels_) next_id_ = std::max(next_id_, label.id + 1);
        reorder();
    }

    void erase(std::string_view name) {
        std::erase_if(labels_, [&](const Label& label) { return label.name == name; });
        reorder();
    }

    uint32_t slots() const {
        uint32_t n = 0;
        for (const Label& label : labels_) n = std::max(n, label.slot + 1);
        return n;
    }

private:
    uint32_t free_slot() const {
        std::vector<bool> taken(labels_.size() + 1);
        for (const Label& label : labels_)
            if (label.slot < taken.size()) taken[label.slot] = true;
        return static_cast<uint32_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
    }

    // Jubatus walks its id -> label table, inserts the labels into a table by name, and walks that.
    void reorder() {
        std::sort(labels_.begin(), labels_.end(), [](const Label& a, const Label& b) { return a.id < b.id; });
        const auto arrange = [&](auto&& hash) {
            std::vector<uint64_t> hashes;
            for (const Label& label : labels_) hashes.push_back(hash(label));
            std::vector<Label> arranged;
            for (const size_t i : reference_order(hashes)) arranged.push_back(std::move(labels_[i]));
            labels_ = std::move(arranged);
        };
        arrange([](const Label& label) { return label.id; });
        arrange([](const Label& label) { return fnv1a(label.name); });
    }

    std::vector<Label> labels_;
    uint64_t next_id_ = 0;
};

}  // namespace duma::linear
