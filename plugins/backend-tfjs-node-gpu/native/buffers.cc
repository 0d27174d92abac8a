#include "buffers.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace nlakit {
namespace {

// Smaller blocks come from malloc's own free lists fast enough; larger ones it may fetch from the system anew each time.
constexpr size_t kSmallestKept = 4096;
constexpr size_t kMostIdle = size_t{512} << 20;

std::mutex mutex;
// By size; of one size the last that came back goes out first, as it may still be in the cache.
std::map<size_t, std::vector<void*>>& Idle() {
  static auto* idle = new std::map<size_t, std::vector<void*>>;
  return *idle;
}
size_t idle_bytes = 0;

size_t Rounded(size_t bytes) {
  const size_t unit = bytes < kSmallestKept ? 64 : 4096;
  return std::max(unit, (bytes + unit - 1) / unit * unit);
}

}  // namespace

void* TakeBuffer(size_t bytes) {
  const size_t size = Rounded(bytes);
  if (size >= kSmallestKept) {
    std::lock_guard<std::mutex> hold(mutex);
    const auto found = Idle().find(size);
    if (found != Idle().end()) {
      void* data = found->second.back();
      found->second.pop_back();
      if (found->second.empty()) Idle().erase(found);
      idle_bytes -= size;
      return data;
    }
  }
  void* data = std::aligned_alloc(64, size);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

void GiveBuffer(void* data, size_t bytes) {
  const size_t size = Rounded(bytes);
  if (size < kSmallestKept) {
    std::free(data);
    return;
  }
  std::lock_guard<std::mutex> hold(mutex);
  Idle()[size].push_back(data);
  idle_bytes += size;
  // The largest go first: they hold most, and are the rarest.
  while (idle_bytes > kMostIdle) {
    const auto last = std::prev(Idle().end());
    idle_bytes -= last->first;
    std::free(last->second.back());
    last->second.pop_back();
    if (last->second.empty()) Idle().erase(last);
  }
}

void TrimBuffers() {
  std::lock_guard<std::mutex> hold(mutex);
  for (const auto& [size, blocks] : Idle()) {
    for (void* data : blocks) std::free(data);
  }
  Idle().clear();
  idle_bytes = 0;
}

}  // namespace nlakit
