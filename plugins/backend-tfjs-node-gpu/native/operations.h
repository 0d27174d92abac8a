#pragma once
#include <string>

namespace nlakit {

// Registers our operations with TensorFlow for the CPU, once per process. Returns what went wrong, or nothing.
std::string RegisterOperations();

}  // namespace nlakit
