#include "kernel_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "attention.h"
#include "buffers.h"
#include "gemm.h"
#include "kernels.h"
#include "lora.h"
#include "moving.h"

namespace nlakit {
namespace {

int64_t LastOf(const Shape& shape) {
  Call::Require(!shape.empty(), "a scalar has no rows");
  return shape.back();
}

int64_t RowsOf(const Tensor& tensor, int64_t width) { return width == 0 ? 0 : tensor.count() / width; }

Storage StorageOf(int32_t code) {
  Call::Require(code >= 0 && code <= 2, "an unknown storage dtype");
  return static_cast<Storage>(code);
}

// The weight of a norm, which is the input at `index` if the norm has one.
const float* WeightAt(const Call& call, size_t index, bool weighted, int64_t width) {
  return weighted ? call.Floats(index, width) : nullptr;
}

// x, weight; integers: weighted
void ComputeRmsNorm(Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t width = LastOf(x.shape);
  const float* weight = WeightAt(call, 1, call.integer(0) != 0, width);
  RmsNorm(call.Floats(0), weight, call.MakeFloats(x.shape), RowsOf(x, width), width, call.number());
}

// residual, x, weight, and a scale or none
void ComputeRmsNormAdd(Call& call) {
  const Tensor& x = call.Input(1);
  const int64_t width = LastOf(x.shape);
  const float* weight = WeightAt(call, 2, call.integer(0) != 0, width);
  const float scale = call.inputs() > 3 ? *call.Floats(3, 1) : 1;
  RmsNormAdd(call.Floats(0, x.count()), call.Floats(1), weight, call.MakeFloats(x.shape), RowsOf(x, width), width, call.number(), scale);
}

// x, weight, dy
void ComputeRmsNormGrad(Call& call) {
  const Tensor& x = call.Input(0);
  const int64_t width = LastOf(x.shape);
  const float* weight = WeightAt(call, 1, call.integer(0) != 0, width);
  RmsNormGrad(call.Floats(0), weight, call.Floats(2, x.count()), call.MakeFloats(x.shape), RowsOf(x, width), width, call.number());
}

// The tables at `index` and after it, for rows = batch x positions of heads `width` wide.
RopeTables TablesAt(const Call& call, size_t index, int64_t rows, int64_t width) {
  const Shape& shape = call.Input(index).shape;
  Call::Require(shape.size() == 3 && shape[2] * 2 == width && shape[1] > 0 && rows % shape[1] == 0, "the tables of a rotation do not fit it");
  Call::Require(shape[0] == 1 || shape[0] * shape[1] == rows, "a rotation needs one table, or one per row of the batch");
  const int64_t count = CountOf(shape);
  return {call.Floats(index, count), call.Floats(index + 1, count), static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1])};
}

// x, cosine, sine; integers: inverse
void ComputeRope(Call& call) {
  const Shape shape = call.Input(0).shape;
  Call::Require(shape.size() == 4, "a rotation needs [batch, position, head, width]");
  const int64_t rows = shape[0] * shape[1];
  const RopeTables tables = TablesAt(call, 1, rows, shape[3]);
  Rope(call.Floats(0), tables, call.MakeFloats(shape), rows, shape[2], shape[3], call.integer(0) != 0);
}

// x, weight, cosine, sine
void ComputeNormRope(Call& call) {
  const Shape& shape = call.Input(0).shape;
  const int64_t width = call.Input(1).count();
  Call::Require(shape.size() == 2 && width > 0 && shape[1] % width == 0, "a weight is as wide as a head");
  const RopeTables tables = TablesAt(call, 2, shape[0], width);
  const int64_t heads = shape[1] / width, positions = static_cast<int64_t>(tables.positions);
  float* y = call.MakeFloats({shape[0] / positions, positions, heads, width});
  NormRope(call.Floats(0), call.Floats(1), tables, y, shape[0], heads, width, call.number());
}

// x, weight, cosine, sine, dy
void ComputeNormRopeGrad(Call& call) {
  const Shape shape = call.Input(0).shape;
  const int64_t width = call.Input(1).count();
  Call::Require(shape.size() == 2 && width > 0 && shape[1] % width == 0, "a weight is as wide as a head");
  const RopeTables tables = TablesAt(call, 2, shape[0], width);
  const float* dy = call.Floats(4, CountOf(shape));
  NormRopeGrad(call.Floats(0), call.Floats(1), tables, dy, call.MakeFloats(shape), shape[0], shape[1] / width, width, call.number());
}

