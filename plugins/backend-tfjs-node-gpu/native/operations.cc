// Our kernels as TensorFlow operations ("Nlakit…"), so that the tensors of tfjs-node go in and out by handle and are never copied.
#include "operations.h"

#include <array>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <utility>
#include <vector>

#include "buffers.h"
#include "gemm.h"
#include "kernels.h"
#include "tensorflow_c.h"

namespace nlakit {
namespace {

constexpr int kMostIntegers = 6;
constexpr int kInvalidArgument = 3;

// Attributes of one use of an operation: integers by position, and at most one number.
struct Attributes {
  std::array<int32_t, kMostIntegers> integers{};
  float number = 0;
};

// What a kernel sees of its call.
class Call {
 public:
  Call(TF_OpKernelContext* context, const Attributes& attributes) : attributes(attributes), context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    for (TF_Tensor* tensor : inputs_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  TF_Tensor* Input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_);
    Check();
    inputs_.push_back(tensor);
    return tensor;
  }
  const float* Floats(TF_Tensor* tensor, int64_t count) {
    Require(TF_TensorElementCount(tensor) >= count, "an input has fewer elements than its attributes say");
    return static_cast<const float*>(TF_TensorData(tensor));
  }

  // A new output in memory of ours, which returns there when TensorFlow lets go of it.
  template <typename Value>
  Value* Output(int index, TF_DataType type, const std::vector<int64_t>& shape) {
    size_t bytes = sizeof(Value);
    for (const int64_t extent : shape) bytes *= static_cast<size_t>(extent);
    void* data = TakeBuffer(bytes);
    const auto give = [](void* memory, size_t size, void*) { GiveBuffer(memory, size); };
    TF_Tensor* tensor = TF_NewTensor(type, shape.data(), static_cast<int>(shape.size()), data, bytes, give, nullptr);
    TF_SetOutput(context_, index, tensor, status_);
    Value* memory = static_cast<Value*>(TF_TensorData(tensor));
    TF_DeleteTensor(tensor);
    Check();
    return memory;
  }
  float* Output(int index, const std::vector<int64_t>& shape) { return Output<float>(index, TF_FLOAT, shape); }

  static void Require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
  }

  const Attributes& attributes;

 private:
  void Check() {
    if (TF_GetCode(status_) != 0) throw std::runtime_error(TF_Message(status_));
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_;
};

std::vector<int64_t> ShapeOf(const TF_Tensor* tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t axis = 0; axis < shape.size(); axis++) shape[axis] = TF_Dim(tensor, static_cast<int>(axis));
  return shape;
}

int64_t LastOf(const std::vector<int64_t>& shape) {
  Call::Require(!shape.empty(), "a scalar has no rows");
  return shape.back();
}

int64_t Count(const TF_Tensor* tensor) { return TF_TensorElementCount(tensor); }

int64_t RowsOf(const TF_Tensor* tensor, int64_t width) { return width == 0 ? 0 : Count(tensor) / width; }

Storage StorageOf(int32_t code) {
  Call::Require(code >= 0 && code <= 2, "an unknown storage dtype");
  return static_cast<Storage>(code);
}

struct Operation {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> integers;
  const char* number;
  void (*compute)(Call&);
};

void ComputeRmsNorm(Call& call) {
  TF_Tensor* x = call.Input(0);
  const auto shape = ShapeOf(x);
  const int64_t width = LastOf(shape);
  const bool weighted = call.attributes.integers[0] != 0;
  const float* weight = weighted ? call.Floats(call.Input(1), width) : nullptr;
  RmsNorm(call.Floats(x, Count(x)), weight, call.Output(0, shape), RowsOf(x, width), width, call.attributes.number);
}

