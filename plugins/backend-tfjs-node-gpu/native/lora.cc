#include "lora.h"

#include <cstring>

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
  const size_t count = rows * out;
  ParallelFor(count, 65536, [=](size_t begin, size_t end) { std::memcpy(y + begin, base + begin, (end - begin) * sizeof(float)); });
  MultiplyStrided({scaled.data(), rank}, {b, rank, true}, y, out, rows, out, rank, true);
}

void LoraGrad(const float* x, const float* low, const float* a, const float* b, const float* dy, float* dx, float* da, float* db,
              const LoraShape& shape) {
  const auto& [rows, in, out, rank, scale] = shape;
  Scratch slope(rows * rank);
  float* d_low = slope.data();
  MultiplyStrided({dy, out}, {b, rank}, d_low, rank, rows, rank, out);
  Scale(d_low, rows * rank, scale);
  MultiplyStrided({d_low, rank}, {a, in}, dx, in, rows, in, rank);
  MultiplyStrided({d_low, rank, true}, {x, in}, da, in, rank, in, rows);
  MultiplyStrided({dy, out, true}, {low, rank}, db, rank, out, rank, rows);
  Scale(db, out * rank, scale);
}

}  // namespace nlakit
