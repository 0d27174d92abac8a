// Products of matrices in single precision, dense or with a weight that is unpacked from 4 bits on its way into the cache.
//
// TensorFlow would do it with oneDNN, whose generated code lets the stack pointer lie in a heap block while it multiplies: a signal that
// arrives then (an interrupt from the keyboard, a sampling profiler) overwrites the heap.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels.h"
#include "nf4_block.h"

namespace nlakit {

// c [batch, m, n] = a [batch or 1, m, k] b [batch or 1, k, n]; `transpose_a` says that a lies in memory as [k, m], likewise b as [n, k].
struct Product {
  size_t m, n, k;
  size_t batch, batch_a, batch_b;
  bool transpose_a, transpose_b;
};

void MatMul(const float* a, const float* b, float* c, const Product& product);

// An operand: its rows lie `stride` apart, and it multiplies as it lies or transposed.
struct Matrix {
  const float* data;
  size_t stride;
  bool transposed = false;
};

// c [m, n] = base + a [m, k] b [k, n]; rows of c lie `stride` apart, and so do those of base, which may be c itself, or null for nothing
void MultiplyStrided(const Matrix& a, const Matrix& b, float* c, size_t stride, size_t m, size_t n, size_t k, const float* base = nullptr);

// A weight [out, in] in NF4.
struct Nf4Weight {
  const uint8_t* codes;
  const float* absmax;
  size_t out, in, block;
  Storage storage;

  // Values [start, start + count), row by row.
  void Unpack(size_t start, size_t count, float* target) const {
    UnpackRange(codes, absmax, block, storage, start, count, target);
  }
};

// y [rows, out] = x [rows, in] wᵀ
void Nf4Linear(const float* x, const Nf4Weight& weight, float* y, size_t rows);
// dx [rows, in] = dy [rows, out] w
void Nf4LinearGrad(const float* dy, const Nf4Weight& weight, float* dx, size_t rows);

}  // namespace nlakit
