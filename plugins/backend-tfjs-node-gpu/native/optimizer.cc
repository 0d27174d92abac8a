// Compiled without contraction into fused multiply-adds: every operation is rounded as JavaScript rounds it, so that a run may go on
// from the same bytes with and without this code.
#include "optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "parallel.h"

namespace nlakit {
namespace {

// Writes the squared change of every element to `changes`; the caller adds them in order.
void Update(float* p, const float* g, float* m, float* v, size_t count, const StepFactors& factors, double keep, double* changes) {
  const double beta1 = factors.beta1, beta2 = factors.beta2, epsilon = factors.epsilon;
  const double step_size = factors.step_size;
  const double rest1 = 1 - beta1, rest2 = 1 - beta2, inverse2 = 1 / factors.correction2;
#pragma omp simd
  for (size_t i = 0; i < count; i++) {
    const double gradient = g[i];
    const float first = static_cast<float>(beta1 * m[i] + rest1 * gradient);
    const float second = static_cast<float>(beta2 * v[i] + rest2 * gradient * gradient);
    m[i] = first;
    v[i] = second;
    const double before = p[i];
    const double shrunk = static_cast<float>(before * keep);
    const float after = static_cast<float>(shrunk - (step_size * first) / (std::sqrt(static_cast<double>(second)) * inverse2 + epsilon));
    p[i] = after;
    changes[i] = (after - before) * (after - before);
  }
}

// In order: each sum waits for the one before it.
double Sum(const double* values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

// So many blocks are summed side by side, each in order, which takes the time of one.
constexpr size_t kTogether = 8;

// The sums of kTogether rows of `count` values.
void SumRows(const double* values, size_t count, double* sums) {
  double running[kTogether] = {};
  for (size_t i = 0; i < count; i++) {
    for (size_t row = 0; row < kTogether; row++) running[row] += values[row * count + i];
  }
  std::copy(running, running + kTogether, sums);
}

// A comparison with a NaN is false, and what was largest stays, as in JavaScript.
float Largest(const float* values, size_t count) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (size_t lane = 0; lane < kLanes; lane++) {
      const float magnitude = std::fabs(values[i + lane]);
      lanes[lane] = magnitude > lanes[lane] ? magnitude : lanes[lane];
    }
  }
  float largest = 0;
  for (const float lane : lanes) largest = std::max(largest, lane);
  for (; i < count; i++) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

// Finds codes of values divided by the largest of their block.
class Search {
 public:
  explicit Search(const DynamicMap& map) : map_(map) {
#if defined(__AVX512F__)
    // The midpoint between the codes 2i and 2i + 1 on the last level, between 4i + 1 and 4i + 2 on the one before it, and so on.
    for (int level = 0, at = 0; level < 8; level++) {
      const int step = 256 >> level;
      for (int i = 0; i < std::max(16, 1 << level); i++) levels_[at++] = map.midpoints[std::min(i * step + step / 2 - 1, 255)];
    }
#endif
  }

  void Codes(const float* scaled, size_t count, uint8_t* codes) const {
    size_t i = 0;
#if defined(__AVX512F__)
    // Gathers would be slow on processors that guard them against side channels.
    for (; i + 16 <= count; i += 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i), _mm512_cvtepi32_epi8(Codes16(_mm512_loadu_ps(scaled + i))));
    }
#endif
    for (; i < count; i++) {
      uint32_t bits;
      std::memcpy(&bits, scaled + i, 4);
      const uint32_t low = map_.buckets[bits >> 16];
      codes[i] = static_cast<uint8_t>(low + (scaled[i] > map_.midpoints[low]));
    }
  }

 private:
#if defined(__AVX512F__)
  // A binary search: on each level the code gets one bit more.
  __m512i Codes16(__m512 value) const {
    const __m512i one = _mm512_set1_epi32(1);
    __m512i code = _mm512_setzero_si512();
    const auto descend = [&](__m512 midpoint) {
      const __mmask16 above = _mm512_cmp_ps_mask(value, midpoint, _CMP_GT_OQ);
      code = _mm512_add_epi32(code, code);
      code = _mm512_mask_or_epi32(code, above, code, one);
    };
    const auto table = [&](int number) { return _mm512_load_ps(levels_ + 16 * number); };
    const auto entry = [&](int number) { return _mm512_permutex2var_ps(table(number), code, table(number + 1)); };
    for (int level = 0; level < 5; level++) descend(_mm512_permutexvar_ps(code, table(level)));
    descend(entry(5));
    const __mmask16 upper = _mm512_test_epi32_mask(code, _mm512_set1_epi32(32));
    descend(_mm512_mask_mov_ps(entry(7), upper, entry(9)));
    const __mmask16 odd = _mm512_test_epi32_mask(code, _mm512_set1_epi32(32)), half = _mm512_test_epi32_mask(code, _mm512_set1_epi32(64));
    descend(_mm512_mask_mov_ps(_mm512_mask_mov_ps(entry(11), odd, entry(13)), half, _mm512_mask_mov_ps(entry(15), odd, entry(17))));
    return code;
  }

