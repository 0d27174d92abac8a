#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "buffers.h"
#include "parallel.h"

namespace nlakit {
namespace {

// One register, and the tile of c that is kept in registers: kTileRows x kTileVectors accumulators, which leaves room for one row of b
// and a broadcast element of a.
#if defined(__AVX512F__)
constexpr size_t kLanes = 16, kTileVectors = 2, kTileRows = 12;
#elif defined(__AVX2__)
constexpr size_t kLanes = 8, kTileVectors = 2, kTileRows = 6;
#else
constexpr size_t kLanes = 4, kTileVectors = 2, kTileRows = 6;
#endif
typedef float Vector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

constexpr size_t kTileColumns = kLanes * kTileVectors;
// A strip of b (kDepth x kTileColumns) stays in the first cache while the rows of a go by, a block of it (kDepth x kWidth) in the second.
constexpr size_t kDepth = 256;
constexpr size_t kWidth = 512;
// Up to so many rows nothing is gained by packing: the weight is read once, in its own order.
constexpr size_t kFewRows = 8;
// From so many rows on they are divided among the threads, if the right operand is small.
constexpr size_t kManyRows = 512;
// Multiplications that are worth a second thread.
constexpr size_t kWorthAThread = 131072;

size_t Tiles(size_t count, size_t tile) { return (count + tile - 1) / tile; }

#if defined(__AVX512F__)
// 16 rows of 16 values as 16 columns: four rounds of exchanges between registers, at distances 1, 2, 4 and 8.
inline void Transpose16(const float* source, size_t stride, float* target, size_t target_stride) {
  __m512 r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(source + i * stride);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    _mm512_storeu_ps(target + i * target_stride, _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_ps(target + (i + 4) * target_stride, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88));
    _mm512_storeu_ps(target + (i + 8) * target_stride, _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd));
    _mm512_storeu_ps(target + (i + 12) * target_stride, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd));
  }
}
#endif

// Rows of `source`, each `depth` long and `stride` apart, side by side: target[p * tile + row]; rows that are missing become zeros.
template <size_t tile>
void Interleave(const float* source, size_t stride, size_t rows, size_t depth, float* target) {
  constexpr size_t kStep = 16;
  float square[tile][kStep];
  size_t p = 0;
#if defined(__AVX512F__)
  if (tile % 16 == 0 && rows == tile) {
    for (; p + kStep <= depth; p += kStep) {
      for (size_t row = 0; row < tile; row += 16) Transpose16(source + row * stride + p, stride, target + p * tile + row, tile);
    }
  }
#endif
  for (; p + kStep <= depth; p += kStep) {
    for (size_t row = 0; row < tile; row++) {
      if (row < rows) {
        std::memcpy(square[row], source + row * stride + p, sizeof square[row]);
      } else {
        std::memset(square[row], 0, sizeof square[row]);
      }
    }
    for (size_t i = 0; i < kStep; i++) {
      for (size_t row = 0; row < tile; row++) target[(p + i) * tile + row] = square[row][i];
    }
  }
  for (; p < depth; p++) {
    for (size_t row = 0; row < tile; row++) target[p * tile + row] = row < rows ? source[row * stride + p] : 0.0f;
  }
}

// Columns of `source`, whose rows lie `stride` apart: target[p * tile + column].
template <size_t tile>
void Gather(const float* source, size_t stride, size_t columns, size_t depth, float* target) {
  for (size_t p = 0; p < depth; p++) {
    const float* row = source + p * stride;
    float* out = target + p * tile;
    if (columns == tile) {
      std::memcpy(out, row, tile * sizeof(float));
    } else {
      for (size_t column = 0; column < tile; column++) out[column] = column < columns ? row[column] : 0.0f;
    }
  }
}

// A strip of the left operand: element (row, p) lies at data[row * row_stride + p * depth_stride].
struct PackedStrip {
  const float* data;
  float at(size_t row, size_t p) const { return data[p * kTileRows + row]; }
};
// Where the rows are contiguous in p, three of them serve as bases: more would not stay in registers.
struct RowStrip {
  const float* bases[3];
  size_t stride;
  RowStrip(const float* data, size_t row_stride) : stride(row_stride) {
    for (size_t base = 0; base < 3; base++) bases[base] = data + base * (kTileRows / 3) * row_stride;
  }
  float at(size_t row, size_t p) const { return bases[row / (kTileRows / 3)][row % (kTileRows / 3) * stride + p]; }
};
struct ColumnStrip {
  const float* data;
  size_t stride;
  float at(size_t row, size_t p) const { return data[p * stride + row]; }
};

