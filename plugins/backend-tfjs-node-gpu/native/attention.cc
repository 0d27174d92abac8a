#include "attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "buffers.h"
#include "gemm.h"
#include "parallel.h"
#include "vector_math.h"

namespace nlakit {
namespace {

// Queries that are done at once: their scores stay in the cache, and keys that none of them sees are left out.
constexpr size_t kQueries = 96;

// A run of queries of one head, and the keys [first, last) that any of them may see.
struct Block {
  size_t query, queries, first, last;
  size_t keys() const { return last - first; }
};

Block BlockAt(size_t index, const AttentionShape& shape) {
  const size_t query = index * kQueries;
  const size_t queries = std::min(kQueries, shape.queries - query);
  const int64_t begin = static_cast<int64_t>(query) + shape.offset, end = begin + static_cast<int64_t>(queries);
  const int64_t keys = static_cast<int64_t>(shape.keys);
  const int64_t last = std::clamp<int64_t>(end, 0, keys);
  const int64_t first = shape.window == 0 ? 0 : std::clamp<int64_t>(begin - shape.window + 1, 0, last);
  return {query, queries, static_cast<size_t>(first), static_cast<size_t>(last)};
}

// Where the rows of one head begin, and how far they lie apart.
template <typename Value>
struct Rows {
  Value* data;
  size_t stride;
  Value* at(size_t row) const { return data + row * stride; }
};
template <typename Value>
Rows<Value> RowsOf(Value* x, size_t row, size_t positions, size_t head, size_t heads, size_t width) {
  return {x + (row * positions * heads + head) * width, heads * width};
}

// Softmax of one row of scores over the keys that the query may see; `sees` is valid of the block's first key. Zeros elsewhere.
void SoftmaxRow(float* scores, const float* sees, const Block& block, size_t query, const AttentionShape& shape) {
  const int64_t at = static_cast<int64_t>(query) + shape.offset, start = static_cast<int64_t>(block.first);
  const int64_t keys = static_cast<int64_t>(block.keys());
  const int64_t last = std::clamp<int64_t>(at + 1 - start, 0, keys);
  const int64_t first = shape.window == 0 ? 0 : std::clamp<int64_t>(at - shape.window + 1 - start, 0, last);
  // What is computed is computed for every key and chosen afterwards, so that the loops have no branches.
  const float scale = shape.scale;
  float highest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : highest)
  for (int64_t i = first; i < last; i++) {
    const float scaled = scores[i] * scale, score = sees[i] > 0.5f ? scaled : -1e30f;
    highest = score > highest ? score : highest;
  }
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = first; i < last; i++) {
    const float exponential = Exp(scores[i] * scale - highest), weight = sees[i] > 0.5f ? exponential : 0.0f;
    scores[i] = weight;
    sum += weight;
  }
  std::fill(scores, scores + first, 0.0f);
  std::fill(scores + last, scores + keys, 0.0f);
  const float factor = sum > 0 ? 1.0f / sum : 0.0f;
#pragma omp simd
  for (int64_t i = first; i < last; i++) scores[i] *= factor;
}

// Probabilities of a block of queries, [block.queries, block.keys()].
void Probabilities(const Rows<const float>& q, const Rows<const float>& k, const float* valid, float* out, const Block& block,
                   const AttentionShape& shape) {
  MultiplyStrided({q.at(block.query), q.stride}, {k.at(block.first), k.stride, true}, out, block.keys(), block.queries, block.keys(),
                  shape.width);
  for (size_t i = 0; i < block.queries; i++) SoftmaxRow(out + i * block.keys(), valid + block.first, block, block.query + i, shape);
}

// Multiplications that are worth a second thread.
constexpr size_t kGrain = 65536;

}  // namespace

void Attention(const float* q, const float* k, const float* v, const float* valid, float* y, const AttentionShape& shape) {
  const size_t blocks = (shape.queries + kQueries - 1) / kQueries, group = shape.heads / shape.kv_heads;
  const size_t multiplications = 2 * std::min(kQueries, shape.queries) * shape.keys * shape.width;
  ParallelFor(shape.batch * shape.heads * blocks, GrainOf(kGrain, multiplications), [&](size_t begin, size_t end) {
    Scratch memory(std::min(kQueries, shape.queries) * shape.keys);
    float* p = memory.data();
    for (size_t task = begin; task < end; task++) {
      const size_t row = task / (shape.heads * blocks), head = task / blocks % shape.heads, kv = head / group;
      const Block block = BlockAt(task % blocks, shape);
      const auto keys = RowsOf(k, row, shape.keys, kv, shape.kv_heads, shape.width);
      const auto values = RowsOf(v, row, shape.keys, kv, shape.kv_heads, shape.width);
      const auto out = RowsOf(y, row, shape.queries, head, shape.heads, shape.width);
      Probabilities(RowsOf(q, row, shape.queries, head, shape.heads, shape.width), keys, valid + row * shape.keys, p, block, shape);
      MultiplyStrided({p, block.keys()}, {values.at(block.first), values.stride}, out.at(block.query), out.stride, block.queries, shape.width,
                      block.keys());
    }
  });
}

