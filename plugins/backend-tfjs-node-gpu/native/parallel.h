// A pool of threads for the loops of our kernels. TensorFlow's own pool is not reachable through its C interface.
#pragma once
#include <cstddef>
#include <functional>

namespace nlakit {

// Threads that work on a loop, the caller's included.
int ThreadCount();
void SetThreadCount(int count);

// Items that are as much work as `worth` if each is `work`: less than one where a single item is more.
inline double GrainOf(size_t worth, size_t work) { return static_cast<double>(worth) / static_cast<double>(work > 0 ? work : 1); }

// Calls body(begin, end) for parts of [0, count), at most one part per thread; returns when all are done. `grain` items are work that is
// worth a second thread, if that is awake.
void ParallelFor(size_t count, double grain, const std::function<void(size_t begin, size_t end)>& body);

}  // namespace nlakit