// c (rows x columns of a tile) = base + the product of a strip of a and a strip of b, whose rows are `vectors` wide; without a base, the
// product alone. Rows of c and base lie `stride` apart.
template <size_t vectors, typename Strip>
void MultiplyTile(const Strip& a, const float* b, size_t depth, float* c, const float* base, size_t stride, size_t rows, size_t columns) {
  constexpr size_t kColumns = kLanes * vectors;
  for (size_t row = 0; row < rows; row++) {
    for (size_t v = 0; v < vectors; v++) __builtin_prefetch(c + row * stride + v * kLanes, 1);
  }
  Vector sums[kTileRows][vectors] = {};
  for (size_t p = 0; p < depth; p++) {
    Vector right[vectors];
    for (size_t v = 0; v < vectors; v++) right[v] = *reinterpret_cast<const Vector*>(b + p * kColumns + v * kLanes);
#pragma GCC unroll 12
    for (size_t row = 0; row < kTileRows; row++) {
      const float left = a.at(row, p);
#pragma GCC unroll 2
      for (size_t v = 0; v < vectors; v++) sums[row][v] += left * right[v];
    }
  }
  if (columns == kColumns) {
    for (size_t row = 0; row < rows; row++) {
      for (size_t v = 0; v < vectors; v++) {
        const size_t at = row * stride + v * kLanes;
        *reinterpret_cast<Vector*>(c + at) = base == nullptr ? sums[row][v] : *reinterpret_cast<const Vector*>(base + at) + sums[row][v];
      }
    }
    return;
  }
  float edge[kTileRows][kColumns];
  std::memcpy(edge, sums, sizeof edge);
  for (size_t row = 0; row < rows; row++) {
    for (size_t column = 0; column < columns; column++) {
      const size_t at = row * stride + column;
      c[at] = base == nullptr ? edge[row][column] : base[at] + edge[row][column];
    }
  }
}

// Where the parts of the right operand come from. Pack(k0, depth, n0, columns, target): the strips of a block of b, one after the other.
struct DenseRight {
  const float* b;
  // From one row of it to the next, as it lies in memory.
  size_t stride;
  bool transposed;

  void Pack(size_t k0, size_t depth, size_t n0, size_t columns, float* target) const {
    for (size_t column = 0; column < columns; column += kTileColumns) {
      const size_t width = std::min(kTileColumns, columns - column);
      float* strip = target + column * depth;
      if (transposed) {
        Interleave<kTileColumns>(b + (n0 + column) * stride + k0, stride, width, depth, strip);
      } else {
        Gather<kTileColumns>(b + k0 * stride + n0 + column, stride, width, depth, strip);
      }
    }
  }
  // Row `index` of b as it lies in memory.
  const float* Row(size_t index, float*) const { return b + index * stride; }
  // Rows [index, index + count), soon to be read.
  void Prefetch(size_t index, size_t count) const {
    for (size_t at = 0; at < count * stride; at += 16) __builtin_prefetch(b + index * stride + at);
  }
};

// A weight as it lies, [k, n] of the product.
struct Nf4Right {
  const Nf4Weight& weight;

  void Pack(size_t k0, size_t depth, size_t n0, size_t columns, float* target) const {
    std::vector<float> row(Tiles(columns, kTileColumns) * kTileColumns, 0.0f);
    for (size_t p = 0; p < depth; p++) {
      weight.Unpack((k0 + p) * weight.in + n0, columns, row.data());
      for (size_t column = 0; column < columns; column += kTileColumns) {
        std::memcpy(target + column * depth + p * kTileColumns, row.data() + column, kTileColumns * sizeof(float));
      }
    }
  }
  const float* Row(size_t index, float* memory) const {
    weight.Unpack(index * weight.in, weight.in, memory);
    return memory;
  }
  void Prefetch(size_t index, size_t count) const {
    for (size_t at = 0; at < count * weight.in; at += 128) __builtin_prefetch(weight.codes + (index * weight.in + at) / 2);
  }
};