  alignas(64) float levels_[16 * 19];
#endif
  const DynamicMap& map_;
};

// `scaled` is scratch memory.
template <bool is_signed>
void Encode(const Search& search, const float* values, size_t count, float largest, bool floor, float* scaled, uint8_t* codes) {
  const float divisor = largest == 0 ? 1 : largest;
  for (size_t i = 0; i < count; i++) scaled[i] = values[i] / divisor;
  search.Codes(scaled, count, codes);
  for (size_t i = 0; i < count; i++) {
    // 127 is the only zero of the signed map: a negative moment takes the smallest negative entry, so that it stays negative.
    if (is_signed) codes[i] -= (codes[i] == 127) & (values[i] < 0);
    // With a floor, a second moment above zero is not stored as zero.
    if (!is_signed) codes[i] += (codes[i] == 0) & (values[i] > 0) & floor;
  }
}

void Decode(const DynamicMap& map, const uint8_t* codes, size_t count, float largest, float* values) {
  size_t i = 0;
#if defined(__AVX512F__)
  const __m512 factor = _mm512_set1_ps(largest);
  for (; i + 16 <= count; i += 16) {
    const __m512i code = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i)));
    const auto among32 = [&](int first) {
      return _mm512_permutex2var_ps(_mm512_loadu_ps(map.values + first), code, _mm512_loadu_ps(map.values + first + 16));
    };
    const auto among64 = [&](int first) {
      return _mm512_mask_mov_ps(among32(first), _mm512_test_epi32_mask(code, _mm512_set1_epi32(32)), among32(first + 32));
    };
    const auto among128 = [&](int first) {
      return _mm512_mask_mov_ps(among64(first), _mm512_test_epi32_mask(code, _mm512_set1_epi32(64)), among64(first + 64));
    };
    const __m512 value = _mm512_mask_mov_ps(among128(0), _mm512_test_epi32_mask(code, _mm512_set1_epi32(128)), among128(128));
    _mm512_storeu_ps(values + i, _mm512_mul_ps(value, factor));
  }
#endif
  for (; i < count; i++) values[i] = map.values[codes[i]] * largest;
}

// Elements of a piece of work: enough that taking it costs nothing beside it.
constexpr size_t kPiece = 2048;

// A parameter in f32 with at most so many elements is one piece; a larger one is shared out on its own.
constexpr size_t kWhole = 8192;

// Elements that are worth a second thread.
constexpr double kGrain = 512;

// Blocks of a quantized parameter, or the whole of another.
struct Piece {
  const Parameter* parameter;
  size_t begin, end;
  double* sums;
};

// Memory that a thread works in.
struct Memory {
  explicit Memory(size_t block) : first(block), second(block), scaled(block), changes(std::max(block * kTogether, kWhole)) {}
  std::vector<float> first, second, scaled;
  std::vector<double> changes;
};

class BlockUpdate {
 public:
  BlockUpdate(const Quantization& quantization, const StepFactors& factors)
      : quantization_(quantization),
        factors_(factors),
        signed_search_(quantization.signed_map),
        unsigned_search_(quantization.unsigned_map) {}

  void operator()(const Piece& piece, Memory& memory) const {
    const size_t block = quantization_.block;
    double* const changes = memory.changes.data();
    // The last block of a parameter may be shorter than its row.
    const size_t whole = std::min(piece.end, piece.parameter->count / block);
    double* sums = piece.sums;
    size_t index = piece.begin;
    for (; index + kTogether <= whole; index += kTogether, sums += kTogether) {
      for (size_t row = 0; row < kTogether; row++) Step(*piece.parameter, index + row, memory, changes + row * block);
      SumRows(changes, block, sums);
    }
    for (; index < piece.end; index++, sums++) {
      const size_t size = Step(*piece.parameter, index, memory, changes);
      *sums = Sum(changes, size);
    }
  }