// What is dropped: limit, low, high and the bits of the factor of what is kept, from integer `index` on. A limit of 0 drops nothing.
struct MaybeDropping {
  Dropping dropping;
  bool any;
  MaybeDropping(const Call& call, size_t index) {
    const auto bits = [&](size_t place) { return static_cast<uint32_t>(call.integer(index + place)); };
    const uint32_t factor = bits(3);
    dropping = {bits(0), bits(1), bits(2), 0};
    std::memcpy(&dropping.factor, &factor, 4);
    any = dropping.limit != 0;
  }
  const Dropping* get() const { return any ? &dropping : nullptr; }
};

// x; integers: dropping
void ComputeDropout(Call& call) {
  const Tensor& x = call.Input(0);
  const MaybeDropping drop(call, 0);
  Call::Require(drop.any, "nothing to drop");
  Dropout(call.Floats(0), call.MakeFloats(x.shape), x.count(), drop.dropping);
}

// gate, up
void ComputeGeglu(Call& call) {
  const Tensor& gate = call.Input(0);
  Geglu(call.Floats(0), call.Floats(1, gate.count()), call.MakeFloats(gate.shape), gate.count());
}

// gate, up, dy
void ComputeGegluGrad(Call& call) {
  const Tensor& gate = call.Input(0);
  const int64_t count = gate.count();
  const float *up = call.Floats(1, count), *dy = call.Floats(2, count);
  float* d_gate = call.MakeFloats(gate.shape);
  GegluGrad(call.Floats(0), up, dy, d_gate, call.MakeFloats(gate.shape), count);
}

// scores, valid; integers: window, offset
void ComputeMaskedSoftmax(Call& call) {
  const Shape shape = call.Input(0).shape;
  Call::Require(shape.size() == 4, "scores are [batch, head, query, key]");
  const float* valid = call.Floats(1, shape[0] * shape[3]);
  MaskedSoftmax(call.Floats(0), valid, call.MakeFloats(shape), shape[0], shape[1], shape[2], shape[3], call.integer(0), call.integer(1));
}

// y, dy
void ComputeSoftmaxGrad(Call& call) {
  const Tensor& y = call.Input(0);
  const int64_t width = LastOf(y.shape);
  SoftmaxGrad(call.Floats(0), call.Floats(1, y.count()), call.MakeFloats(y.shape), RowsOf(y, width), width);
}

AttentionShape AttentionOf(const Call& call) {
  const Shape &q = call.Input(0).shape, &k = call.Input(1).shape;
  Call::Require(q.size() == 4 && k.size() == 4 && q[0] == k[0] && q[3] == k[3] && k[2] > 0 && q[2] % k[2] == 0,
                "queries and keys do not fit together");
  Call::Require(call.Input(2).count() == CountOf(k), "keys and values do not fit together");
  const auto size = [](int64_t extent) { return static_cast<size_t>(extent); };
  return {size(q[0]), size(q[1]), size(k[1]), size(q[2]), size(k[2]), size(q[3]), call.integer(0), call.integer(1), call.number()};
}

// q, k, v, valid; integers: window, offset
void AttentionTo(Call& call, const AttentionShape& shape, const Shape& result) {
  const float* valid = call.Floats(3, static_cast<int64_t>(shape.batch * shape.keys));
  Attention(call.Floats(0), call.Floats(1), call.Floats(2), valid, call.MakeFloats(result), shape);
}
void ComputeAttention(Call& call) { AttentionTo(call, AttentionOf(call), call.Input(0).shape); }
void ComputeAttentionRows(Call& call) {
  const AttentionShape shape = AttentionOf(call);
  const Shape& q = call.Input(0).shape;
  AttentionTo(call, shape, {q[0] * q[1], q[2] * q[3]});
}

// q, k, v, valid, dy
void ComputeAttentionGrad(Call& call) {
  const AttentionShape shape = AttentionOf(call);
  const float* valid = call.Floats(3, static_cast<int64_t>(shape.batch * shape.keys));
  const float* dy = call.Floats(4, call.Input(0).count());
  float* dq = call.MakeFloats(call.Input(0).shape);
  float* dk = call.MakeFloats(call.Input(1).shape);
  float* dv = call.MakeFloats(call.Input(2).shape);
  AttentionGrad(call.Floats(0), call.Floats(1), call.Floats(2), valid, dy, dq, dk, dv, shape);
}

// x
void ComputeSoftcap(Call& call) {
  const Tensor& x = call.Input(0);
  Softcap(call.Floats(0), call.MakeFloats(x.shape), x.count(), call.number());
}