void AttentionGrad(const float* q, const float* k, const float* v, const float* valid, const float* dy, float* dq, float* dk, float* dv,
                   const AttentionShape& shape) {
  const size_t blocks = (shape.queries + kQueries - 1) / kQueries, group = shape.heads / shape.kv_heads;
  const size_t part = shape.keys * shape.width, scores = std::min(kQueries, shape.queries) * shape.keys;
  // Heads that share keys and values each make a gradient of their own; they are added up at the end.
  Scratch parts(2 * shape.batch * shape.heads * part);
  std::memset(parts.data(), 0, 2 * shape.batch * shape.heads * part * sizeof(float));
  float* const dk_parts = parts.data();
  float* const dv_parts = dk_parts + shape.batch * shape.heads * part;
  ParallelFor(shape.batch * shape.heads, GrainOf(kGrain, 5 * shape.queries * part), [&](size_t begin, size_t end) {
    Scratch memory(2 * scores);
    float* const p = memory.data();
    float* const slope = p + scores;
    for (size_t task = begin; task < end; task++) {
      const size_t row = task / shape.heads, head = task % shape.heads, kv = head / group;
      const auto queries = RowsOf(q, row, shape.queries, head, shape.heads, shape.width);
      const auto keys = RowsOf(k, row, shape.keys, kv, shape.kv_heads, shape.width);
      const auto values = RowsOf(v, row, shape.keys, kv, shape.kv_heads, shape.width);
      const auto slopes = RowsOf(dy, row, shape.queries, head, shape.heads, shape.width);
      const auto out = RowsOf(dq, row, shape.queries, head, shape.heads, shape.width);
      for (size_t index = 0; index < blocks; index++) {
        const Block block = BlockAt(index, shape);
        const size_t count = block.keys(), width = shape.width;
        const float* const dy_rows = slopes.at(block.query);
        Probabilities(queries, keys, valid + row * shape.keys, p, block, shape);
        MultiplyStrided({dy_rows, slopes.stride}, {values.at(block.first), values.stride, true}, slope, count, block.queries, count, width);
        float* const dv_rows = dv_parts + task * part + block.first * width;
        MultiplyStrided({p, count, true}, {dy_rows, slopes.stride}, dv_rows, width, count, width, block.queries, dv_rows);
        for (size_t i = 0; i < block.queries; i++) {
          const float* const weights = p + i * count;
          float* const line = slope + i * count;
          float along = 0;
#pragma omp simd reduction(+ : along)
          for (size_t j = 0; j < count; j++) along += weights[j] * line[j];
#pragma omp simd
          for (size_t j = 0; j < count; j++) line[j] = shape.scale * weights[j] * (line[j] - along);
        }
        MultiplyStrided({slope, count}, {keys.at(block.first), keys.stride}, out.at(block.query), out.stride, block.queries, width, count);
        float* const dk_rows = dk_parts + task * part + block.first * width;
        MultiplyStrided({slope, count, true}, {queries.at(block.query), queries.stride}, dk_rows, width, count, width, block.queries, dk_rows);
      }
    }
  });
  const size_t tasks = shape.batch * shape.keys * shape.kv_heads;
  ParallelFor(tasks, GrainOf(kGrain, 2 * group * shape.width), [&](size_t begin, size_t end) {
    for (size_t task = begin; task < end; task++) {
      const size_t row = task / (shape.keys * shape.kv_heads), key = task / shape.kv_heads % shape.keys, kv = task % shape.kv_heads;
      for (const auto& [from, to] : {std::pair{dk_parts, dk}, std::pair{dv_parts, dv}}) {
        float* const sum = to + task * shape.width;
        std::fill(sum, sum + shape.width, 0.0f);
        for (size_t head = kv * group; head < (kv + 1) * group; head++) {
          const float* const own = from + ((row * shape.heads + head) * shape.keys + key) * shape.width;
#pragma omp simd
          for (size_t i = 0; i < shape.width; i++) sum[i] += own[i];
        }
      }
    }
  });
}

}  // namespace nlakit
