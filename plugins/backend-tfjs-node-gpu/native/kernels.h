// The arithmetic of our kernels on plain arrays. Meaning: the compositions of @nlakit/ops and @nlakit/quantizer-nf4 of the same names.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nlakit {

enum class Storage : int32_t { kFloat32 = 0, kBfloat16 = 1, kFloat16 = 2 };

// y, x [rows, width]; weight [width] or null
void RmsNorm(const float* x, const float* weight, float* y, size_t rows, size_t width, float epsilon);
void RmsNormGrad(const float* x, const float* weight, const float* dy, float* dx, size_t rows, size_t width, float epsilon);

// y = scale (residual + the norm of x)
void RmsNormAdd(const float* residual, const float* x, const float* weight, float* y, size_t rows, size_t width, float epsilon, float scale);

// Cosines and sines, each [count, positions, width / 2]: one table for all rows of the batch, or one for each.
struct RopeTables {
  const float* cosine;
  const float* sine;
  size_t count, positions;
};

// x, y [rows, heads, width], rows being batch x positions
void Rope(const float* x, const RopeTables& tables, float* y, size_t rows, size_t heads, size_t width, bool inverse);
// Every head normed, then turned; weight [width]
void NormRope(const float* x, const float* weight, const RopeTables& tables, float* y, size_t rows, size_t heads, size_t width,
              float epsilon);
void NormRopeGrad(const float* x, const float* weight, const RopeTables& tables, const float* dy, float* dx, size_t rows, size_t heads,
                  size_t width, float epsilon);

// y = 0 where the hash of the place is below `limit`, else factor * x; `low` and `high` seed the hash.
struct Dropping {
  uint32_t limit, low, high;
  float factor;
};
void Dropout(const float* x, float* y, size_t count, const Dropping& dropping);

void Geglu(const float* gate, const float* up, float* y, size_t count);
void GegluGrad(const float* gate, const float* up, const float* dy, float* d_gate, float* d_up, size_t count);

// scores [batch, heads, queries, keys], valid [batch, keys]
void MaskedSoftmax(const float* scores, const float* valid, float* y, size_t batch, size_t heads, size_t queries, size_t keys, int64_t window,
                   int64_t offset);
void SoftmaxGrad(const float* y, const float* dy, float* dx, size_t rows, size_t width);

// y = softcap tanh(x / softcap)
void Softcap(const float* x, float* y, size_t count, float softcap);

// logits [rows, width], lse [rows]
void SoftcapLogSumExp(const float* logits, float* lse, size_t rows, size_t width, float softcap);
// targets, lse, dy [rows]
void SoftcapCrossEntropyGrad(const float* logits, const int32_t* targets, const float* lse, const float* dy, float* dx, size_t rows,
                             size_t width, float softcap);

// codes: two per byte, high nibble first; count values; absmax per block
void Nf4Unpack(const uint8_t* codes, const float* absmax, float* y, size_t count, size_t block, Storage storage);
void Nf4UnpackToBfloat16(const uint8_t* codes, const float* absmax, uint16_t* y, size_t count, size_t block);
void RoundHalf(const float* x, float* y, size_t count, Storage storage);

}  // namespace nlakit