// logits
void ComputeSoftcapLogSumExp(Call& call) {
  const Shape& shape = call.Input(0).shape;
  Call::Require(shape.size() == 2, "logits are [row, vocabulary]");
  SoftcapLogSumExp(call.Floats(0), call.MakeFloats({shape[0]}), shape[0], shape[1], call.number());
}

// logits, targets, lse, dy
void ComputeSoftcapCrossEntropyGrad(Call& call) {
  const Shape& shape = call.Input(0).shape;
  Call::Require(shape.size() == 2, "logits are [row, vocabulary]");
  const Tensor& targets = call.Input(1);
  Call::Require(targets.dtype == TF_INT32 && targets.count() >= shape[0], "one target per row");
  SoftcapCrossEntropyGrad(call.Floats(0), static_cast<const int32_t*>(targets.data), call.Floats(2, shape[0]), call.Floats(3, shape[0]),
                          call.MakeFloats(shape), shape[0], shape[1], call.number());
}

// a, b; integers: transpose a, transpose b
void ComputeMatMul(Call& call) {
  const Shape &left = call.Input(0).shape, &right = call.Input(1).shape;
  const bool transpose_a = call.integer(0) != 0, transpose_b = call.integer(1) != 0;
  Call::Require(left.size() >= 2 && right.size() >= 2, "a product needs matrices");
  const auto extent = [](const Shape& shape, bool last) { return shape[shape.size() - (last ? 1 : 2)]; };
  const int64_t m = extent(left, transpose_a), k = extent(left, !transpose_a), n = extent(right, !transpose_b);
  Call::Require(extent(right, transpose_b) == k, "the inner extents of a product differ");
  const auto batches = [](const Shape& shape) { return CountOf({shape.begin(), shape.end() - 2}); };
  const int64_t batch_a = batches(left), batch_b = batches(right);
  Call::Require(batch_a == batch_b || batch_a == 1 || batch_b == 1, "the batches of a product differ");
  Shape shape(std::max(left.size(), right.size()), 1);
  for (const Shape* own : {&left, &right}) {
    for (size_t back = 3; back <= own->size(); back++) {
      int64_t& extent = shape[shape.size() - back];
      if (extent == 1) extent = (*own)[own->size() - back];
    }
  }
  Call::Require(CountOf({shape.begin(), shape.end() - 2}) == (batch_a == 1 ? batch_b : batch_a), "the batches of a product differ");
  shape[shape.size() - 2] = m;
  shape[shape.size() - 1] = n;
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  MatMul(call.Floats(0), call.Floats(1), call.MakeFloats(shape),
         {size(m), size(n), size(k), size(batch_a == 1 ? batch_b : batch_a), size(batch_a), size(batch_b), transpose_a, transpose_b});
}

// The adapter, a [rank, in] and b [out, rank], of a linear that turns x [rows, in] into [rows, out].
LoraShape LoraOf(const Shape& x, int64_t out, const Shape& a, const Shape& b, float scale) {
  const bool matrices = x.size() == 2 && a.size() == 2 && b.size() == 2;
  Call::Require(matrices && a[1] == x[1] && b[0] == out && a[0] == b[1], "the adapter does not fit the linear");
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  return {size(x[0]), size(x[1]), size(out), size(a[0]), scale};
}

// y += the adapter's term of x, dropped or not; makes the narrow x aᵀ.
void AddLora(Call& call, const float* x, const float* a, const float* b, float* y, const LoraShape& shape, const MaybeDropping& drop) {
  float* low = call.MakeFloats({static_cast<int64_t>(shape.rows), static_cast<int64_t>(shape.rank)});
  Scratch dropped(drop.any ? shape.rows * shape.in : 0);
  if (drop.any) {
    Dropout(x, dropped.data(), shape.rows * shape.in, drop.dropping);
    x = dropped.data();
  }
  Lora(x, y, a, b, y, low, shape);
}

// x, base, a, b
void ComputeLora(Call& call) {
  const Shape& wide = call.Input(1).shape;
  Call::Require(wide.size() == 2 && wide[0] == call.Input(0).shape.at(0), "the adapter does not fit the linear");
  const LoraShape shape = LoraOf(call.Input(0).shape, wide[1], call.Input(2).shape, call.Input(3).shape, call.number());
  const auto rows = static_cast<int64_t>(shape.rows), rank = static_cast<int64_t>(shape.rank);
  float* y = call.MakeFloats(wide);
  Lora(call.Floats(0), call.Floats(1), call.Floats(2), call.Floats(3), y, call.MakeFloats({rows, rank}), shape);
}

