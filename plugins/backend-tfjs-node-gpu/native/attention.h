// Causal attention with grouped heads, forward and backward, straight on tensors whose heads lie side by side.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nlakit {

struct AttentionShape {
  size_t batch, queries, keys, heads, kv_heads, width;
  // Key s is visible to query t iff s <= t + offset, s > t + offset - window unless window is 0, and valid[s] is 1.
  int64_t window, offset;
  float scale;
};

// q, y [batch, queries, heads, width]; k, v [batch, keys, kv_heads, width]; valid [batch, keys]
void Attention(const float* q, const float* k, const float* v, const float* valid, float* y, const AttentionShape& shape);
void AttentionGrad(const float* q, const float* k, const float* v, const float* valid, const float* dy, float* dq, float* dk, float* dv,
                   const AttentionShape& shape);

}  // namespace nlakit