 private:
  // Returns how many elements the block has.
  size_t Step(const Parameter& parameter, size_t index, Memory& memory, double* changes) const {
    const size_t start = index * quantization_.block;
    const size_t size = std::min(quantization_.block, parameter.count - start);
    float* const first = memory.first.data();
    float* const second = memory.second.data();
    float& largest1 = parameter.absmax1[index];
    float& largest2 = parameter.absmax2[index];
    Decode(quantization_.signed_map, parameter.codes1 + start, size, largest1, first);
    Decode(quantization_.unsigned_map, parameter.codes2 + start, size, largest2, second);
    Update(parameter.p + start, parameter.g + start, first, second, size, factors_, parameter.keep, changes);
    largest1 = Largest(first, size);
    largest2 = Largest(second, size);
    Encode<true>(signed_search_, first, size, largest1, quantization_.floor, memory.scaled.data(), parameter.codes1 + start);
    Encode<false>(unsigned_search_, second, size, largest2, quantization_.floor, memory.scaled.data(), parameter.codes2 + start);
    return size;
  }

  const Quantization& quantization_;
  const StepFactors& factors_;
  const Search signed_search_, unsigned_search_;
};

double UpdateShared(const Parameter& at, const StepFactors& factors) {
  // As much at a time as stays in the cache until it is summed.
  constexpr size_t kPart = 65536;
  const std::unique_ptr<double[]> changes(new double[std::min(at.count, kPart)]);
  double sum = 0;
  for (size_t start = 0; start < at.count; start += kPart) {
    const size_t size = std::min(kPart, at.count - start);
    ParallelFor(size, kGrain, [&](size_t begin, size_t end) {
      const size_t from = start + begin;
      Update(at.p + from, at.g + from, at.m + from, at.v + from, end - begin, factors, at.keep, changes.get() + begin);
    });
    for (size_t i = 0; i < size; i++) sum += changes[i];
  }
  return sum;
}

}  // namespace

void AdamW(const std::vector<Parameter>& parameters, const StepFactors& factors, const Quantization* quantization, double* sums) {
  const size_t block = quantization == nullptr ? 0 : quantization->block;
  const auto blocks_of = [&](const Parameter& parameter) { return parameter.quantized() ? (parameter.count + block - 1) / block : 0; };
  size_t blocks = 0;
  for (const Parameter& parameter : parameters) blocks += blocks_of(parameter);
  const std::unique_ptr<double[]> block_sums(new double[blocks]);

  // Many parameters are small: all are shared out together, the next piece to whoever is ready.
  std::vector<Piece> pieces;
  size_t elements = 0;
  double* next_sums = block_sums.get();
  for (const Parameter& parameter : parameters) {
    if (parameter.quantized()) {
      const size_t count = blocks_of(parameter), step = std::max<size_t>(1, kPiece / block);
      for (size_t begin = 0; begin < count; begin += step) {
        pieces.push_back({&parameter, begin, std::min(begin + step, count), next_sums + begin});
      }
      next_sums += count;
    } else if (parameter.count <= kWhole) {
      pieces.push_back({&parameter, 0, parameter.count, sums + (&parameter - parameters.data())});
    } else {
      continue;
    }
    elements += parameter.count;
  }
  std::unique_ptr<BlockUpdate> update_blocks;
  if (quantization != nullptr) update_blocks.reset(new BlockUpdate(*quantization, factors));
  std::atomic<size_t> taken{0};
  ParallelFor(elements, kGrain, [&](size_t, size_t) {
    Memory memory(block);
    for (size_t index = taken++; index < pieces.size(); index = taken++) {
      const Piece& piece = pieces[index];
      const Parameter& at = *piece.parameter;
      if (at.quantized()) {
        (*update_blocks)(piece, memory);
      } else {
        Update(at.p, at.g, at.m, at.v, at.count, factors, at.keep, memory.changes.data());
        *piece.sums = Sum(memory.changes.data(), at.count);
      }
    }
  });

  next_sums = block_sums.get();
  for (size_t index = 0; index < parameters.size(); index++) {
    const Parameter& parameter = parameters[index];
    const size_t count = blocks_of(parameter);
    if (parameter.quantized()) {
      sums[index] = Sum(next_sums, count);
    } else if (parameter.count > kWhole) {
      sums[index] = UpdateShared(parameter, factors);
    } else if (parameter.count == 0) {
      sums[index] = 0;
    }
    next_sums += count;
  }
}

}  // namespace nlakit
