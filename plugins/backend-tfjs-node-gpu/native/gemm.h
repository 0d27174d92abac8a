// Products of matrices in single precision, dense or with a weight that is unpacked from 4 bits on its way into the cache.
//
// TensorFlow would do it with oneDNN, whose generated code lets the stack pointer lie in a heap block while it multiplies: a signal that
// arrives then (an interrupt from the keyboard, a sampling profiler) overwrites the heap.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.h"

namespace nlakit {

// c [batch, m, n] = a [batch or 1, m, k] b [batch or 1, k, n]; `transpose_a` says that a lies in memory as [k, m], likewise b as [n, k].
struct Product {
  size_t m, n, k;
  size_t batch, batch_a, batch_b;
  bool transpose_a, transpose_b;
};

void MatMul(const float* a, const float* b, float* c, const Product& product);

// y [rows, out] = base + scale low [rows, rank] bᵀ, b [out, rank]
void LoraUp(const float* base, const float* low, const float* b, float* y, size_t rows, size_t out, size_t rank, float scale);
// d_low [rows, rank] = scale dy b, d_b [out, rank] = scale dyᵀ low
void LoraUpGrad(const float* dy, const float* low, const float* b, float* d_low, float* d_b, size_t rows, size_t out, size_t rank,
                float scale);

// A weight [out, in] in NF4.
struct Nf4Weight {
  const uint8_t* codes;
  const float* absmax;
  size_t out, in, block;
  Storage storage;
};

// y [rows, out] = x [rows, in] wᵀ
void Nf4Linear(const float* x, const Nf4Weight& weight, float* y, size_t rows);
// dx [rows, in] = dy [rows, out] w
void Nf4LinearGrad(const float* dy, const Nf4Weight& weight, float* dx, size_t rows);

}  // namespace nlakit
