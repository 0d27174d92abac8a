// Tensors of tfjs-node's binding by their number: where their values lie, and new ones. The values are never copied.
#pragma once
#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

namespace tfnodejs {
class TFJSBackend;
}

namespace nlakit {

using Shape = std::vector<int64_t>;

int64_t CountOf(const Shape& shape);

// What a kernel sees of an input.
struct Tensor {
  Shape shape;
  TF_DataType dtype;
  void* data;

  int64_t count() const { return CountOf(shape); }
};

// The binding's tensors. Throws std::invalid_argument for numbers it does not know and tensors that are not in this process's memory.
class Tensors {
 public:
  explicit Tensors(napi_env env);
  ~Tensors();
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  Tensor At(int32_t id);
  // A new tensor in memory of ours, which returns there when TensorFlow lets go of it; its values are not set.
  int32_t New(TF_DataType dtype, const Shape& shape, void** data);
  // A new tensor of another shape that shares the values of `id`, from the byte `start` on.
  int32_t Sharing(int32_t id, const Shape& shape, size_t start = 0);
  void Delete(int32_t id);

 private:
  TFE_TensorHandle* Handle(int32_t id);
  int32_t Keep(TF_Tensor* tensor);
  void Check();

  tfnodejs::TFJSBackend* backend_ = nullptr;
  TF_Status* status_;
};

}  // namespace nlakit
