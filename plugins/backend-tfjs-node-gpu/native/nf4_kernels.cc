#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels.h"
#include "nf4_block.h"
#include "parallel.h"

namespace nlakit {
namespace {

constexpr size_t kGrain = 65536;

// The 16 values of NF4 (QLoRA, arXiv 2305.14314, appendix E).
constexpr float kValues[16] = {-1.0f,
                               -0.6961928009986877f,
                               -0.5250730514526367f,
                               -0.39491748809814453f,
                               -0.28444138169288635f,
                               -0.18477343022823334f,
                               -0.09105003625154495f,
                               0.0f,
                               0.07958029955625534f,
                               0.16093020141124725f,
                               0.24611230194568634f,
                               0.33791524171829224f,
                               0.44070982933044434f,
                               0.5626170039176941f,
                               0.7229568362236023f,
                               1.0f};

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// To nearest, ties to even; a NaN keeps its sign and stays one.
uint16_t ToBfloat16(float value) {
  const uint32_t bits = Bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float RoundToBfloat16(float value) { return FromBits(static_cast<uint32_t>(ToBfloat16(value)) << 16); }

// To the nearest half-precision number, ties to even, and back: the mantissa loses 13 bits, or more below 2^-14.
float RoundToFloat16(float value) {
  const uint32_t bits = Bits(value);
  const uint32_t sign = bits & 0x80000000u;
  const uint32_t size = bits & 0x7fffffffu;
  if (size >= 0x7f800000u) return value;
  float magnitude = FromBits(size);
  if (magnitude < 6.103515625e-05f) {
    // Subnormal halves are multiples of 2^-24: adding 0.5 leaves exactly those bits of a float.
    magnitude = (magnitude + 0.5f) - 0.5f;
  } else {
    const uint32_t rounded = (size + 0xfffu + ((size >> 13) & 1u)) & ~0x1fffu;
    magnitude = rounded >= 0x47800000u ? FromBits(0x7f800000u) : FromBits(rounded);
  }
  return FromBits(Bits(magnitude) | sign);
}

float Round(float value, Storage storage) {
  if (storage == Storage::kBfloat16) return RoundToBfloat16(value);
  if (storage == Storage::kFloat16) return RoundToFloat16(value);
  return value;
}

// 16 values of a block from 8 bytes, through the block's own table.
#if defined(__AVX512F__)
using Table = __m512;
Table LoadTable(const float* scaled) { return _mm512_loadu_ps(scaled); }
__m128i Nibbles(const uint8_t* codes) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes));
  const __m128i mask = _mm_set1_epi8(15);
  return _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), mask), _mm_and_si128(bytes, mask));
}
__m512 Lookup(const Table& table, const uint8_t* codes) {
  return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(Nibbles(codes)), table);
}
void Store16(const Table& table, const uint8_t* codes, float* y) { _mm512_storeu_ps(y, Lookup(table, codes)); }
// The table holds bfloat16 values already, so the upper halves are exact.
void Store16(const Table& table, const uint8_t* codes, uint16_t* y) {
  const __m512i bits = _mm512_srli_epi32(_mm512_castps_si512(Lookup(table, codes)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_cvtepi32_epi16(bits));
}
#else
struct Table {
  float values[16];
};
Table LoadTable(const float* scaled) {
  Table table;
  std::memcpy(table.values, scaled, sizeof table.values);
  return table;
}
void Store16(const Table& table, const uint8_t* codes, float* y) {
  for (int i = 0; i < 8; i++) {
    y[2 * i] = table.values[codes[i] >> 4];
    y[2 * i + 1] = table.values[codes[i] & 15];
  }
}
void Store16(const Table& table, const uint8_t* codes, uint16_t* y) {
  for (int i = 0; i < 8; i++) {
    y[2 * i] = static_cast<uint16_t>(Bits(table.values[codes[i] >> 4]) >> 16);
    y[2 * i + 1] = static_cast<uint16_t>(Bits(table.values[codes[i] & 15]) >> 16);
  }
}
#endif

void StoreOne(float value, float* y) { *y = value; }
void StoreOne(float value, uint16_t* y) { *y = static_cast<uint16_t>(Bits(value) >> 16); }

// The 16 values of a block, scaled and rounded: done once instead of for every element.
void ScaleTable(float absmax, Storage storage, float* scaled) {
#pragma omp simd
  for (int code = 0; code < 16; code++) scaled[code] = kValues[code] * absmax;
  if (storage == Storage::kFloat32) return;
  if (storage == Storage::kBfloat16 && absmax < 3e38f) {
    // Without the case of NaN, so that it can be done for all 16 at once.
    uint32_t bits[16];
    std::memcpy(bits, scaled, sizeof bits);
#pragma omp simd
    for (int code = 0; code < 16; code++) bits[code] = (bits[code] + 0x7fffu + ((bits[code] >> 16) & 1u)) & 0xffff0000u;
    std::memcpy(scaled, bits, sizeof bits);
    return;
  }
  for (int code = 0; code < 16; code++) scaled[code] = Round(scaled[code], storage);
}

template <typename Out>
void UnpackInto(const uint8_t* codes, const float* absmax, size_t block, Storage storage, size_t start, size_t count, Out* target) {
  alignas(64) float scaled[16];
  const size_t end = start + count;
  for (size_t at = start; at < end;) {
    const size_t index = at / block;
    const size_t stop = std::min(end, (index + 1) * block);
    ScaleTable(absmax[index], storage, scaled);
    const Table table = LoadTable(scaled);
    const auto one = [&] {
      StoreOne(scaled[at % 2 == 0 ? codes[at / 2] >> 4 : codes[at / 2] & 15], target + (at - start));
      at++;
    };
    if (at % 2 != 0) one();
    for (; at + 16 <= stop; at += 16) Store16(table, codes + at / 2, target + (at - start));
    while (at < stop) one();
  }
}

template <typename Out>
void Unpack(const uint8_t* codes, const float* absmax, Out* y, size_t count, size_t block, Storage storage) {
  const size_t blocks = (count + block - 1) / block;
  ParallelFor(blocks, GrainOf(kGrain, block), [=](size_t begin, size_t end) {
    const size_t start = begin * block;
    UnpackInto(codes, absmax, block, storage, start, std::min(count, end * block) - start, y + start);
  });
}

}  // namespace

void UnpackRange(const uint8_t* codes, const float* absmax, size_t block, Storage storage, size_t start, size_t count, float* target) {
  UnpackInto(codes, absmax, block, storage, start, count, target);
}

void Nf4Unpack(const uint8_t* codes, const float* absmax, float* y, size_t count, size_t block, Storage storage) {
  Unpack(codes, absmax, y, count, block, storage);
}

void Nf4UnpackToBfloat16(const uint8_t* codes, const float* absmax, uint16_t* y, size_t count, size_t block) {
  Unpack(codes, absmax, y, count, block, Storage::kBfloat16);
}

void RoundHalf(const float* x, float* y, size_t count, Storage storage) {
  ParallelFor(count, kGrain, [=](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) y[i] = Round(x[i], storage);
  });
}

}  // namespace nlakit
