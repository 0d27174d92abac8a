#include "kernel_table.h"

#include <algorithm>
#include <utility>

#include "attention.h"
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

// residual, x, weight
void ComputeRmsNormAdd(Call& call) {
  const Tensor& x = call.Input(1);
  const int64_t width = LastOf(x.shape);
  const float* weight = WeightAt(call, 2, call.integer(0) != 0, width);
  RmsNormAdd(call.Floats(0, x.count()), call.Floats(1), weight, call.MakeFloats(x.shape), RowsOf(x, width), width, call.number());
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

// x; integers: limit, low, high, the bits of unsigned numbers
void ComputeDropout(Call& call) {
  const auto bits = [&](size_t index) { return static_cast<uint32_t>(call.integer(index)); };
  const Tensor& x = call.Input(0);
  Dropout(call.Floats(0), call.MakeFloats(x.shape), x.count(), {bits(0), bits(1), bits(2), call.number()});
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
void ComputeAttention(Call& call) {
  const AttentionShape shape = AttentionOf(call);
  const float* valid = call.Floats(3, static_cast<int64_t>(shape.batch * shape.keys));
  Attention(call.Floats(0), call.Floats(1), call.Floats(2), valid, call.MakeFloats(call.Input(0).shape), shape);
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

LoraShape LoraOf(const Call& call, size_t x, size_t wide, size_t a, size_t b) {
  const Shape &in = call.Input(x).shape, &out = call.Input(wide).shape, &down = call.Input(a).shape, &up = call.Input(b).shape;
  const bool matrices = in.size() == 2 && out.size() == 2 && down.size() == 2 && up.size() == 2;
  Call::Require(matrices && in[0] == out[0] && down[1] == in[1] && up[0] == out[1] && down[0] == up[1], "the adapter does not fit the linear");
  const auto size = [](int64_t value) { return static_cast<size_t>(value); };
  return {size(in[0]), size(in[1]), size(out[1]), size(down[0]), call.number()};
}

// x, base, a, b
void ComputeLora(Call& call) {
  const LoraShape shape = LoraOf(call, 0, 1, 2, 3);
  const auto rows = static_cast<int64_t>(shape.rows), rank = static_cast<int64_t>(shape.rank);
  float* y = call.MakeFloats(call.Input(1).shape);
  Lora(call.Floats(0), call.Floats(1), call.Floats(2), call.Floats(3), y, call.MakeFloats({rows, rank}), shape);
}

// x, low, a, b, dy
void ComputeLoraGrad(Call& call) {
  const LoraShape shape = LoraOf(call, 0, 4, 2, 3);
  const float* low = call.Floats(1, static_cast<int64_t>(shape.rows * shape.rank));
  float* dx = call.MakeFloats(call.Input(0).shape);
  float* da = call.MakeFloats(call.Input(2).shape);
  float* db = call.MakeFloats(call.Input(3).shape);
  LoraGrad(call.Floats(0), low, call.Floats(2), call.Floats(3), call.Floats(4), dx, da, db, shape);
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

// codes, absmax, left; integers: out, in, block, storage
void ComputeNf4Product(Call& call, bool gradient) {
  const int64_t out = call.integer(0), in = call.integer(1), block = call.integer(2);
  const auto [codes, absmax] = PackedWeight(call, out * in, block);
  const Shape& left = call.Input(2).shape;
  Call::Require(left.size() == 2 && left[1] == (gradient ? out : in), "the left operand does not fit the weight");
  const Nf4Weight weight{codes,          absmax, static_cast<size_t>(out), static_cast<size_t>(in), static_cast<size_t>(block),
                         StorageOf(call.integer(3))};
  float* result = call.MakeFloats({left[0], gradient ? in : out});
  (gradient ? Nf4LinearGrad : Nf4Linear)(call.Floats(2), weight, result, static_cast<size_t>(left[0]));
}
void ComputeNf4Linear(Call& call) { ComputeNf4Product(call, false); }
void ComputeNf4LinearGrad(Call& call) { ComputeNf4Product(call, true); }

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
      {"NlaAttentionGrad", ComputeAttentionGrad},
      {"NlaSoftcapLogSumExp", ComputeSoftcapLogSumExp},
      {"NlaSoftcapCrossEntropyGrad", ComputeSoftcapCrossEntropyGrad},
      {"NlaLora", ComputeLora},
      {"NlaLoraGrad", ComputeLoraGrad},
      {"NlaNf4Linear", ComputeNf4Linear},
      {"NlaNf4LinearGrad", ComputeNf4LinearGrad},
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
