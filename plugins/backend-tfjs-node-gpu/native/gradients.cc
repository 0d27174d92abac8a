#include "gradients.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "parallel.h"

namespace nlakit {
namespace {

// Values that are worth a second thread: as long as memory takes for them.
constexpr double kGrain = 16384;

double SumOfBlock(const float* values, size_t count) {
  constexpr size_t kLanes = 8;
  double lanes[kLanes] = {};
  size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
#pragma omp simd
    for (size_t lane = 0; lane < kLanes; lane++) {
      const double value = values[at + lane];
      lanes[lane] += value * value;
    }
  }
  double rest = 0;
  for (; at < count; at++) rest += static_cast<double>(values[at]) * values[at];
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])) + rest;
}

}  // namespace

double SumOfSquares(const float* values, size_t count) {
  constexpr size_t kBlock = 16384;
  const size_t blocks = (count + kBlock - 1) / kBlock;
  std::vector<double> sums(blocks);
  ParallelFor(blocks, kGrain / kBlock, [&](size_t begin, size_t end) {
    for (size_t block = begin; block < end; block++) {
      const size_t start = block * kBlock;
      sums[block] = SumOfBlock(values + start, std::min(kBlock, count - start));
    }
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

void Scale(float* values, size_t count, double factor) {
  ParallelFor(count, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) values[i] = static_cast<float>(values[i] * factor);
  });
}

void Copy(const float* values, size_t count, float* target) {
  ParallelFor(count, kGrain, [&](size_t begin, size_t end) { std::memcpy(target + begin, values + begin, (end - begin) * sizeof(float)); });
}

void Add(const float* values, size_t count, float* target) {
  ParallelFor(count, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) target[i] += values[i];
  });
}

}  // namespace nlakit
