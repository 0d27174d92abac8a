#include "call.h"

#include <stdexcept>
#include <utility>

namespace nlakit {

Call::Call(Tensors& tensors, std::vector<int32_t> inputs, std::vector<int32_t> integers, float number)
    : tensors_(tensors), ids_(std::move(inputs)), integers_(std::move(integers)), number_(number) {
  inputs_.reserve(ids_.size());
  for (const int32_t id : ids_) inputs_.push_back(tensors_.At(id));
}

Call::~Call() {
  if (handed_out_) return;
  for (const Output& output : outputs_) tensors_.Delete(output.id);
}

const std::vector<Call::Output>& Call::HandOut() {
  handed_out_ = true;
  return outputs_;
}

void Call::Require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

const float* Call::Floats(size_t index, int64_t count) const {
  const Tensor& tensor = Input(index);
  Require(tensor.dtype == TF_FLOAT, "an input is not of single precision");
  Require(tensor.count() >= count, "an input has fewer elements than the call needs");
  return static_cast<const float*>(tensor.data);
}

void* Call::Make(TF_DataType dtype, const Shape& shape) {
  void* data = nullptr;
  outputs_.push_back({tensors_.New(dtype, shape, &data), dtype, shape});
  return data;
}

void Call::Share(size_t index, const Shape& shape, size_t start) {
  outputs_.push_back({tensors_.Sharing(ids_.at(index), shape, start), Input(index).dtype, shape});
}

}  // namespace nlakit
