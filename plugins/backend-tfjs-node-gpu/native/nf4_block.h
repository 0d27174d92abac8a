// Values of an NF4 weight from its codes, any range of it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace nlakit {

// Elements [start, start + count) of the flat weight: value of the code times the absmax of its block, rounded to the storage dtype.
void UnpackRange(const uint8_t* codes, const float* absmax, size_t block, Storage storage, size_t start, size_t count, float* target);

}  // namespace nlakit
