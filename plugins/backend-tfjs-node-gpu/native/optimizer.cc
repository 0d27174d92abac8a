// Compiled without contraction into fused multiply-adds: every operation is rounded as JavaScript rounds it, so that a run may go on
// from the same bytes with and without this code.
#include "optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "parallel.h"

namespace nlakit {
namespace {

// Writes the squared change of every element to `changes`; the caller adds them in order.
void Update(float* p, const float* g, float* m, float* v, size_t count, const StepFactors& factors, double* changes) {
  const double beta1 = factors.beta1, beta2 = factors.beta2, epsilon = factors.epsilon, keep = factors.keep;
  const double step_size = factors.step_size;
  const double rest1 = 1 - beta1, rest2 = 1 - beta2, inverse2 = 1 / factors.correction2;
#pragma omp simd
  for (size_t i = 0; i < count; i++) {
    const double gradient = g[i];
    const float first = static_cast<float>(beta1 * m[i] + rest1 * gradient);
    const float second = static_cast<float>(beta2 * v[i] + rest2 * gradient * gradient);
    m[i] = first;
    v[i] = second;
    const double before = p[i];
    const double shrunk = static_cast<float>(before * keep);
    const float after = static_cast<float>(shrunk - (step_size * first) / (std::sqrt(static_cast<double>(second)) * inverse2 + epsilon));
    p[i] = after;
    changes[i] = (after - before) * (after - before);
  }
}

double Sum(const double* values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

int Nearest(const DynamicMap& map, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const int code = map.buckets[bits >> 16];
  return value > map.midpoints[code] ? code + 1 : code;
}

}  // namespace

double AdamW(float* p, const float* g, float* m, float* v, size_t count, const StepFactors& factors) {
  const std::unique_ptr<double[]> changes(new double[count]);
  ParallelFor(count, 16384, [&](size_t begin, size_t end) {
    Update(p + begin, g + begin, m + begin, v + begin, end - begin, factors, changes.get() + begin);
  });
  return Sum(changes.get(), count);
}

double AdamW8bit(float* p, const float* g, uint8_t* state1, uint8_t* state2, float* absmax1, float* absmax2, size_t count, size_t block,
                 bool floor, const StepFactors& factors, const DynamicMap& signed_map, const DynamicMap& unsigned_map) {
  const size_t blocks = (count + block - 1) / block;
  const std::unique_ptr<double[]> sums(new double[blocks]);
  ParallelFor(blocks, GrainOf(8192, block), [&](size_t begin, size_t end) {
    std::vector<float> first(block), second(block);
    std::vector<double> changes(block);
    for (size_t index = begin; index < end; index++) {
      const size_t start = index * block;
      const size_t size = std::min(block, count - start);
      uint8_t* codes1 = state1 + start;
      uint8_t* codes2 = state2 + start;
      for (size_t i = 0; i < size; i++) {
        first[i] = signed_map.values[codes1[i]] * absmax1[index];
        second[i] = unsigned_map.values[codes2[i]] * absmax2[index];
      }
      Update(p + start, g + start, first.data(), second.data(), size, factors, changes.data());
      sums[index] = Sum(changes.data(), size);

      float largest1 = 0, largest2 = 0;
      for (size_t i = 0; i < size; i++) {
        largest1 = std::max(largest1, std::fabs(first[i]));
        largest2 = std::max(largest2, second[i]);
      }
      absmax1[index] = largest1;
      absmax2[index] = largest2;
      const float divisor1 = largest1 == 0 ? 1 : largest1;
      const float divisor2 = largest2 == 0 ? 1 : largest2;
      for (size_t i = 0; i < size; i++) {
        int code = Nearest(signed_map, first[i] / divisor1);
        // 127 is the only zero: a negative moment takes the smallest negative entry, so that it stays negative.
        if (code == 127 && first[i] < 0) code = 126;
        codes1[i] = static_cast<uint8_t>(code);
      }
      for (size_t i = 0; i < size; i++) {
        int code = Nearest(unsigned_map, second[i] / divisor2);
        if (floor && code == 0 && second[i] > 0) code = 1;
        codes2[i] = static_cast<uint8_t>(code);
      }
    }
  });
  return Sum(sums.get(), blocks);
}

}  // namespace nlakit
