#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "vector_math.h"

namespace nlakit {
namespace {

// Values that are worth a second thread: waking one costs about as much as this many multiplications and memory accesses.
constexpr size_t kGrain = 32768;

float InverseRoot(const float* x, size_t width, float epsilon) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < width; i++) sum += x[i] * x[i];
  return 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
}

constexpr float kRootTwoOverPi = 0.797884560802865356f;
constexpr float kCubic = 0.044715f;

float Capped(float x, float softcap, float inverse) { return softcap == 0 ? x : softcap * Tanh(x * inverse); }

}  // namespace

void RmsNorm(const float* x, const float* weight, float* y, size_t rows, size_t width, float epsilon) {
  ParallelFor(rows, GrainOf(kGrain, width), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      float* out = y + row * width;
      const float inverse = InverseRoot(in, width, epsilon);
      if (weight == nullptr) {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = in[i] * inverse;
      } else {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = in[i] * inverse * weight[i];
      }
    }
  });
}

void RmsNormGrad(const float* x, const float* weight, const float* dy, float* dx, size_t rows, size_t width, float epsilon) {
  ParallelFor(rows, GrainOf(kGrain, width), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      const float* slope = dy + row * width;
      float* out = dx + row * width;
      const float inverse = InverseRoot(in, width, epsilon);
      float along = 0;
      if (weight == nullptr) {
#pragma omp simd reduction(+ : along)
        for (size_t i = 0; i < width; i++) along += slope[i] * in[i];
      } else {
#pragma omp simd reduction(+ : along)
        for (size_t i = 0; i < width; i++) along += slope[i] * weight[i] * in[i];
      }
      const float factor = inverse * inverse * along / static_cast<float>(width);
      if (weight == nullptr) {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = inverse * (slope[i] - in[i] * factor);
      } else {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = inverse * (slope[i] * weight[i] - in[i] * factor);
      }
    }
  });
}

void RmsNormAdd(const float* residual, const float* x, const float* weight, float* y, size_t rows, size_t width, float epsilon, float scale) {
  ParallelFor(rows, GrainOf(kGrain, width), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* in = x + row * width;
      const float* stream = residual + row * width;
      float* out = y + row * width;
      const float inverse = InverseRoot(in, width, epsilon);
      if (weight == nullptr) {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = (stream[i] + in[i] * inverse) * scale;
      } else {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = (stream[i] + in[i] * inverse * weight[i]) * scale;
      }
    }
  });
}

namespace {

// One head, turned by the angles whose cosines and sines are given; x and y may be the same.
void Turn(const float* x, const float* cosine, const float* sine, float* y, size_t half, float sign) {
#pragma omp simd
  for (size_t i = 0; i < half; i++) {
    const float first = x[i], second = x[i + half], turned = sign * sine[i];
    y[i] = first * cosine[i] - second * turned;
    y[i + half] = second * cosine[i] + first * turned;
  }
}

// Calls body(head, cosine, sine) for every head of every position, `head` being its number among all.
template <typename Body>
void ForHeads(const RopeTables& tables, size_t rows, size_t heads, size_t width, const Body& body) {
  const size_t half = width / 2;
  ParallelFor(rows, GrainOf(kGrain, heads * width), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const size_t table = (tables.count == 1 ? row % tables.positions : row) * half;
      for (size_t head = row * heads; head < (row + 1) * heads; head++) body(head, tables.cosine + table, tables.sine + table);
    }
  });
}

}  // namespace

void Rope(const float* x, const RopeTables& tables, float* y, size_t rows, size_t heads, size_t width, bool inverse) {
  ForHeads(tables, rows, heads, width, [=](size_t head, const float* cosine, const float* sine) {
    Turn(x + head * width, cosine, sine, y + head * width, width / 2, inverse ? -1.0f : 1.0f);
  });
}

