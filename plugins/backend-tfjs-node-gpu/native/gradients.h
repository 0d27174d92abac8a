// What happens to gradients in host arrays before the update, on all threads. Meaning and rounding: packages/optim/src/clip-gradients.ts,
// sum-of-squares.ts and packages/ops/src/host-transfer.ts, to the bit.
#pragma once
#include <cstddef>

namespace nlakit {

double SumOfSquares(const float* values, size_t count);
void Scale(float* values, size_t count, double factor);
void Copy(const float* values, size_t count, float* target);
void Add(const float* values, size_t count, float* target);

}  // namespace nlakit
