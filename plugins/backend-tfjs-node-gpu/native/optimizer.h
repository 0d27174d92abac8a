// One AdamW step of all parameters on host arrays, with moments in f32 or block-wise in 8 bits. Meaning and rounding:
// packages/optim/src/plain-updates.ts, to the bit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nlakit {

struct StepFactors {
  double beta1, beta2, epsilon;
  double step_size;    // learning rate over the bias correction of the first moment
  double correction2;  // root of the bias correction of the second moment
};

// One of bitsandbytes' dynamic maps with the search structure of packages/optim/src/dynamic-map.ts.
struct DynamicMap {
  const float* values;     // [256], ascending
  const float* midpoints;  // [256]
  const uint8_t* buckets;  // [65536], by the upper half of a float's bits: the lowest code that such a value can have
};

// One parameter with its moments: in f32, or in 8 bits with the largest of every block.
struct Parameter {
  float* p;
  const float* g;
  size_t count;
  double keep;  // 1 - learning rate * decay, or 1
  float *m, *v;
  uint8_t *codes1, *codes2;
  float *absmax1, *absmax2;

  bool quantized() const { return codes1 != nullptr; }
};

struct Quantization {
  size_t block;
  bool floor;
  DynamicMap signed_map, unsigned_map;
};

// Updates all of them and writes for each the sum of the squared changes of p, as it is stored. `quantization` may be null where no parameter
// is quantized.
void AdamW(const std::vector<Parameter>& parameters, const StepFactors& factors, const Quantization* quantization, double* sums);

}  // namespace nlakit