// x, low, b, dy
void ComputeLoraPairGrad(Call& call) {
  const Shape &x = call.Input(0).shape, &low = call.Input(1).shape, &dy = call.Input(3).shape;
  Call::Require(x.size() == 2 && low.size() == 2 && dy.size() == 2 && low[0] == x[0] && dy[0] == x[0], "the adapter does not fit the linear");
  const LoraShape shape = LoraOf(x, dy[1], {low[1], x[1]}, call.Input(2).shape, call.number());
  float* da = call.MakeFloats({low[1], x[1]});
  float* db = call.MakeFloats(call.Input(2).shape);
  LoraPairGrad(call.Floats(0), call.Floats(1), call.Floats(2), call.Floats(3), da, db, call.MakeFloats(low), shape);
}

Product PlainProduct(size_t rows, size_t columns, size_t depth, bool transposed) { return {rows, columns, depth, 1, 1, 1, false, transposed}; }

// x, weight, a, b; integers: dropping
void ComputePlainLora(Call& call) {
  const Shape &x = call.Input(0).shape, &weight = call.Input(1).shape;
  Call::Require(weight.size() == 2 && x.size() == 2 && weight[1] == x[1], "the weight does not fit its input");
  const LoraShape shape = LoraOf(x, weight[0], call.Input(2).shape, call.Input(3).shape, call.number());
  float* y = call.MakeFloats({x[0], weight[0]});
  MatMul(call.Floats(0), call.Floats(1), y, PlainProduct(shape.rows, shape.out, shape.in, true));
  AddLora(call, call.Floats(0), call.Floats(2), call.Floats(3), y, shape, MaybeDropping(call, 0));
}

// The adapter's term in the gradient of the input of a linear, added to it: d_low and a are the inputs at `index` and after it.
void AddLoraInput(Call& call, size_t index, float* dx, int64_t rows, int64_t in, const MaybeDropping& drop) {
  const Shape &d_low = call.Input(index).shape, &a = call.Input(index + 1).shape;
  Call::Require(d_low.size() == 2 && a.size() == 2 && d_low[0] == rows && a[1] == in && a[0] == d_low[1], "the adapter does not fit the linear");
  const LoraShape shape{static_cast<size_t>(rows), static_cast<size_t>(in), 0, static_cast<size_t>(a[0]), 1};
  AddLoraInputGrad(call.Floats(index), call.Floats(index + 1), dx, shape, drop.get());
}

// dy, weight, d_low, a; integers: dropping
void ComputePlainLoraInputGrad(Call& call) {
  const Shape &dy = call.Input(0).shape, &weight = call.Input(1).shape;
  Call::Require(weight.size() == 2 && dy.size() == 2 && weight[0] == dy[1], "the weight does not fit the gradient");
  float* dx = call.MakeFloats({dy[0], weight[1]});
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  MatMul(call.Floats(0), call.Floats(1), dx, PlainProduct(size(dy[0]), size(weight[1]), size(dy[1]), false));
  AddLoraInput(call, 2, dx, dy[0], weight[1], MaybeDropping(call, 0));
}

// Codes and scales of a weight of `count` values, the first two inputs, checked against their sizes.
std::pair<const uint8_t*, const float*> PackedWeight(const Call& call, int64_t count, int64_t block) {
  Call::Require(block > 0 && block % 2 == 0, "blocks have an even size");
  const Tensor& codes = call.Input(0);
  Call::Require(codes.dtype == TF_INT32 && codes.count() * 8 >= count, "fewer codes than the shape needs");
  return {static_cast<const uint8_t*>(codes.data), call.Floats(1, (count + block - 1) / block)};
}

// codes, absmax; integers: rows, columns, block, storage
void ComputeNf4Unpack(Call& call) {
  const int64_t rows = call.integer(0), columns = call.integer(1), block = call.integer(2);
  const auto [codes, absmax] = PackedWeight(call, rows * columns, block);
  Nf4Unpack(codes, absmax, call.MakeFloats({rows, columns}), rows * columns, block, StorageOf(call.integer(3)));
}

// The weight in codes and absmax, the first two inputs; integers: out, in, block, storage
Nf4Weight Nf4WeightOf(const Call& call) {
  const int64_t out = call.integer(0), in = call.integer(1), block = call.integer(2);
  const auto [codes, absmax] = PackedWeight(call, out * in, block);
  return {codes, absmax, static_cast<size_t>(out), static_cast<size_t>(in), static_cast<size_t>(block), StorageOf(call.integer(3))};
}