// The left operand [m, k], or [k, m] if transposed, and where the product goes. Rows lie `stride` apart.
struct Left {
  const float* a;
  size_t stride;
  bool transposed;
};
struct Target {
  float* c;
  size_t stride;
  // What the product is added to, laid out like c, and maybe c itself; null for nothing.
  const float* base;

  const float* BaseAt(size_t at) const { return base == nullptr ? nullptr : base + at; }
};

// c = base, or zeros.
void Begin(const Target& c, size_t m, size_t n) {
  if (c.base == c.c) return;
  for (size_t row = 0; row < m * c.stride; row += c.stride) {
    if (c.base == nullptr) {
      std::fill(c.c + row, c.c + row + n, 0.0f);
    } else {
      std::memcpy(c.c + row, c.base + row, n * sizeof(float));
    }
  }
}

// The sums of four registers, side by side.
inline void Sums(const Vector (&v)[4], float* out) {
#if defined(__AVX2__)
  __m256 half[4];
  for (size_t i = 0; i < 4; i++) {
#if defined(__AVX512F__)
    const __m512 whole = reinterpret_cast<const __m512&>(v[i]);
    half[i] = _mm256_add_ps(_mm512_castps512_ps256(whole), _mm512_extractf32x8_ps(whole, 1));
#else
    half[i] = reinterpret_cast<const __m256&>(v[i]);
#endif
  }
  const __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
#else
  for (size_t i = 0; i < 4; i++) {
    out[i] = 0;
    for (size_t lane = 0; lane < kLanes; lane++) out[i] += v[i][lane];
  }
#endif
}

// out[i * 4 + j] = the product of row i of x with row j of four: sums that do not wait for one another, and each value of x read once for
// four of them.
template <size_t rows>
void Dots(const float* x, size_t stride, const float* const (&right)[4], size_t count, float* out) {
  Vector sums[rows][4] = {};
  size_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    Vector columns[4];
    for (size_t j = 0; j < 4; j++) columns[j] = *reinterpret_cast<const Vector*>(right[j] + p);
    for (size_t i = 0; i < rows; i++) {
      const Vector left = *reinterpret_cast<const Vector*>(x + i * stride + p);
      for (size_t j = 0; j < 4; j++) sums[i][j] += left * columns[j];
    }
  }
  for (size_t i = 0; i < rows; i++) {
    Sums(sums[i], out + i * 4);
    for (size_t q = p; q < count; q++) {
      for (size_t j = 0; j < 4; j++) out[i * 4 + j] += x[i * stride + q] * right[j][q];
    }
  }
}

// A few rows of a (row-major) times b, which is read once.
template <typename Right>
void MultiplyFew(const Left& left, const Right& right, bool transposed, const Target& c, size_t m, size_t n, size_t k) {
  if (transposed) {
    ParallelFor(Tiles(n, 4), GrainOf(8192, 4 * k), [&](size_t begin, size_t end) {
      std::vector<float> memory(4 * k);
      for (size_t column = 4 * begin; column < std::min(n, 4 * end); column += 4) {
        // Beyond the last column its own row stands in, and what comes of it is left out.
        const size_t width = std::min<size_t>(4, n - column);
        const float* rows[4];
        for (size_t j = 0; j < 4; j++) rows[j] = j < width ? right.Row(column + j, memory.data() + j * k) : rows[0];
        // The next rows lie behind these and are read once: asked for now, they are there in time.
        right.Prefetch(column + 4, std::min<size_t>(4, n - std::min(n, column + 4)));
        float products[kFewRows * 4];
        for (size_t i = 0; i < m;) {
          const float* x = left.a + i * left.stride;
          const size_t step = m - i >= 4 ? 4 : 1;
          step == 4 ? Dots<4>(x, left.stride, rows, k, products + i * 4) : Dots<1>(x, left.stride, rows, k, products + i * 4);
          i += step;
        }
        for (size_t i = 0; i < m; i++) {
          for (size_t j = 0; j < width; j++) {
            const size_t at = i * c.stride + column + j;
            c.c[at] = c.base == nullptr ? products[i * 4 + j] : c.base[at] + products[i * 4 + j];
          }
        }
      }
    });
    return;
  }
  // Rows of b are added up, so they are divided by columns only if there are many; here one thread does it all.
  Begin(c, m, n);
  std::vector<float> memory(n);
  for (size_t p = 0; p < k; p++) {
    const float* row = right.Row(p, memory.data());
    for (size_t i = 0; i < m; i++) {
      const float factor = left.a[i * left.stride + p];
      float* out = c.c + i * c.stride;
#pragma omp simd
      for (size_t column = 0; column < n; column++) out[column] += factor * row[column];
    }
  }
}