void ComputeRmsNormGrad(Call& call) {
  TF_Tensor* x = call.Input(0);
  const auto shape = ShapeOf(x);
  const int64_t width = LastOf(shape);
  const bool weighted = call.attributes.integers[0] != 0;
  const float* weight = weighted ? call.Floats(call.Input(1), width) : nullptr;
  const float* dy = call.Floats(call.Input(2), Count(x));
  RmsNormGrad(call.Floats(x, Count(x)), weight, dy, call.Output(0, shape), RowsOf(x, width), width, call.attributes.number);
}

void ComputeRope(Call& call) {
  TF_Tensor* x = call.Input(0);
  TF_Tensor* cosine = call.Input(1);
  const auto shape = ShapeOf(x);
  Call::Require(shape.size() == 4 && shape[3] % 2 == 0 && TF_NumDims(cosine) == 3, "rope needs [batch, position, head, even width]");
  const int64_t tables = TF_Dim(cosine, 0);
  Call::Require(tables == 1 || tables == shape[0], "rope needs one table, or one per row of the batch");
  const int64_t size = tables * shape[1] * shape[3] / 2;
  Rope(call.Floats(x, Count(x)), call.Floats(cosine, size), call.Floats(call.Input(2), size), call.Output(0, shape), shape[0], shape[1],
       shape[2], shape[3], tables, call.attributes.integers[0] != 0);
}

void ComputeGeglu(Call& call) {
  TF_Tensor* gate = call.Input(0);
  const int64_t count = Count(gate);
  Geglu(call.Floats(gate, count), call.Floats(call.Input(1), count), call.Output(0, ShapeOf(gate)), count);
}

void ComputeGegluGrad(Call& call) {
  TF_Tensor* gate = call.Input(0);
  const auto shape = ShapeOf(gate);
  const int64_t count = Count(gate);
  const float* up = call.Floats(call.Input(1), count);
  const float* dy = call.Floats(call.Input(2), count);
  GegluGrad(call.Floats(gate, count), up, dy, call.Output(0, shape), call.Output(1, shape), count);
}

void ComputeMaskedSoftmax(Call& call) {
  TF_Tensor* scores = call.Input(0);
  const auto shape = ShapeOf(scores);
  Call::Require(shape.size() == 4, "scores are [batch, head, query, key]");
  const float* valid = call.Floats(call.Input(1), shape[0] * shape[3]);
  MaskedSoftmax(call.Floats(scores, Count(scores)), valid, call.Output(0, shape), shape[0], shape[1], shape[2], shape[3],
                call.attributes.integers[0], call.attributes.integers[1]);
}

void ComputeSoftmaxGrad(Call& call) {
  TF_Tensor* y = call.Input(0);
  const auto shape = ShapeOf(y);
  const int64_t width = LastOf(shape);
  SoftmaxGrad(call.Floats(y, Count(y)), call.Floats(call.Input(1), Count(y)), call.Output(0, shape), RowsOf(y, width), width);
}

void ComputeSoftcapLogSumExp(Call& call) {
  TF_Tensor* logits = call.Input(0);
  const auto shape = ShapeOf(logits);
  Call::Require(shape.size() == 2, "logits are [row, vocabulary]");
  SoftcapLogSumExp(call.Floats(logits, Count(logits)), call.Output(0, {shape[0]}), shape[0], shape[1], call.attributes.number);
}

void ComputeSoftcapCrossEntropyGrad(Call& call) {
  TF_Tensor* logits = call.Input(0);
  const auto shape = ShapeOf(logits);
  Call::Require(shape.size() == 2, "logits are [row, vocabulary]");
  TF_Tensor* targets = call.Input(1);
  Call::Require(Count(targets) >= shape[0], "one target per row");
  SoftcapCrossEntropyGrad(call.Floats(logits, Count(logits)), static_cast<const int32_t*>(TF_TensorData(targets)),
                          call.Floats(call.Input(2), shape[0]), call.Floats(call.Input(3), shape[0]), call.Output(0, shape), shape[0],
                          shape[1], call.attributes.number);
}

