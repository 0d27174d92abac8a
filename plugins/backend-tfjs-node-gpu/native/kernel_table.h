// Our kernels by name, as the JavaScript side calls them.
#pragma once
#include <vector>

#include "call.h"

namespace nlakit {

struct Kernel {
  // The name that @nlakit/ops, @nlakit/quantizer-nf4 or tfjs has for it.
  const char* name;
  void (*compute)(Call&);
};

const std::vector<Kernel>& Kernels();

}  // namespace nlakit