void NormRope(const float* x, const float* weight, const RopeTables& tables, float* y, size_t rows, size_t heads, size_t width,
              float epsilon) {
  ForHeads(tables, rows, heads, width, [=](size_t head, const float* cosine, const float* sine) {
    const float* in = x + head * width;
    float* out = y + head * width;
    const float inverse = InverseRoot(in, width, epsilon);
#pragma omp simd
    for (size_t i = 0; i < width; i++) out[i] = in[i] * inverse * weight[i];
    Turn(out, cosine, sine, out, width / 2, 1.0f);
  });
}

void NormRopeGrad(const float* x, const float* weight, const RopeTables& tables, const float* dy, float* dx, size_t rows, size_t heads,
                  size_t width, float epsilon) {
  ForHeads(tables, rows, heads, width, [=](size_t head, const float* cosine, const float* sine) {
    const float* in = x + head * width;
    float* out = dx + head * width;
    Turn(dy + head * width, cosine, sine, out, width / 2, -1.0f);
    const float inverse = InverseRoot(in, width, epsilon);
    float along = 0;
#pragma omp simd reduction(+ : along)
    for (size_t i = 0; i < width; i++) along += out[i] * weight[i] * in[i];
    const float factor = inverse * inverse * along / static_cast<float>(width);
#pragma omp simd
    for (size_t i = 0; i < width; i++) out[i] = inverse * (out[i] * weight[i] - in[i] * factor);
  });
}

namespace {

// The 32-bit hash "lowbias32" of C. Wellons (nullprogram.com/blog/2018/07/31).
inline uint32_t Scrambled(uint32_t x) {
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

}  // namespace

void Dropout(const float* x, float* y, size_t count, const Dropping& dropping) {
  ParallelFor(count, kGrain, [=](size_t begin, size_t end) {
    const uint32_t limit = dropping.limit, high = dropping.high, first = static_cast<uint32_t>(begin) + dropping.low;
    const float* in = x + begin;
    float* out = y + begin;
    const float factor = dropping.factor;
    // A counter as wide as the hash, so that the compiler makes vectors of both.
    const auto length = static_cast<uint32_t>(end - begin);
#pragma omp simd
    for (uint32_t i = 0; i < length; i++) {
      const uint32_t hash = Scrambled(Scrambled(first + i) + high);
      out[i] = in[i] * (hash < limit ? 0.0f : factor);
    }
  });
}

void Geglu(const float* gate, const float* up, float* y, size_t count) {
  ParallelFor(count, kGrain / 4, [=](size_t begin, size_t end) {
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
      const float g = gate[i];
      const float t = Tanh(kRootTwoOverPi * (g + kCubic * g * g * g));
      y[i] = 0.5f * g * (1.0f + t) * up[i];
    }
  });
}

void GegluGrad(const float* gate, const float* up, const float* dy, float* d_gate, float* d_up, size_t count) {
  ParallelFor(count, kGrain / 4, [=](size_t begin, size_t end) {
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
      const float g = gate[i];
      const float t = Tanh(kRootTwoOverPi * (g + kCubic * g * g * g));
      const float half = 0.5f * (1.0f + t);
      const float inner = kRootTwoOverPi * (1.0f + 3.0f * kCubic * g * g);
      d_gate[i] = dy[i] * up[i] * (half + 0.5f * g * (1.0f - t * t) * inner);
      d_up[i] = dy[i] * g * half;
    }
  });
}