void ComputeMatMul(Call& call) {
  TF_Tensor* a = call.Input(0);
  TF_Tensor* b = call.Input(1);
  const bool transpose_a = call.attributes.integers[0] != 0, transpose_b = call.attributes.integers[1] != 0;
  const auto left = ShapeOf(a), right = ShapeOf(b);
  Call::Require(left.size() >= 2 && right.size() >= 2, "a product needs matrices");
  const auto extent = [](const std::vector<int64_t>& shape, bool last) { return shape[shape.size() - (last ? 1 : 2)]; };
  const int64_t m = extent(left, transpose_a), k = extent(left, !transpose_a), n = extent(right, !transpose_b);
  Call::Require(extent(right, transpose_b) == k, "the inner extents of a product differ");
  const auto batches = [](const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (size_t axis = 0; axis + 2 < shape.size(); axis++) count *= shape[axis];
    return count;
  };
  const int64_t batch_a = batches(left), batch_b = batches(right);
  Call::Require(batch_a == batch_b || batch_a == 1 || batch_b == 1, "the batches of a product differ");
  auto shape = batch_a >= batch_b && left.size() >= right.size() ? left : right;
  shape[shape.size() - 2] = m;
  shape[shape.size() - 1] = n;
  const size_t batch = batch_a == 1 ? batch_b : batch_a;
  MatMul(call.Floats(a, Count(a)), call.Floats(b, Count(b)), call.Output(0, shape),
         {static_cast<size_t>(m), static_cast<size_t>(n), static_cast<size_t>(k), batch, static_cast<size_t>(batch_a),
          static_cast<size_t>(batch_b), transpose_a, transpose_b});
}

void ComputeLoraUp(Call& call) {
  TF_Tensor* base = call.Input(0);
  TF_Tensor* b = call.Input(2);
  const auto shape = ShapeOf(base);
  Call::Require(shape.size() == 2 && TF_NumDims(b) == 2 && TF_Dim(b, 0) == shape[1], "the adapter does not fit the linear");
  const int64_t rank = TF_Dim(b, 1);
  LoraUp(call.Floats(base, Count(base)), call.Floats(call.Input(1), shape[0] * rank), call.Floats(b, Count(b)), call.Output(0, shape),
         shape[0], shape[1], rank, call.attributes.number);
}

void ComputeLoraUpGrad(Call& call) {
  TF_Tensor* dy = call.Input(0);
  TF_Tensor* b = call.Input(2);
  const auto shape = ShapeOf(dy);
  Call::Require(shape.size() == 2 && TF_NumDims(b) == 2 && TF_Dim(b, 0) == shape[1], "the adapter does not fit the linear");
  const int64_t rank = TF_Dim(b, 1);
  const float* low = call.Floats(call.Input(1), shape[0] * rank);
  LoraUpGrad(call.Floats(dy, Count(dy)), low, call.Floats(b, Count(b)), call.Output(0, {shape[0], rank}), call.Output(1, {shape[1], rank}),
             shape[0], shape[1], rank, call.attributes.number);
}

// Codes and scales of a weight of `count` values, checked against their sizes.
std::pair<const uint8_t*, const float*> PackedWeight(Call& call, int64_t count, int64_t block) {
  Call::Require(block > 0 && block % 2 == 0, "blocks have an even size");
  TF_Tensor* codes = call.Input(0);
  Call::Require(Count(codes) * 8 >= count, "fewer codes than the shape needs");
  const float* absmax = call.Floats(call.Input(1), (count + block - 1) / block);
  return {static_cast<const uint8_t*>(TF_TensorData(codes)), absmax};
}

void ComputeNf4Unpack(Call& call) {
  const auto& integers = call.attributes.integers;
  const int64_t count = static_cast<int64_t>(integers[0]) * integers[1];
  const auto [codes, absmax] = PackedWeight(call, count, integers[2]);
  Nf4Unpack(codes, absmax, call.Output(0, {integers[0], integers[1]}), count, integers[2], StorageOf(integers[3]));
}