// The left operand in strips of kTileRows, one block of depth after the other: strip s of the block at k0 begins at
// k0 * padded + s * kTileRows * depth.
class PackedLeft {
 public:
  PackedLeft(const Left& left, size_t m, size_t k) : padded_(Tiles(m, kTileRows) * kTileRows), memory_(padded_ * k) {
    float* const target = memory_.data();
    ParallelFor(Tiles(m, kTileRows), GrainOf(16384, k * kTileRows), [=](size_t begin, size_t end) {
      for (size_t k0 = 0; k0 < k; k0 += kDepth) {
        const size_t depth = std::min(kDepth, k - k0);
        for (size_t row = begin * kTileRows; row < end * kTileRows; row += kTileRows) {
          const size_t rows = std::min(kTileRows, m - row);
          float* at = target + k0 * padded_ + row * depth;
          if (left.transposed) {
            Gather<kTileRows>(left.a + k0 * left.stride + row, left.stride, rows, depth, at);
          } else {
            Interleave<kTileRows>(left.a + row * left.stride + k0, left.stride, rows, depth, at);
          }
        }
      }
    });
  }

  // For one thread, which works through a block of depth at a time.
  struct Reader {
    const PackedLeft& left;
    void Enter(size_t, size_t) {}
    template <typename Body>
    void WithStrip(size_t row, size_t k0, size_t depth, const Body& body) const {
      body(PackedStrip{left.memory_.data() + k0 * left.padded_ + row * depth});
    }
  };
  Reader Read() const { return {*this}; }

 private:
  size_t padded_;
  Scratch memory_;
};

// The left operand as it lies, row-major: for one so small that it stays in the second cache, where a copy would be used too seldom.
class PlainLeft {
 public:
  PlainLeft(const Left& left, size_t m) : left_(left), m_(m) {}

  static bool Fits(const Left& left, size_t m, size_t k) {
    // Rows whose distance is a multiple of a page fall on the same places of the first cache.
    return !left.transposed && m * k <= (size_t{1} << 17) && left.stride % 1024 != 0;
  }

  struct Reader {
    const PlainLeft& left;
    Scratch edge{kDepth * kTileRows};
    // The rows that are too few for a strip would be read beyond the last.
    void Enter(size_t k0, size_t depth) {
      const size_t rows = left.m_ % kTileRows, row = left.m_ - rows;
      if (rows > 0) Interleave<kTileRows>(left.left_.a + row * left.left_.stride + k0, left.left_.stride, rows, depth, edge.data());
    }
    template <typename Body>
    void WithStrip(size_t row, size_t k0, size_t, const Body& body) const {
      if (row + kTileRows > left.m_) {
        body(PackedStrip{edge.data()});
      } else {
        body(RowStrip{left.left_.a + row * left.left_.stride + k0, left.left_.stride});
      }
    }
  };
  Reader Read() const { return {*this}; }

 private:
  Left left_;
  size_t m_;
};

// Rows [row0, row1) and columns [column0, column1) of c; row0 is the beginning of a strip.
template <typename LeftStrips, typename Right>
void MultiplyPart(const LeftStrips& left, const Right& right, const Target& c, size_t k, size_t row0, size_t row1, size_t column0,
                  size_t column1) {
  auto strips = left.Read();
  Scratch block(kDepth * kWidth);
  for (size_t n0 = column0; n0 < column1; n0 += kWidth) {
    const size_t columns = std::min(kWidth, column1 - n0);
    for (size_t k0 = 0; k0 < k; k0 += kDepth) {
      const size_t depth = std::min(kDepth, k - k0);
      right.Pack(k0, depth, n0, columns, block.data());
      strips.Enter(k0, depth);
      for (size_t column = 0; column < columns; column += kTileColumns) {
        const size_t width = std::min(kTileColumns, columns - column);
        for (size_t row = row0; row < row1; row += kTileRows) {
          const size_t at = row * c.stride + n0 + column;
          strips.WithStrip(row, k0, depth, [&](const auto& strip) {
            MultiplyTile<kTileVectors>(strip, block.data() + column * depth, depth, c.c + at, k0 > 0 ? c.c + at : c.BaseAt(at), c.stride,
                                       std::min(kTileRows, row1 - row), width);
          });
        }
      }
    }
  }
}

