// The N-API module: all that tfjs-node's binding offers, our kernels on its tensors, and functions that work on host arrays.
#include <node_api.h>

#include <cstring>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>

#include "buffers.h"
#include "kernel_table.h"
#include "optimizer.h"
#include "parallel.h"

namespace tfnodejs {
napi_value InitBinding(napi_env env, napi_value exports);
}

namespace nlakit {
namespace {

void Check(napi_status status, const char* what) {
  if (status != napi_ok) throw std::invalid_argument(what);
}

struct Array {
  void* data;
  size_t length;
};

Array TypedArray(napi_env env, napi_value value, napi_typedarray_type expected) {
  napi_typedarray_type type;
  Array array{};
  Check(napi_get_typedarray_info(env, value, &type, &array.length, &array.data, nullptr, nullptr), "expected a typed array");
  if (type != expected) throw std::invalid_argument("a typed array has another element type than the call needs");
  return array;
}

float* Floats(napi_env env, napi_value value, size_t count) {
  const Array array = TypedArray(env, value, napi_float32_array);
  if (array.length < count) throw std::invalid_argument("an array is shorter than the parameter it belongs to");
  return static_cast<float*>(array.data);
}

uint8_t* Bytes(napi_env env, napi_value value, size_t count) {
  const Array array = TypedArray(env, value, napi_uint8_array);
  if (array.length < count) throw std::invalid_argument("an array is shorter than the parameter it belongs to");
  return static_cast<uint8_t*>(array.data);
}

StepFactors Factors(napi_env env, napi_value value) {
  const Array array = TypedArray(env, value, napi_float64_array);
  if (array.length != 6) throw std::invalid_argument("expected six step factors");
  const double* at = static_cast<const double*>(array.data);
  return {at[0], at[1], at[2], at[3], at[4], at[5]};
}

double Number(napi_env env, napi_value value) {
  double number;
  Check(napi_get_value_double(env, value, &number), "expected a number");
  return number;
}

bool Boolean(napi_env env, napi_value value) {
  bool result;
  Check(napi_get_value_bool(env, value, &result), "expected true or false");
  return result;
}

// Calls body(env, arguments), turning what it throws into a JavaScript error.
template <size_t count, napi_value (*body)(napi_env, napi_value*)>
napi_value Function(napi_env env, napi_callback_info info) {
  try {
    size_t given = count;
    napi_value arguments[count + 1];
    Check(napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr), "no arguments");
    if (given < count) throw std::invalid_argument("too few arguments");
    return body(env, arguments);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

napi_value ToValue(napi_env env, double number) {
  napi_value value;
  Check(napi_create_double(env, number, &value), "no number");
  return value;
}

int32_t Integer(napi_env env, napi_value value) {
  int32_t number;
  Check(napi_get_value_int32(env, value, &number), "expected a whole number");
  return number;
}

napi_value ToArray(napi_env env, const Call::Output& output) {
  napi_value array, element;
  Check(napi_create_array_with_length(env, output.shape.size() + 2, &array), "no array");
  uint32_t at = 0;
  const auto put = [&](int64_t number) {
    Check(napi_create_int64(env, number, &element), "no number");
    Check(napi_set_element(env, array, at++, element), "no element");
  };
  put(output.id);
  put(output.dtype);
  for (const int64_t extent : output.shape) put(extent);
  return array;
}

// compute(kernel, number, how many integers, integers…, tensors…): for every output [tensor, dtype, shape…]. Numbers one by one, because
// taking an array apart costs more than a small kernel.
napi_value ComputeFunction(napi_env env, napi_callback_info info) {
  try {
    napi_value at[128];
    size_t given = std::size(at);
    Check(napi_get_cb_info(env, info, &given, at, nullptr, nullptr), "no arguments");
    if (given < 3 || given > std::size(at)) throw std::invalid_argument("too few arguments, or too many");
    const size_t index = static_cast<size_t>(Integer(env, at[0])), integer_count = static_cast<size_t>(Integer(env, at[2]));
    if (index >= Kernels().size() || integer_count + 3 > given) throw std::invalid_argument("no such kernel, or too few integers");
    std::vector<int32_t> integers(integer_count), inputs(given - 3 - integer_count);
    for (size_t i = 0; i < integers.size(); i++) integers[i] = Integer(env, at[3 + i]);
    for (size_t i = 0; i < inputs.size(); i++) inputs[i] = Integer(env, at[3 + integers.size() + i]);
    Tensors tensors(env);
    Call call(tensors, std::move(inputs), std::move(integers), static_cast<float>(Number(env, at[1])));
    Kernels()[index].compute(call);
    napi_value outputs;
    Check(napi_create_array(env, &outputs), "no array");
    uint32_t count = 0;
    for (const Call::Output& output : call.HandOut()) Check(napi_set_element(env, outputs, count++, ToArray(env, output)), "no element");
    return outputs;
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

// kernels(): their names, in the order of their numbers
napi_value KernelsFunction(napi_env env, napi_value*) {
  napi_value names, name;
  Check(napi_create_array(env, &names), "no array");
  for (uint32_t index = 0; index < Kernels().size(); index++) {
    Check(napi_create_string_utf8(env, Kernels()[index].name, NAPI_AUTO_LENGTH, &name), "no string");
    Check(napi_set_element(env, names, index, name), "no element");
  }
  return names;
}

// adamw(p, g, m, v, factors): sum of squared changes
napi_value AdamWFunction(napi_env env, napi_value* at) {
  const size_t count = TypedArray(env, at[0], napi_float32_array).length;
  return ToValue(env, AdamW(Floats(env, at[0], count), Floats(env, at[1], count), Floats(env, at[2], count), Floats(env, at[3], count), count,
                            Factors(env, at[4])));
}

DynamicMap Map(napi_env env, napi_value* at) { return {Floats(env, at[0], 256), Floats(env, at[1], 256), Bytes(env, at[2], 65536)}; }

// adamw8bit(p, g, state1, state2, absmax1, absmax2, block, floor, factors, signed…, unsigned…): sum of squared changes
napi_value AdamW8bitFunction(napi_env env, napi_value* at) {
  const size_t count = TypedArray(env, at[0], napi_float32_array).length;
  const size_t block = static_cast<size_t>(Number(env, at[6]));
  if (block == 0) throw std::invalid_argument("the block size is 0");
  const size_t blocks = (count + block - 1) / block;
  return ToValue(env, AdamW8bit(Floats(env, at[0], count), Floats(env, at[1], count), Bytes(env, at[2], count), Bytes(env, at[3], count),
                                Floats(env, at[4], blocks), Floats(env, at[5], blocks), count, block, Boolean(env, at[7]),
                                Factors(env, at[8]), Map(env, at + 9), Map(env, at + 12)));
}

napi_value SetThreadsFunction(napi_env env, napi_value* at) {
  SetThreadCount(static_cast<int>(Number(env, at[0])));
  return ToValue(env, ThreadCount());
}

napi_value IdleBytesFunction(napi_env env, napi_value*) { return ToValue(env, static_cast<double>(IdleBufferBytes())); }

napi_value TrimFunction(napi_env env, napi_value*) {
  TrimBuffers();
  return ToValue(env, 0);
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  Check(napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value), "no function");
  Check(napi_set_named_property(env, exports, name, value), "no property");
}

}  // namespace
}  // namespace nlakit

NAPI_MODULE_INIT() {
  using namespace nlakit;
  try {
    exports = tfnodejs::InitBinding(env, exports);
    Export(env, exports, "compute", ComputeFunction);
    Export(env, exports, "kernels", Function<0, KernelsFunction>);
    Export(env, exports, "adamw", Function<5, AdamWFunction>);
    Export(env, exports, "adamw8bit", Function<15, AdamW8bitFunction>);
    Export(env, exports, "setThreads", Function<1, SetThreadsFunction>);
    Export(env, exports, "idleBytes", Function<0, IdleBytesFunction>);
    Export(env, exports, "trim", Function<0, TrimFunction>);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}
