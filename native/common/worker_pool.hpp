// Threads for the parts of one long computation.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace duma {

class WorkerPool {
public:
    // As many as the machine has at most; they start with the first work.
    explicit WorkerPool(size_t threads)
        : workers_(std::min<size_t>(threads, std::max(1u, std::thread::hardware_concurrency())) - (threads > 0)) {}

    ~WorkerPool() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Calls part(0) to part(n - 1), some of them at the same time, and waits for all; the caller works, too. Raises what
    // the first part that fails raises.
    void run(size_t n, const std::function<void(size_t)>& part) {
        const auto job = std::make_shared<Job>(n, part);
        if (n > 1 && workers_ > 0) {
            std::lock_guard lock(mutex_);
            while (threads_.size() < workers_) threads_.emplace_back([this] { work(); });
            jobs_.push_back(job);
            changed_.notify_all();
        }
        job->work();
        job->wait();
        if (job->error) std::rethrow_exception(job->error);
    }

private:
    struct Job {
        Job(size_t count, const std::function<void(size_t)>& what) : n(count), part(what) {}

        // Does parts until all are taken.
        void work() {
            for (size_t i; (i = next.fetch_add(1)) < n;) {
                try {
                    part(i);
                } catch (...) {
                    std::lock_guard lock(mutex);
                    if (!error) error = std::current_exception();
                }
                std::lock_guard lock(mutex);
                if (++finished == n) done.notify_all();
            }
        }
        void wait() {
            std::unique_lock lock(mutex);
            done.wait(lock, [&] { return finished == n; });
        }

        const size_t n;
        const std::function<void(size_t)>& part;  // the caller's, who waits
        std::atomic<size_t> next = 0;
        std::mutex mutex;
        std::condition_variable done;
        size_t finished = 0;
        std::exception_ptr error;
    };

    void work() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
            if (stopping_) return;
            const std::shared_ptr<Job> job = jobs_.front();
            if (job->next.load() >= job->n) {
                jobs_.pop_front();
                continue;
            }
            lock.unlock();
            job->work();
            lock.lock();
        }
    }

    const size_t workers_;  // beside the caller
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<Job>> jobs_;
    std::vector<std::thread> threads_;
    bool stopping_ = false;
};

}  // namespace duma