void ComputeNf4Product(Call& call, bool gradient) {
  const auto& integers = call.attributes.integers;
  const int64_t out = integers[0], in = integers[1];
  const auto [codes, absmax] = PackedWeight(call, out * in, integers[2]);
  TF_Tensor* left = call.Input(2);
  const auto shape = ShapeOf(left);
  Call::Require(shape.size() == 2 && shape[1] == (gradient ? out : in), "the left operand does not fit the weight");
  const Nf4Weight weight{codes, absmax, static_cast<size_t>(out), static_cast<size_t>(in), static_cast<size_t>(integers[2]),
                         StorageOf(integers[3])};
  float* result = call.Output(0, {shape[0], gradient ? in : out});
  (gradient ? Nf4LinearGrad : Nf4Linear)(call.Floats(left, Count(left)), weight, result, shape[0]);
}
void ComputeNf4Linear(Call& call) { ComputeNf4Product(call, false); }
void ComputeNf4LinearGrad(Call& call) { ComputeNf4Product(call, true); }

void ComputeNf4UnpackToBfloat16(Call& call) {
  const auto& integers = call.attributes.integers;
  const int64_t count = static_cast<int64_t>(integers[0]) * integers[1];
  const auto [codes, absmax] = PackedWeight(call, count, integers[2]);
  Nf4UnpackToBfloat16(codes, absmax, call.Output<uint16_t>(0, TF_BFLOAT16, {integers[0], integers[1]}), count, integers[2]);
}

void ComputeRoundHalf(Call& call) {
  TF_Tensor* x = call.Input(0);
  RoundHalf(call.Floats(x, Count(x)), call.Output(0, ShapeOf(x)), Count(x), StorageOf(call.attributes.integers[0]));
}

const std::vector<Operation>& Operations() {
  static const std::vector<Operation> operations = {
      {"NlakitRmsNorm", {"x: float", "weight: float"}, {"y: float"}, {"weighted"}, "epsilon", ComputeRmsNorm},
      {"NlakitRmsNormGrad", {"x: float", "weight: float", "dy: float"}, {"dx: float"}, {"weighted"}, "epsilon", ComputeRmsNormGrad},
      {"NlakitRope", {"x: float", "cosine: float", "sine: float"}, {"y: float"}, {"inverse"}, nullptr, ComputeRope},
      {"NlakitGeglu", {"gate: float", "up: float"}, {"y: float"}, {}, nullptr, ComputeGeglu},
      {"NlakitGegluGrad", {"gate: float", "up: float", "dy: float"}, {"d_gate: float", "d_up: float"}, {}, nullptr, ComputeGegluGrad},
      {"NlakitMaskedSoftmax", {"scores: float", "valid: float"}, {"y: float"}, {"window", "offset"}, nullptr, ComputeMaskedSoftmax},
      {"NlakitSoftmaxGrad", {"y: float", "dy: float"}, {"dx: float"}, {}, nullptr, ComputeSoftmaxGrad},
      {"NlakitSoftcapLogSumExp", {"logits: float"}, {"lse: float"}, {}, "softcap", ComputeSoftcapLogSumExp},
      {"NlakitSoftcapCrossEntropyGrad",
       {"logits: float", "targets: int32", "lse: float", "dy: float"},
       {"dx: float"},
       {},
       "softcap",
       ComputeSoftcapCrossEntropyGrad},
      {"NlakitMatMul", {"a: float", "b: float"}, {"c: float"}, {"transpose_a", "transpose_b"}, nullptr, ComputeMatMul},
      {"NlakitLoraUp", {"base: float", "low: float", "b: float"}, {"y: float"}, {}, "scale", ComputeLoraUp},
      {"NlakitLoraUpGrad", {"dy: float", "low: float", "b: float"}, {"d_low: float", "d_b: float"}, {}, "scale", ComputeLoraUpGrad},
      {"NlakitNf4Linear",
       {"codes: int32", "absmax: float", "x: float"},
       {"y: float"},
       {"out", "in", "block", "storage"},
       nullptr,
       ComputeNf4Linear},
      {"NlakitNf4LinearGrad",
       {"codes: int32", "absmax: float", "dy: float"},
       {"dx: float"},
       {"out", "in", "block", "storage"},
       nullptr,
       ComputeNf4LinearGrad},
      {"NlakitNf4Unpack", {"codes: int32", "absmax: float"}, {"y: float"}, {"rows", "columns", "block", "storage"}, nullptr, ComputeNf4Unpack},
      {"NlakitNf4UnpackToBfloat16",
       {"codes: int32", "absmax: float"},
       {"y: bfloat16"},
       {"rows", "columns", "block"},
       nullptr,
       ComputeNf4UnpackToBfloat16},
      {"NlakitRoundHalf", {"x: float"}, {"y: float"}, {"storage"}, nullptr, ComputeRoundHalf},
  };
  return operations;
}

