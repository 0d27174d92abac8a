// The term that an adapter adds to a linear.
#pragma once
#include <cstddef>

namespace nlakit {

struct LoraShape {
  size_t rows, in, out, rank;
  float scale;
};

// low [rows, rank] = x [rows, in] aᵀ; y [rows, out] = base + scale low bᵀ; a [rank, in], b [out, rank]
void Lora(const float* x, const float* base, const float* a, const float* b, float* y, float* low, const LoraShape& shape);
// With d_low = scale dy b: dx = d_low a, da = d_lowᵀ x, db = scale dyᵀ low
void LoraGrad(const float* x, const float* low, const float* a, const float* b, const float* dy, float* dx, float* da, float* db,
              const LoraShape& shape);

}  // namespace nlakit
