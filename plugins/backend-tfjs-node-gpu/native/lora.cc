#include "lora.h"

#include "buffers.h"
#include "gemm.h"

namespace nlakit {
namespace {

void Scale(float* values, size_t count, float factor) {
#pragma omp simd
  for (size_t i = 0; i < count; i++) values[i] *= factor;
}

}  // namespace

void Lora(const float* x, const float* base, const float* a, const float* b, float* y, float* low, const LoraShape& shape) {
  const auto& [rows, in, out, rank, scale] = shape;
  MultiplyStrided({x, in}, {a, in, true}, low, rank, rows, rank, in);
  Scratch scaled(rows * rank);
  for (size_t i = 0; i < rows * rank; i++) scaled.data()[i] = scale * low[i];
  MultiplyStrided({scaled.data(), rank}, {b, rank, true}, y, out, rows, out, rank, base);
}

void LoraGrad(const float* x, const float* low, const float* a, const float* b, const float* dy, float* dx, float* da, float* db,
              const LoraShape& shape) {
  const auto& [rows, in, out, rank, scale] = shape;
  Scratch slope(rows * rank);
  float* d_low = slope.data();
  MultiplyStrided({dy, out}, {b, rank}, d_low, rank, rows, rank, out);
  Scale(d_low, rows * rank, scale);
  MultiplyStrided({d_low, rank}, {a, in}, dx, in, rows, in, rank);
  // As xᵀ d_low, which has few columns, and turned: few rows would have all of x packed for them.
  Scratch turned(in * rank);
  MultiplyStrided({x, in, true}, {d_low, rank}, turned.data(), rank, in, rank, rows);
  for (size_t i = 0; i < rank; i++) {
    for (size_t j = 0; j < in; j++) da[i * in + j] = turned.data()[j * rank + i];
  }
  MultiplyStrided({dy, out, true}, {low, rank}, db, rank, out, rank, rows);
  Scale(db, out * rank, scale);
}

}  // namespace nlakit