// One use of an operation, as TensorFlow keeps it.
template <size_t index>
struct Kernel {
  static const Operation& Of() { return Operations()[index]; }

  static void* Create(TF_OpKernelConstruction* construction) {
    TF_Status* status = TF_NewStatus();
    auto* attributes = new Attributes;
    for (size_t at = 0; at < Of().integers.size() && TF_GetCode(status) == 0; at++) {
      TF_OpKernelConstruction_GetAttrInt32(construction, Of().integers[at], &attributes->integers[at], status);
    }
    if (Of().number != nullptr && TF_GetCode(status) == 0) {
      TF_OpKernelConstruction_GetAttrFloat(construction, Of().number, &attributes->number, status);
    }
    if (TF_GetCode(status) != 0) TF_OpKernelConstruction_Failure(construction, status);
    TF_DeleteStatus(status);
    return attributes;
  }

  static void Compute(void* kernel, TF_OpKernelContext* context) {
    try {
      Call call(context, *static_cast<Attributes*>(kernel));
      Of().compute(call);
    } catch (const std::exception& error) {
      TF_Status* status = TF_NewStatus();
      TF_SetStatus(status, kInvalidArgument, error.what());
      TF_OpKernelContext_Failure(context, status);
      TF_DeleteStatus(status);
    }
  }

  static void Destroy(void* kernel) { delete static_cast<Attributes*>(kernel); }
};

template <size_t index>
std::string Register() {
  const Operation& operation = Operations()[index];
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(operation.name);
  for (const char* input : operation.inputs) TF_OpDefinitionBuilderAddInput(builder, input);
  for (const char* output : operation.outputs) TF_OpDefinitionBuilderAddOutput(builder, output);
  for (const char* name : operation.integers) TF_OpDefinitionBuilderAddAttr(builder, (std::string(name) + ": int").c_str());
  if (operation.number != nullptr) TF_OpDefinitionBuilderAddAttr(builder, (std::string(operation.number) + ": float").c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, &TF_ShapeInferenceContextSetUnknownShape);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(builder, status);
  if (TF_GetCode(status) == 0) {
    TF_KernelBuilder* kernel =
        TF_NewKernelBuilder(operation.name, "CPU", &Kernel<index>::Create, &Kernel<index>::Compute, &Kernel<index>::Destroy);
    TF_RegisterKernelBuilder(operation.name, kernel, status);
  }
  const std::string problem = TF_GetCode(status) == 0 ? "" : std::string(operation.name) + ": " + TF_Message(status);
  TF_DeleteStatus(status);
  return problem;
}

template <size_t... indices>
std::string RegisterAll(std::index_sequence<indices...>) {
  std::string problem;
  ((problem.empty() ? void(problem = Register<indices>()) : void()), ...);
  return problem;
}

constexpr size_t kOperations = 17;

}  // namespace

std::string RegisterOperations() {
  if (Operations().size() != kOperations) return "the table of operations has another length than kOperations";
  static const std::string problem = RegisterAll(std::make_index_sequence<kOperations>());
  return problem;
}

}  // namespace nlakit