void MaskedSoftmax(const float* scores, const float* valid, float* y, size_t batch, size_t heads, size_t queries, size_t keys, int64_t window,
                   int64_t offset) {
  (void)batch;
  ParallelFor(batch * heads * queries, GrainOf(kGrain, keys * 4), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* in = scores + row * keys;
      const float* sees = valid + row / (heads * queries) * keys;
      float* out = y + row * keys;
      const int64_t at = static_cast<int64_t>(row % queries) + offset;
      const size_t last = static_cast<size_t>(std::max<int64_t>(0, std::min<int64_t>(at + 1, keys)));
      const size_t first = window == 0 ? 0 : std::min<size_t>(last, std::max<int64_t>(0, at - window + 1));
      float highest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : highest)
      for (size_t i = first; i < last; i++) {
        const float score = sees[i] > 0.5f ? in[i] : -1e30f;
        highest = score > highest ? score : highest;
      }
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (size_t i = first; i < last; i++) {
        const float weight = sees[i] > 0.5f ? Exp(in[i] - highest) : 0.0f;
        out[i] = weight;
        sum += weight;
      }
      std::fill(out, out + first, 0.0f);
      std::fill(out + last, out + keys, 0.0f);
      const float factor = sum > 0 ? 1.0f / sum : 0.0f;
#pragma omp simd
      for (size_t i = first; i < last; i++) out[i] *= factor;
    }
  });
}

void SoftmaxGrad(const float* y, const float* dy, float* dx, size_t rows, size_t width) {
  ParallelFor(rows, GrainOf(kGrain, width), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* p = y + row * width;
      const float* slope = dy + row * width;
      float* out = dx + row * width;
      float along = 0;
#pragma omp simd reduction(+ : along)
      for (size_t i = 0; i < width; i++) along += p[i] * slope[i];
#pragma omp simd
      for (size_t i = 0; i < width; i++) out[i] = p[i] * (slope[i] - along);
    }
  });
}

void Softcap(const float* x, float* y, size_t count, float softcap) {
  const float inverse = 1.0f / softcap;
  ParallelFor(count, kGrain / 4, [=](size_t begin, size_t end) {
#pragma omp simd
    for (size_t i = begin; i < end; i++) y[i] = softcap * Tanh(x[i] * inverse);
  });
}

void SoftcapLogSumExp(const float* logits, float* lse, size_t rows, size_t width, float softcap) {
  const float inverse = softcap == 0 ? 0 : 1.0f / softcap;
  ParallelFor(rows, GrainOf(kGrain, width * 4), [=](size_t begin, size_t end) {
    std::vector<float> capped(width);
    float* values = capped.data();
    for (size_t row = begin; row < end; row++) {
      const float* in = logits + row * width;
      float highest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : highest)
      for (size_t i = 0; i < width; i++) {
        values[i] = Capped(in[i], softcap, inverse);
        highest = values[i] > highest ? values[i] : highest;
      }
      // Partial sums of a few thousand terms keep single precision good for a vocabulary of hundreds of thousands.
      double total = 0;
      for (size_t start = 0; start < width; start += 4096) {
        const size_t stop = std::min(width, start + 4096);
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = start; i < stop; i++) sum += Exp(values[i] - highest);
        total += sum;
      }
      lse[row] = static_cast<float>(std::log(total)) + highest;
    }
  });
}

void SoftcapCrossEntropyGrad(const float* logits, const int32_t* targets, const float* lse, const float* dy, float* dx, size_t rows,
                             size_t width, float softcap) {
  const float inverse = softcap == 0 ? 0 : 1.0f / softcap;
  ParallelFor(rows, GrainOf(kGrain, width * 4), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      const float* in = logits + row * width;
      float* out = dx + row * width;
      const float below = lse[row];
      const float slope = dy[row];
      if (softcap == 0) {
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = slope * Exp(in[i] - below);
      } else {
        // Two loops: in one, compilers turn the choice inside the tangent into branches and give up on vectors.
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = Tanh(in[i] * inverse);
#pragma omp simd
        for (size_t i = 0; i < width; i++) out[i] = slope * Exp(softcap * out[i] - below) * (1.0f - out[i] * out[i]);
      }
      const int32_t target = targets[row];
      if (target >= 0 && static_cast<size_t>(target) < width) {
        const float t = Tanh(in[target] * inverse);
        out[target] -= slope * (1.0f - t * t);
      }
    }
  });
}

}  // namespace nlakit
