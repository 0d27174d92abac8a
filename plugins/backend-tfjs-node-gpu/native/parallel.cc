#include "parallel.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace nlakit {
namespace {

int thread_count = std::max(1u, std::thread::hardware_concurrency());

// Workers live as long as the process: it is left without joining them, as they own nothing.
class Pool {
 public:
  void Run(size_t count, size_t part, const std::function<void(size_t, size_t)>& body) {
    std::unique_lock<std::mutex> only(run_);
    const size_t parts = (count + part - 1) / part;
    {
      std::lock_guard<std::mutex> hold(mutex_);
      while (workers_ + 1 < parts) {
        std::thread([this] { Work(); }).detach();
        workers_++;
      }
      body_ = &body;
      count_ = count;
      part_ = part;
      next_ = part;  // the first part is the caller's
      open_ = parts - 1;
      round_++;
    }
    wake_.notify_all();
    body(0, std::min(part, count));
    std::unique_lock<std::mutex> hold(mutex_);
    while (TakePart(hold)) {
    }
    done_.wait(hold, [this] { return open_ == 0; });
    body_ = nullptr;
  }

 private:
  // Runs one part that nobody has begun; false if there is none. Called with the lock held, and holds it again at the end.
  bool TakePart(std::unique_lock<std::mutex>& hold) {
    if (body_ == nullptr || next_ >= count_) return false;
    const size_t begin = next_;
    const size_t end = std::min(begin + part_, count_);
    const auto* body = body_;
    next_ = end;
    hold.unlock();
    (*body)(begin, end);
    hold.lock();
    if (--open_ == 0) done_.notify_one();
    return true;
  }

  void Work() {
    std::unique_lock<std::mutex> hold(mutex_);
    for (size_t seen = 0;;) {
      wake_.wait(hold, [&] { return round_ != seen; });
      seen = round_;
      while (TakePart(hold)) {
      }
    }
  }

  std::mutex run_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(size_t, size_t)>* body_ = nullptr;
  size_t count_ = 0, part_ = 0, next_ = 0, open_ = 0, round_ = 0, workers_ = 0;
};

Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

}  // namespace

int ThreadCount() { return thread_count; }
void SetThreadCount(int count) { thread_count = std::max(1, count); }

void ParallelFor(size_t count, size_t grain, const std::function<void(size_t, size_t)>& body) {
  if (count == 0) return;
  const size_t parts = std::min<size_t>(thread_count, std::max<size_t>(1, count / std::max<size_t>(1, grain)));
  if (parts <= 1) {
    body(0, count);
    return;
  }
  ThePool().Run(count, (count + parts - 1) / parts, body);
}

}  // namespace nlakit
