// Memory for the results of our kernels, kept for reuse. A fresh large block costs a page fault per 4 KiB, which for a dequantised weight
// is as much time as the dequantisation itself.
#pragma once
#include <cstddef>

namespace nlakit {

// 64-byte aligned. Never null: throws std::bad_alloc.
void* TakeBuffer(size_t bytes);
void GiveBuffer(void* data, size_t bytes);

// Memory of a kernel for the time of its call.
class Scratch {
 public:
  explicit Scratch(size_t floats) : bytes_(floats * sizeof(float)), data_(static_cast<float*>(TakeBuffer(bytes_))) {}
  ~Scratch() { GiveBuffer(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  float* data() const { return data_; }

 private:
  size_t bytes_;
  float* data_;
};

// Gives everything idle back to the system.
void TrimBuffers();

}  // namespace nlakit
