#include "lora.h"

#include "buffers.h"
#include "gemm.h"
#include "parallel.h"

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

void LoraPairGrad(const float* x, const float* low, const float* b, const float* dy, float* da, float* db, float* d_low,
                  const LoraShape& shape) {
  const auto& [rows, in, out, rank, scale] = shape;
  MultiplyStrided({dy, out}, {b, rank}, d_low, rank, rows, rank, out);
  Scale(d_low, rows * rank, scale);
  // As xᵀ d_low, which has few columns, and turned: few rows would have all of x packed for them.
  Scratch turned(in * rank);
  MultiplyStrided({x, in, true}, {d_low, rank}, turned.data(), rank, in, rank, rows);
  for (size_t i = 0; i < rank; i++) {
    for (size_t j = 0; j < in; j++) da[i * in + j] = turned.data()[j * rank + i];
  }
  MultiplyStrided({dy, out, true}, {low, rank}, db, rank, out, rank, rows);
  Scale(db, out * rank, scale);
}

void AddLoraInputGrad(const float* d_low, const float* a, float* dx, const LoraShape& shape, const Dropping* dropping) {
  const auto& [rows, in, out, rank, scale] = shape;
  if (dropping == nullptr) {
    MultiplyStrided({d_low, rank}, {a, in}, dx, in, rows, in, rank, dx);
    return;
  }
  Scratch term(rows * in);
  float* const values = term.data();
  MultiplyStrided({d_low, rank}, {a, in}, values, in, rows, in, rank);
  Dropout(values, values, rows * in, *dropping);
  ParallelFor(rows * in, 32768, [=](size_t begin, size_t end) {
#pragma omp simd
    for (size_t i = begin; i < end; i++) dx[i] += values[i];
  });
}

}  // namespace nlakit
