// The term that an adapter adds to a linear.
#pragma once
#include <cstddef>

#include "kernels.h"

namespace nlakit {

struct LoraShape {
  size_t rows, in, out, rank;
  float scale;
};

// low [rows, rank] = x [rows, in] aᵀ; y [rows, out] = base + scale low bᵀ; a [rank, in], b [out, rank]
void Lora(const float* x, const float* base, const float* a, const float* b, float* y, float* low, const LoraShape& shape);
// With d_low = scale dy b: da = d_lowᵀ x, db = scale dyᵀ low
void LoraPairGrad(const float* x, const float* low, const float* b, const float* dy, float* da, float* db, float* d_low,
                  const LoraShape& shape);
// dx += d_low a, of which `dropping` drops what it dropped of x; null for nothing
void AddLoraInputGrad(const float* d_low, const float* a, float* dx, const LoraShape& shape, const Dropping* dropping);

}  // namespace nlakit
