// The N-API module: all that tfjs-node's binding offers, our kernels on its tensors, and functions that work on host arrays.
#include <node_api.h>

#include <cstring>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "buffers.h"
#include "gradients.h"
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
  if (array.length != 5) throw std::invalid_argument("expected five step factors");
  const double* at = static_cast<const double*>(array.data);
  return {at[0], at[1], at[2], at[3], at[4]};
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

// compute(kernel, number, how many integers, how many tensors, exchange): integers and tensors stand in `exchange`, an Int32Array, one after
// the other, and every output is written there: how many, and for each [tensor, dtype, rank, shape…]. Going through memory that both sides
// see, because making arguments and arrays of results one by one costs more than a small kernel.
napi_value ComputeFunction(napi_env env, napi_callback_info info) {
  try {
    napi_value at[5];
    size_t given = std::size(at);
    Check(napi_get_cb_info(env, info, &given, at, nullptr, nullptr), "no arguments");
    if (given < std::size(at)) throw std::invalid_argument("too few arguments");
    const size_t index = static_cast<size_t>(Integer(env, at[0]));
    const size_t integers = static_cast<size_t>(Integer(env, at[2])), inputs = static_cast<size_t>(Integer(env, at[3]));
    const Array exchange = TypedArray(env, at[4], napi_int32_array);
    if (index >= Kernels().size() || integers + inputs > exchange.length) throw std::invalid_argument("no such kernel, or too few integers");
    int32_t* const numbers = static_cast<int32_t*>(exchange.data);
    Tensors tensors(env);
    Call call(tensors, {numbers + integers, numbers + integers + inputs}, {numbers, numbers + integers}, static_cast<float>(Number(env, at[1])));
    Kernels()[index].compute(call);
    size_t needed = 1;
    for (const Call::Output& output : call.outputs()) needed += 3 + output.shape.size();
    if (needed > exchange.length) throw std::invalid_argument("the outputs do not fit the exchange");
    int32_t* put = numbers;
    *put++ = static_cast<int32_t>(call.outputs().size());
    for (const Call::Output& output : call.HandOut()) {
      *put++ = output.id;
      *put++ = output.dtype;
      *put++ = static_cast<int32_t>(output.shape.size());
      for (const int64_t extent : output.shape) *put++ = static_cast<int32_t>(extent);
    }
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
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

napi_value Element(napi_env env, napi_value array, size_t index) {
  napi_value value;
  Check(napi_get_element(env, array, static_cast<uint32_t>(index), &value), "expected an array");
  return value;
}

DynamicMap Map(napi_env env, napi_value books, size_t first) {
  return {Floats(env, Element(env, books, first), 256), Floats(env, Element(env, books, first + 1), 256),
          Bytes(env, Element(env, books, first + 2), 65536)};
}

// adamw(arrays, keeps, sums, factors, block, floor, books): `arrays` has p, g and the moments of every parameter one after the other, which
// are m and v, or codes and largest values; books are the values, midpoints and buckets of both maps, needed where there are codes
napi_value AdamWFunction(napi_env env, napi_value* at) {
  const Array keeps = TypedArray(env, at[1], napi_float64_array), sums = TypedArray(env, at[2], napi_float64_array);
  if (sums.length != keeps.length) throw std::invalid_argument("expected as many sums as parameters");
  const size_t block = static_cast<size_t>(Number(env, at[4]));
  if (block == 0) throw std::invalid_argument("the block size is 0");
  std::vector<Parameter> parameters(keeps.length);
  bool quantized = false;
  size_t index = 0;
  const auto next = [&] { return Element(env, at[0], index++); };
  for (size_t i = 0; i < parameters.size(); i++) {
    Parameter& parameter = parameters[i];
    const napi_value p = next();
    parameter.count = TypedArray(env, p, napi_float32_array).length;
    parameter.p = Floats(env, p, parameter.count);
    parameter.g = Floats(env, next(), parameter.count);
    parameter.keep = static_cast<const double*>(keeps.data)[i];
    const napi_value first = next(), second = next();
    napi_typedarray_type type;
    Check(napi_get_typedarray_info(env, first, &type, nullptr, nullptr, nullptr, nullptr), "expected a typed array");
    if (type != napi_uint8_array) {
      parameter.m = Floats(env, first, parameter.count);
      parameter.v = Floats(env, second, parameter.count);
      continue;
    }
    quantized = true;
    const size_t blocks = (parameter.count + block - 1) / block;
    parameter.codes1 = Bytes(env, first, parameter.count);
    parameter.codes2 = Bytes(env, second, parameter.count);
    parameter.absmax1 = Floats(env, next(), blocks);
    parameter.absmax2 = Floats(env, next(), blocks);
  }
  const StepFactors factors = Factors(env, at[3]);
  Quantization quantization{block, Boolean(env, at[5]), {}, {}};
  if (quantized) {
    quantization.signed_map = Map(env, at[6], 0);
    quantization.unsigned_map = Map(env, at[6], 3);
  }
  AdamW(parameters, factors, quantized ? &quantization : nullptr, static_cast<double*>(sums.data));
  return nullptr;
}

// sumOfSquares(values)
napi_value SumOfSquaresFunction(napi_env env, napi_value* at) {
  const Array values = TypedArray(env, at[0], napi_float32_array);
  return ToValue(env, SumOfSquares(static_cast<const float*>(values.data), values.length));
}

// scale(values, factor): in place
napi_value ScaleFunction(napi_env env, napi_value* at) {
  const Array values = TypedArray(env, at[0], napi_float32_array);
  Scale(static_cast<float*>(values.data), values.length, Number(env, at[1]));
  return nullptr;
}

// readTensor(tensor, target, add): over the values of the target, or added to them
napi_value ReadTensorFunction(napi_env env, napi_value* at) {
  Tensors tensors(env);
  const Tensor tensor = tensors.At(Integer(env, at[0]));
  const Array target = TypedArray(env, at[1], napi_float32_array);
  const size_t count = static_cast<size_t>(tensor.count());
  if (tensor.dtype != TF_FLOAT) throw std::invalid_argument("a tensor is not of single precision");
  if (target.length != count) throw std::invalid_argument("an array and the tensor it is for differ in length");
  (Boolean(env, at[2]) ? Add : Copy)(static_cast<const float*>(tensor.data), count, static_cast<float*>(target.data));
  return nullptr;
}

// writeTensor(values, shape): a new tensor
napi_value WriteTensorFunction(napi_env env, napi_value* at) {
  const Array values = TypedArray(env, at[0], napi_float32_array), extents = TypedArray(env, at[1], napi_int32_array);
  const int32_t* const first = static_cast<const int32_t*>(extents.data);
  const Shape shape(first, first + extents.length);
  if (static_cast<size_t>(CountOf(shape)) != values.length) throw std::invalid_argument("an array and its shape differ in length");
  Tensors tensors(env);
  void* data = nullptr;
  const int32_t id = tensors.New(TF_FLOAT, shape, &data);
  Copy(static_cast<const float*>(values.data), values.length, static_cast<float*>(data));
  return ToValue(env, id);
}

napi_value SetThreadsFunction(napi_env env, napi_value* at) {
  SetThreadCount(static_cast<int>(Number(env, at[0])));
  return ToValue(env, ThreadCount());
}

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
    Export(env, exports, "adamw", Function<7, AdamWFunction>);
    Export(env, exports, "sumOfSquares", Function<1, SumOfSquaresFunction>);
    Export(env, exports, "scale", Function<2, ScaleFunction>);
    Export(env, exports, "readTensor", Function<3, ReadTensorFunction>);
    Export(env, exports, "writeTensor", Function<2, WriteTensorFunction>);
    Export(env, exports, "setThreads", Function<1, SetThreadsFunction>);
    Export(env, exports, "trim", Function<0, TrimFunction>);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}