// Threads divide the columns, so that each packs its own part of b, unless there are too few of them.
template <typename LeftStrips, typename Right>
void MultiplyTiles(const LeftStrips& left, const Right& right, const Target& c, size_t m, size_t n, size_t k) {
  const size_t strips = Tiles(m, kTileRows);
  if (Tiles(n, kTileColumns) >= static_cast<size_t>(ThreadCount()) * 2 || strips < 2) {
    ParallelFor(Tiles(n, kTileColumns), GrainOf(kWorthAThread, m * k * kTileColumns), [&](size_t begin, size_t end) {
      MultiplyPart(left, right, c, k, 0, m, begin * kTileColumns, std::min(n, end * kTileColumns));
    });
  } else {
    ParallelFor(strips, GrainOf(kWorthAThread, kTileRows * n * k), [&](size_t begin, size_t end) {
      MultiplyPart(left, right, c, k, begin * kTileRows, std::min(m, end * kTileRows), 0, n);
    });
  }
}

// A product whose right operand fits the second cache: threads divide the rows, each with that operand packed for itself, in strips of
// `vectors`, and the left operand is read where it lies, as a packed copy would be used too seldom.
template <size_t vectors, typename Right>
void MultiplyByRows(const Left& left, const Right& right, const Target& c, size_t m, size_t n, size_t k) {
  constexpr size_t kColumns = kLanes * vectors;
  const size_t padded = Tiles(n, kTileColumns) * kTileColumns;
  ParallelFor(Tiles(m, kTileRows), GrainOf(kWorthAThread, kTileRows * n * k), [&](size_t begin, size_t end) {
    Scratch block(kDepth * padded), narrow(vectors < kTileVectors ? kDepth * kColumns : 0), edge(kDepth * kTileRows);
    for (size_t k0 = 0; k0 < k; k0 += kDepth) {
      const size_t depth = std::min(kDepth, k - k0);
      right.Pack(k0, depth, 0, n, block.data());
      const float* b = block.data();
      if (vectors < kTileVectors) {
        for (size_t p = 0; p < depth; p++) std::memcpy(narrow.data() + p * kColumns, b + p * kTileColumns, kColumns * sizeof(float));
        b = narrow.data();
      }
      for (size_t strip = begin; strip < end; strip++) {
        const size_t row = strip * kTileRows, rows = std::min(kTileRows, m - row);
        const float* a = left.a + (left.transposed ? k0 * left.stride + row : row * left.stride + k0);
        const auto multiply = [&](const auto& a_strip) {
          for (size_t column = 0; column < n; column += kColumns) {
            const size_t at = row * c.stride + column;
            MultiplyTile<vectors>(a_strip, b + column * depth, depth, c.c + at, k0 > 0 ? c.c + at : c.BaseAt(at), c.stride, rows,
                                  std::min(kColumns, n - column));
          }
        };
        if (rows < kTileRows) {
          if (left.transposed) {
            Gather<kTileRows>(a, left.stride, rows, depth, edge.data());
          } else {
            Interleave<kTileRows>(a, left.stride, rows, depth, edge.data());
          }
          multiply(PackedStrip{edge.data()});
        } else if (left.transposed) {
          multiply(ColumnStrip{a, left.stride});
        } else {
          multiply(RowStrip{a, left.stride});
        }
      }
    }
  });
}

// c = base + a b
template <typename Right>
void Multiply(const Left& left, const Right& right, bool transpose_b, const Target& c, size_t m, size_t n, size_t k) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    Begin(c, m, n);
    return;
  }
  if (m <= kFewRows && !left.transposed && (transpose_b || m * n * k < 65536)) {
    MultiplyFew(left, right, transpose_b, c, m, n, k);
    return;
  }
  if (n <= kLanes) return MultiplyByRows<1>(left, right, c, m, n, k);
  if (n <= kTileColumns || (n <= kWidth && m >= kManyRows)) return MultiplyByRows<kTileVectors>(left, right, c, m, n, k);
  if (PlainLeft::Fits(left, m, k)) return MultiplyTiles(PlainLeft(left, m), right, c, m, n, k);
  MultiplyTiles(PackedLeft(left, m, k), right, c, m, n, k);
}

}  // namespace

