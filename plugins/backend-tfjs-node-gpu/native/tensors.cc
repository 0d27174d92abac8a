#include "tensors.h"

#include <stdexcept>
#include <string>

#include "buffers.h"
#include "tensorflow/c/eager/c_api_experimental.h"
#include "tfjs_backend.h"

namespace nlakit {

int64_t CountOf(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

Tensors::Tensors(napi_env env) : status_(TF_NewStatus()) {
  napi_get_instance_data(env, reinterpret_cast<void**>(&backend_));
}

Tensors::~Tensors() { TF_DeleteStatus(status_); }

void Tensors::Check() {
  if (TF_GetCode(status_) != TF_OK) throw std::invalid_argument(TF_Message(status_));
}

TFE_TensorHandle* Tensors::Handle(int32_t id) {
  const auto found = backend_->tfe_handle_map_.find(id);
  if (found == backend_->tfe_handle_map_.end()) throw std::invalid_argument("there is no tensor " + std::to_string(id));
  return found->second;
}

Tensor Tensors::At(int32_t id) {
  TFE_TensorHandle* handle = Handle(id);
  Shape shape(TFE_TensorHandleNumDims(handle, status_));
  for (size_t axis = 0; axis < shape.size(); axis++) shape[axis] = TFE_TensorHandleDim(handle, static_cast<int>(axis), status_);
  void* data = TFE_TensorHandleDevicePointer(handle, status_);
  Check();
  return {std::move(shape), TFE_TensorHandleDataType(handle), data};
}

int32_t Tensors::Keep(TF_Tensor* tensor) {
  TFE_TensorHandle* handle = TFE_NewTensorHandle(tensor, status_);
  TF_DeleteTensor(tensor);
  Check();
  return backend_->InsertHandle(handle);
}

int32_t Tensors::New(TF_DataType dtype, const Shape& shape, void** data) {
  const size_t bytes = static_cast<size_t>(CountOf(shape)) * TF_DataTypeSize(dtype);
  *data = TakeBuffer(bytes);
  const auto give = [](void* memory, size_t size, void*) { GiveBuffer(memory, size); };
  return Keep(TF_NewTensor(dtype, shape.data(), static_cast<int>(shape.size()), *data, bytes, give, nullptr));
}

int32_t Tensors::Sharing(int32_t id, const Shape& shape, size_t start) {
  TF_Tensor* values = TFE_TensorHandleResolve(Handle(id), status_);
  Check();
  const TF_DataType dtype = TF_TensorType(values);
  const size_t bytes = static_cast<size_t>(CountOf(shape)) * TF_DataTypeSize(dtype);
  // TensorFlow has no C function for a tensor that shares values: one whose memory is another's, which it holds.
  const auto release = [](void*, size_t, void* owner) { TF_DeleteTensor(static_cast<TF_Tensor*>(owner)); };
  char* const data = static_cast<char*>(TF_TensorData(values)) + start;
  return Keep(TF_NewTensor(dtype, shape.data(), static_cast<int>(shape.size()), data, bytes, release, values));
}

void Tensors::Delete(int32_t id) {
  TFE_DeleteTensorHandle(Handle(id));
  backend_->tfe_handle_map_.erase(id);
}

}  // namespace nlakit
