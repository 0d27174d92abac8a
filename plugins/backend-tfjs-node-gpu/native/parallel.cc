#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nlakit {
namespace {

int thread_count = std::max(1u, std::thread::hardware_concurrency());

// Set while a thread works on a part: loops inside it are its own business.
thread_local bool working = false;

// How often a thread looks for work, or for the end of it, before it sleeps: some hundreds of microseconds. Small kernels follow one another
// more closely than that, even where the garbage collector comes between them, and waking a thread takes as long as many of them do.
constexpr int kLooks = 8000;

// Waking a thread costs as much as so many grains of work take; one that is still looking takes its part for next to nothing.
constexpr size_t kGrainsToWake = 12;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Workers live as long as the process: it is left without joining them, as they own nothing.
class Pool {
 public:
  // Whether a thread would have to be woken up.
  bool Asleep() const { return sleepers_.load(std::memory_order_relaxed) > 0; }

  void Run(size_t count, size_t part, const std::function<void(size_t, size_t)>& body) {
    std::lock_guard<std::mutex> only(run_);
    const uint64_t parts = (count + part - 1) / part;
    for (; workers_ + 1 < parts; workers_++) std::thread([this] { Work(); }).detach();
    body_ = &body;
    count_ = count;
    part_ = part;
    failure_ = nullptr;
    open_.store(parts, std::memory_order_relaxed);
    // The ticket says which loop, how many parts it has and how many are taken: a thread that takes one by it has the fields above of the
    // same loop, which cannot end before that part does.
    const uint64_t round = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
    ticket_.store(round << 32 | parts << 16, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard<std::mutex> hold(mutex_);
      wake_.notify_all();
    }
    while (TakePart()) {
    }
    for (int look = 0; open_.load(std::memory_order_acquire) != 0; look++) {
      if (look < kLooks) {
        Pause();
        continue;
      }
      std::unique_lock<std::mutex> hold(mutex_);
      done_.wait(hold, [this] { return open_.load(std::memory_order_acquire) == 0; });
    }
    // What a part has thrown, in whatever thread, is thrown here, when all have ended.
    if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  static bool Untaken(uint64_t ticket) { return (ticket & 0xffff) < (ticket >> 16 & 0xffff); }

  // Runs one part that nobody has begun; false if there is none.
  bool TakePart() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    do {
      if (!Untaken(ticket)) return false;
    } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel));
    const size_t begin = (ticket & 0xffff) * part_;
    working = true;
    try {
      (*body_)(begin, std::min(begin + part_, count_));
    } catch (...) {
      std::lock_guard<std::mutex> hold(mutex_);
      failure_ = std::current_exception();
    }
    working = false;
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard<std::mutex> hold(mutex_);
      done_.notify_one();
    }
    return true;
  }

  void Work() {
    for (;;) {
      while (TakePart()) {
      }
      const auto untaken = [this] { return Untaken(ticket_.load(std::memory_order_seq_cst)); };
      bool work = false;
      for (int look = 0; look < kLooks && !(work = untaken()); look++) Pause();
      if (work) continue;
      std::unique_lock<std::mutex> hold(mutex_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      wake_.wait(hold, untaken);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  std::mutex run_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> ticket_{0}, open_{0};
  std::atomic<int> sleepers_{0};
  const std::function<void(size_t, size_t)>* body_ = nullptr;
  size_t count_ = 0, part_ = 0, workers_ = 0;
  std::exception_ptr failure_;
};

Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

}  // namespace

int ThreadCount() { return working ? 1 : thread_count; }
void SetThreadCount(int count) { thread_count = std::max(1, count); }

void ParallelFor(size_t count, double grain, const std::function<void(size_t, size_t)>& body) {
  if (count == 0) return;
  const double grains = static_cast<double>(count) / grain;
  const size_t parts = std::min({static_cast<size_t>(ThreadCount()), count, static_cast<size_t>(grains)});
  if (parts <= 1 || (grains < kGrainsToWake && ThePool().Asleep())) {
    body(0, count);
    return;
  }
  ThePool().Run(count, (count + parts - 1) / parts, body);
}

}  // namespace nlakit
