// One call of a kernel: its inputs by position, its settings, and the tensors it makes.
#pragma once
#include <cstdint>
#include <vector>

#include "tensors.h"

namespace nlakit {

class Call {
 public:
  struct Output {
    int32_t id;
    TF_DataType dtype;
    Shape shape;
  };

  Call(Tensors& tensors, std::vector<int32_t> inputs, std::vector<int32_t> integers, float number);
  // Frees what was made, unless it was handed out.
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Tensor& Input(size_t index) const { return inputs_.at(index); }
  size_t inputs() const { return inputs_.size(); }
  int32_t integer(size_t index) const { return integers_.at(index); }
  // The integers from `first` on: shapes, axes.
  std::vector<int64_t> integers(size_t first) const { return {integers_.begin() + static_cast<std::ptrdiff_t>(first), integers_.end()}; }
  float number() const { return number_; }

  // The values of an input of single precision with at least `count` elements.
  const float* Floats(size_t index, int64_t count) const;
  const float* Floats(size_t index) const { return Floats(index, Input(index).count()); }

  float* MakeFloats(const Shape& shape) { return static_cast<float*>(Make(TF_FLOAT, shape)); }
  void* Make(TF_DataType dtype, const Shape& shape);
  // An output that has the values of an input, from that byte on.
  void Share(size_t index, const Shape& shape, size_t start = 0);

  const std::vector<Output>& outputs() const { return outputs_; }
  // What was made, which the caller now owns.
  const std::vector<Output>& HandOut();

  static void Require(bool holds, const char* message);

 private:
  Tensors& tensors_;
  std::vector<int32_t> ids_, integers_;
  float number_;
  std::vector<Tensor> inputs_;
  std::vector<Output> outputs_;
  bool handed_out_ = false;
};

}  // namespace nlakit
