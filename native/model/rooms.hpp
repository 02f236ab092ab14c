// Room for analyses that run at the same time: each borrows one, and rooms are used again.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace duma {

template <class Room>
class Rooms {
public:
    // Holds a room, one that is free or a new one made from `arguments`, for as long as it lives.
    class Borrowed {
    public:
        template <class... Arguments>
        explicit Borrowed(Rooms& rooms, const Arguments&... arguments) : rooms_(rooms) {
            std::lock_guard lock(rooms_.mutex_);
            if (rooms_.free_.empty()) {
                room_ = std::make_unique<Room>(arguments...);
            } else {
                room_ = std::move(rooms_.free_.back());
                rooms_.free_.pop_back();
            }
        }
        ~Borrowed() {
            std::lock_guard lock(rooms_.mutex_);
            rooms_.free_.push_back(std::move(room_));
        }
        Borrowed(const Borrowed&) = delete;
        Borrowed& operator=(const Borrowed&) = delete;
        Room* operator->() const { return room_.get(); }
        Room& operator*() const { return *room_; }

    private:
        Rooms& rooms_;
        std::unique_ptr<Room> room_;
    };

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Room>> free_;
};

}  // namespace duma
