// A pool of threads for the loops of our kernels. TensorFlow's own pool is not reachable through its C interface.
#pragma once
#include <cstddef>
#include <functional>

namespace nlakit {

// Threads that work on a loop, the caller's included.
int ThreadCount();
void SetThreadCount(int count);

// Calls body(begin, end) for parts of [0, count), at most one part per thread and none smaller than `grain`; returns when all are done.
void ParallelFor(size_t count, size_t grain, const std::function<void(size_t begin, size_t end)>& body);

}  // namespace nlakit