// codes, absmax, left; integers of the weight. Makes the product.
float* Nf4Product(Call& call, bool gradient) {
  const Nf4Weight weight = Nf4WeightOf(call);
  const auto [from, to] = gradient ? std::pair(weight.out, weight.in) : std::pair(weight.in, weight.out);
  const Shape& left = call.Input(2).shape;
  Call::Require(left.size() == 2 && left[1] == static_cast<int64_t>(from), "the left operand does not fit the weight");
  float* result = call.MakeFloats({left[0], static_cast<int64_t>(to)});
  (gradient ? Nf4LinearGrad : Nf4Linear)(call.Floats(2), weight, result, static_cast<size_t>(left[0]));
  return result;
}
void ComputeNf4Linear(Call& call) { Nf4Product(call, false); }
void ComputeNf4LinearGrad(Call& call) { Nf4Product(call, true); }

// codes, absmax, x, a, b; integers of the weight, dropping
void ComputeNf4Lora(Call& call) {
  float* y = Nf4Product(call, false);
  const LoraShape shape = LoraOf(call.Input(2).shape, call.integer(0), call.Input(3).shape, call.Input(4).shape, call.number());
  AddLora(call, call.Floats(2), call.Floats(3), call.Floats(4), y, shape, MaybeDropping(call, 4));
}

// codes, absmax, dy, d_low, a; integers of the weight, dropping
void ComputeNf4LoraInputGrad(Call& call) {
  float* dx = Nf4Product(call, true);
  AddLoraInput(call, 3, dx, call.Input(2).shape[0], call.integer(1), MaybeDropping(call, 4));
}

// codes, absmax; integers: rows, columns, block
void ComputeNf4UnpackToBfloat16(Call& call) {
  const int64_t rows = call.integer(0), columns = call.integer(1), block = call.integer(2);
  const auto [codes, absmax] = PackedWeight(call, rows * columns, block);
  Nf4UnpackToBfloat16(codes, absmax, static_cast<uint16_t*>(call.Make(TF_BFLOAT16, {rows, columns})), rows * columns, block);
}

// x; integers: storage
void ComputeRoundHalf(Call& call) {
  const Tensor& x = call.Input(0);
  RoundHalf(call.Floats(0), call.MakeFloats(x.shape), x.count(), StorageOf(call.integer(0)));
}

}  // namespace

const std::vector<Kernel>& Kernels() {
  static const std::vector<Kernel> kernels = {
      {"NlaRmsNorm", ComputeRmsNorm},
      {"NlaRmsNormAdd", ComputeRmsNormAdd},
      {"NlaRmsNormAddScaled", ComputeRmsNormAdd},
      {"NlaRmsNormGrad", ComputeRmsNormGrad},
      {"NlaRope", ComputeRope},
      {"NlaNormRope", ComputeNormRope},
      {"NlaNormRopeGrad", ComputeNormRopeGrad},
      {"NlaDropout", ComputeDropout},
      {"NlaGeglu", ComputeGeglu},
      {"NlaGegluGrad", ComputeGegluGrad},
      {"NlaMaskedSoftmax", ComputeMaskedSoftmax},
      {"NlaSoftmaxGrad", ComputeSoftmaxGrad},
      {"NlaAttention", ComputeAttention},
      {"NlaAttentionRows", ComputeAttentionRows},
      {"NlaAttentionGrad", ComputeAttentionGrad},
      {"NlaSoftcap", ComputeSoftcap},
      {"NlaSoftcapLogSumExp", ComputeSoftcapLogSumExp},
      {"NlaSoftcapCrossEntropyGrad", ComputeSoftcapCrossEntropyGrad},
      {"NlaLora", ComputeLora},
      {"NlaLoraPairGrad", ComputeLoraPairGrad},
      {"NlaPlainLora", ComputePlainLora},
      {"NlaPlainLoraInputGrad", ComputePlainLoraInputGrad},
      {"NlaNf4Linear", ComputeNf4Linear},
      {"NlaNf4LinearGrad", ComputeNf4LinearGrad},
      {"NlaNf4Lora", ComputeNf4Lora},
      {"NlaNf4LoraInputGrad", ComputeNf4LoraInputGrad},
      {"NlaNf4Unpack", ComputeNf4Unpack},
      {"NlaNf4UnpackToBfloat16", ComputeNf4UnpackToBfloat16},
      {"NlaRoundHalf", ComputeRoundHalf},
      {"BatchMatMul", ComputeMatMul},
      {"Reshape", ComputeReshape},
      {"Transpose", ComputeTranspose},
      {"Concat", ComputeConcat},
      {"SplitV", ComputeSplit},
      {"Slice", ComputeSlice},
      {"GatherV2", ComputeGather},
      {"Add", ComputeAdd},
      {"Sub", ComputeSubtract},
      {"Multiply", ComputeMultiply},
  };
  return kernels;
}

}  // namespace nlakit