void MatMul(const float* a, const float* b, float* c, const Product& product) {
  const auto& [m, n, k, batch, batch_a, batch_b, transpose_a, transpose_b] = product;
  for (size_t index = 0; index < batch; index++) {
    const Left left{a + (batch_a == 1 ? 0 : index * m * k), transpose_a ? m : k, transpose_a};
    const DenseRight right{b + (batch_b == 1 ? 0 : index * k * n), transpose_b ? k : n, transpose_b};
    Multiply(left, right, transpose_b, {c + index * m * n, n, nullptr}, m, n, k);
  }
}

void MultiplyStrided(const Matrix& a, const Matrix& b, float* c, size_t stride, size_t m, size_t n, size_t k, const float* base) {
  Multiply(Left{a.data, a.stride, a.transposed}, DenseRight{b.data, b.stride, b.transposed}, b.transposed, {c, stride, base}, m, n, k);
}

// As (w xᵀ)ᵀ for many rows of x: rows of w come out of their codes as the left operand is read, with nothing to be transposed but the
// result.
void Nf4Linear(const float* x, const Nf4Weight& weight, float* y, size_t rows) {
  const size_t out = weight.out, in = weight.in;
  if (rows <= kFewRows) {
    MultiplyFew(Left{x, in, false}, Nf4Right{weight}, true, {y, out, nullptr}, rows, out, in);
    return;
  }
  for (size_t row0 = 0; row0 < rows; row0 += kWidth) {
    const size_t count = std::min(kWidth, rows - row0);
    const DenseRight right{x + row0 * in, in, true};
    ParallelFor(Tiles(out, kTileRows), GrainOf(kWorthAThread, kTileRows * count * in), [&](size_t begin, size_t end) {
      const size_t first = begin * kTileRows, outs = std::min(out, end * kTileRows) - first;
      Scratch block(kDepth * Tiles(count, kTileColumns) * kTileColumns), strip(kTileRows * kDepth), product(outs * count);
      for (size_t k0 = 0; k0 < in; k0 += kDepth) {
        const size_t depth = std::min(kDepth, in - k0);
        right.Pack(k0, depth, 0, count, block.data());
        for (size_t at = 0; at < outs; at += kTileRows) {
          const size_t height = std::min(kTileRows, outs - at);
          for (size_t row = 0; row < height; row++) {
            weight.Unpack((first + at + row) * in + k0, depth, strip.data() + row * depth);
          }
          // Rows beyond the last are computed from what the memory holds, and not stored.
          for (size_t column = 0; column < count; column += kTileColumns) {
            float* const c = product.data() + at * count + column;
            MultiplyTile<kTileVectors>(RowStrip{strip.data(), depth}, block.data() + column * depth, depth, c, k0 > 0 ? c : nullptr, count,
                                       height, std::min(kTileColumns, count - column));
          }
        }
      }
      constexpr size_t kSquare = 16;
      for (size_t row = 0; row < count; row += kSquare) {
        const size_t row_end = std::min(count, row + kSquare);
        for (size_t at = 0; at < outs; at += kSquare) {
          const size_t at_end = std::min(outs, at + kSquare);
          float* const target = y + (row0 + row) * out + first + at;
#if defined(__AVX512F__)
          if (row_end - row == kSquare && at_end - at == kSquare) {
            Transpose16(product.data() + at * count + row, count, target, out);
            continue;
          }
#endif
          for (size_t i = row; i < row_end; i++) {
            for (size_t j = at; j < at_end; j++) target[(i - row) * out + (j - at)] = product.data()[j * count + i];
          }
        }
      }
    });
  }
}

void Nf4LinearGrad(const float* dy, const Nf4Weight& weight, float* dx, size_t rows) {
  Multiply(Left{dy, weight.out, false}, Nf4Right{weight}, false, {dx, weight.in, nullptr}, rows, weight.in, weight.out);
}

}  // namespace nlakit
