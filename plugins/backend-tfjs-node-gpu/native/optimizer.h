// One AdamW step on host arrays, block-wise 8-bit moments. Meaning and rounding: packages/optim/src/adamw.ts, to the bit.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nlakit {

struct StepFactors {
  double beta1, beta2, epsilon;
  double keep;         // 1 - learning rate * decay, or 1
  double step_size;    // learning rate over the bias correction of the first moment
  double correction2;  // root of the bias correction of the second moment
};

// One of bitsandbytes' dynamic maps with the search structure of packages/optim/src/dynamic-map.ts.
struct DynamicMap {
  const float* values;     // [256], ascending
  const float* midpoints;  // [256]
  const uint8_t* buckets;  // [65536], by the upper half of a float's bits: the lowest code that such a value can have
};

// Returns the sum of the squared changes of p, as it is stored.
double AdamW(float* p, const float* g, float* m, float* v, size_t count, const StepFactors& factors);
double AdamW8bit(float* p, const float* g, uint8_t* state1, uint8_t* state2, float* absmax1, float* absmax2, size_t count, size_t block,
                 bool floor, const StepFactors& factors, const DynamicMap& signed_map, const DynamicMap& unsigned_map);

}  // namespace nlakit
