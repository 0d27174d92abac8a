#include "buffers.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace nlakit {
namespace {

// Smaller blocks come from malloc's own free lists fast enough.
constexpr size_t kSmallestKept = size_t{1} << 20;
constexpr size_t kMostIdle = size_t{512} << 20;

std::mutex mutex;
std::multimap<size_t, void*>& Idle() {
  static auto* idle = new std::multimap<size_t, void*>;
  return *idle;
}
size_t idle_bytes = 0;

size_t Rounded(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

}  // namespace

void* TakeBuffer(size_t bytes) {
  const size_t size = Rounded(bytes == 0 ? 1 : bytes);
  if (size >= kSmallestKept) {
    std::lock_guard<std::mutex> hold(mutex);
    const auto found = Idle().find(size);
    if (found != Idle().end()) {
      void* data = found->second;
      Idle().erase(found);
      idle_bytes -= size;
      return data;
    }
  }
  void* data = std::aligned_alloc(64, size);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

void GiveBuffer(void* data, size_t bytes) {
  const size_t size = Rounded(bytes == 0 ? 1 : bytes);
  if (size < kSmallestKept) {
    std::free(data);
    return;
  }
  std::lock_guard<std::mutex> hold(mutex);
  Idle().emplace(size, data);
  idle_bytes += size;
  // The largest go first: they hold most, and are the rarest.
  while (idle_bytes > kMostIdle) {
    const auto last = std::prev(Idle().end());
    idle_bytes -= last->first;
    std::free(last->second);
    Idle().erase(last);
  }
}

size_t IdleBufferBytes() {
  std::lock_guard<std::mutex> hold(mutex);
  return idle_bytes;
}

void TrimBuffers() {
  std::lock_guard<std::mutex> hold(mutex);
  for (const auto& [size, data] : Idle()) std::free(data);
  Idle().clear();
  idle_bytes = 0;
}

}  // namespace nlakit
