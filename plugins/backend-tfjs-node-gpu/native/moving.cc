#include "moving.h"

#include <algorithm>
#include <cstring>

#include "parallel.h"

namespace nlakit {
namespace {

constexpr size_t kGrain = 65536;
// From so many bytes on a slice shares the memory of what it is of; less is not worth that all of that stays.
constexpr size_t kShared = size_t{1} << 20;
constexpr size_t kAlignment = 64;

// Values are moved four bytes at a time, whatever they mean.
const uint32_t* Words(const Call& call, size_t index) {
  const Tensor& tensor = call.Input(index);
  Call::Require(tensor.dtype == TF_FLOAT || tensor.dtype == TF_INT32, "only values of four bytes are moved");
  return static_cast<const uint32_t*>(tensor.data);
}

uint32_t* MakeWords(Call& call, TF_DataType dtype, const Shape& shape) { return static_cast<uint32_t*>(call.Make(dtype, shape)); }

size_t SizeOf(const Shape& shape, size_t begin, size_t end) {
  return static_cast<size_t>(CountOf({shape.begin() + static_cast<std::ptrdiff_t>(begin), shape.begin() + static_cast<std::ptrdiff_t>(end)}));
}

size_t AxisOf(const Call& call, size_t index, const Shape& shape) {
  const int32_t axis = call.integer(index);
  Call::Require(axis >= 0 && static_cast<size_t>(axis) < shape.size(), "there is no such axis");
  return static_cast<size_t>(axis);
}

// `rows` runs of `count` values each, from one place to another.
void CopyRows(const uint32_t* from, size_t from_stride, uint32_t* to, size_t to_stride, size_t rows, size_t count) {
  ParallelFor(rows, GrainOf(kGrain, count), [=](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) std::memcpy(to + row * to_stride, from + row * from_stride, count * sizeof(uint32_t));
  });
}

// Calls body(row, offset) for rows [begin, end) of a walk over `extents`, the last axis fastest; offset is the sum of index times stride.
template <typename Body>
void Walk(const Shape& extents, const Shape& strides, size_t begin, size_t end, const Body& body) {
  const size_t rank = extents.size();
  Shape index(rank, 0);
  int64_t offset = 0;
  size_t rest = begin;
  for (size_t axis = rank; axis-- > 0;) {
    index[axis] = static_cast<int64_t>(rest % static_cast<size_t>(extents[axis]));
    rest /= static_cast<size_t>(extents[axis]);
    offset += index[axis] * strides[axis];
  }
  for (size_t row = begin; row < end; row++) {
    body(row, offset);
    for (size_t axis = rank; axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < extents[axis]) break;
      offset -= strides[axis] * extents[axis];
      index[axis] = 0;
    }
  }
}

Shape StridesOf(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

}  // namespace

void ComputeReshape(Call& call) {
  const Shape shape = call.integers(0);
  Call::Require(CountOf(shape) == call.Input(0).count(), "a shape holds another number of elements than the tensor");
  call.Share(0, shape);
}

void ComputeTranspose(Call& call) {
  const Tensor& x = call.Input(0);
  const Shape order = call.integers(0), strides = StridesOf(x.shape);
  const size_t rank = x.shape.size();
  Call::Require(order.size() == rank, "an order names every axis once");
  Shape shape(rank), steps(rank);
  std::vector<bool> named(rank, false);
  for (size_t axis = 0; axis < rank; axis++) {
    Call::Require(order[axis] >= 0 && static_cast<size_t>(order[axis]) < rank, "an order names every axis once");
    // One that is named twice would be read as far as the product of other extents.
    Call::Require(!named[static_cast<size_t>(order[axis])], "an order names every axis once");
    named[static_cast<size_t>(order[axis])] = true;
    shape[axis] = x.shape[static_cast<size_t>(order[axis])];
    steps[axis] = strides[static_cast<size_t>(order[axis])];
  }
  const uint32_t* from = Words(call, 0);
  uint32_t* to = MakeWords(call, x.dtype, shape);
  if (x.count() == 0) return;
  // The axes at the end that stay where they are move as one run.
  size_t outer = rank;
  size_t run = 1;
  while (outer > 0 && order[outer - 1] == static_cast<int64_t>(outer - 1)) run *= static_cast<size_t>(shape[--outer]);
  if (run > 1 || outer == 0) {
    const Shape extents(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(outer));
    const Shape jumps(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(outer));
    ParallelFor(static_cast<size_t>(CountOf(extents)), GrainOf(kGrain, run), [&](size_t begin, size_t end) {
      Walk(extents, jumps, begin, end, [&](size_t row, int64_t offset) { std::memcpy(to + row * run, from + offset, run * sizeof(uint32_t)); });
    });
    return;
  }
  // The last axis comes from elsewhere: values one by one, along it.
  const size_t width = static_cast<size_t>(shape[rank - 1]);
  const int64_t step = steps[rank - 1];
  const Shape extents(shape.begin(), shape.end() - 1), jumps(steps.begin(), steps.end() - 1);
  ParallelFor(static_cast<size_t>(CountOf(extents)), GrainOf(kGrain, width), [&](size_t begin, size_t end) {
    Walk(extents, jumps, begin, end, [&](size_t row, int64_t offset) {
      for (size_t i = 0; i < width; i++) to[row * width + i] = from[offset + static_cast<int64_t>(i) * step];
    });
  });
}

void ComputeConcat(Call& call) {
  Shape shape = call.Input(0).shape;
  const size_t axis = AxisOf(call, 0, shape);
  shape[axis] = 0;
  for (size_t index = 0; index < call.inputs(); index++) {
    Shape other = call.Input(index).shape;
    Call::Require(other.size() == shape.size() && call.Input(index).dtype == call.Input(0).dtype, "what is put together must be of one kind");
    shape[axis] += other[axis];
    other[axis] = call.Input(0).shape[axis];
    Call::Require(other == call.Input(0).shape, "what is put together must be alike on all other axes");
  }
  uint32_t* to = MakeWords(call, call.Input(0).dtype, shape);
  const size_t rows = SizeOf(shape, 0, axis), whole = SizeOf(shape, axis, shape.size());
  for (size_t index = 0; index < call.inputs(); index++) {
    const size_t count = SizeOf(call.Input(index).shape, axis, shape.size());
    CopyRows(Words(call, index), count, to, whole, rows, count);
    to += count;
  }
}

void ComputeSplit(Call& call) {
  const Tensor& x = call.Input(0);
  const size_t axis = AxisOf(call, 0, x.shape), rows = SizeOf(x.shape, 0, axis), whole = SizeOf(x.shape, axis, x.shape.size());
  const uint32_t* from = Words(call, 0);
  const Shape sizes = call.integers(1);
  int64_t total = 0;
  for (const int64_t size : sizes) total += size;
  Call::Require(total == x.shape[axis], "the parts are not the whole");
  for (const int64_t size : sizes) {
    Shape shape = x.shape;
    shape[axis] = size;
    const size_t count = SizeOf(shape, axis, shape.size());
    CopyRows(from, whole, MakeWords(call, x.dtype, shape), count, rows, count);
    from += count;
  }
}

void ComputeSlice(Call& call) {
  const Tensor& x = call.Input(0);
  const size_t rank = x.shape.size();
  const Shape integers = call.integers(0);
  Call::Require(integers.size() == 2 * rank, "a slice needs a beginning and an extent on every axis");
  const Shape begin(integers.begin(), integers.begin() + static_cast<std::ptrdiff_t>(rank));
  const Shape shape(integers.begin() + static_cast<std::ptrdiff_t>(rank), integers.end());
  const Shape strides = StridesOf(x.shape);
  int64_t start = 0;
  for (size_t axis = 0; axis < rank; axis++) {
    Call::Require(begin[axis] >= 0 && shape[axis] >= 0 && begin[axis] + shape[axis] <= x.shape[axis], "a slice lies inside the tensor");
    start += begin[axis] * strides[axis];
  }
  // The axes at the end that are taken whole, and the one before them, are one run.
  size_t outer = rank;
  size_t run = 1;
  while (outer > 0) {
    outer--;
    run *= static_cast<size_t>(shape[outer]);
    if (shape[outer] != x.shape[outer]) break;
  }
  const uint32_t* from = Words(call, 0) + start;
  const size_t bytes = static_cast<size_t>(CountOf(shape)) * sizeof(uint32_t), begins = static_cast<size_t>(start) * sizeof(uint32_t);
  // A large run, as of an embedding table, stays where it is, if TensorFlow takes memory that begins there.
  if (bytes >= kShared && bytes == run * sizeof(uint32_t) && begins % kAlignment == 0) return call.Share(0, shape, begins);
  uint32_t* to = MakeWords(call, x.dtype, shape);
  if (bytes == 0) return;
  const Shape extents(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(outer));
  const Shape jumps(strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(outer));
  ParallelFor(static_cast<size_t>(CountOf(extents)), GrainOf(kGrain, run), [&](size_t first, size_t last) {
    Walk(extents, jumps, first, last, [&](size_t row, int64_t offset) { std::memcpy(to + row * run, from + offset, run * sizeof(uint32_t)); });
  });
}

void ComputeGather(Call& call) {
  const Tensor &x = call.Input(0), &indices = call.Input(1);
  Call::Require(!x.shape.empty() && indices.dtype == TF_INT32, "rows are gathered by whole numbers");
  const auto* rows = static_cast<const int32_t*>(indices.data);
  const int64_t count = indices.count();
  for (int64_t at = 0; at < count; at++) Call::Require(rows[at] >= 0 && rows[at] < x.shape[0], "a row to be gathered is not there");
  Shape shape = indices.shape;
  shape.insert(shape.end(), x.shape.begin() + 1, x.shape.end());
  const size_t width = SizeOf(x.shape, 1, x.shape.size());
  const uint32_t* from = Words(call, 0);
  uint32_t* to = MakeWords(call, x.dtype, shape);
  ParallelFor(static_cast<size_t>(count), GrainOf(kGrain, width), [=](size_t begin, size_t end) {
    for (size_t at = begin; at < end; at++) {
      std::memcpy(to + at * width, from + static_cast<size_t>(rows[at]) * width, width * sizeof(uint32_t));
    }
  });
}

namespace {

// How one operand of a broadcast operation is walked: its stride on every axis of the result, 0 where it is repeated.
Shape BroadcastStrides(const Shape& own, const Shape& shape) {
  Shape strides(shape.size(), 0);
  int64_t stride = 1;
  for (size_t back = 1; back <= own.size(); back++) {
    const int64_t extent = own[own.size() - back];
    Call::Require(extent == 1 || extent == shape[shape.size() - back], "the shapes cannot be broadcast against each other");
    if (extent != 1) strides[shape.size() - back] = stride;
    stride *= extent;
  }
  return strides;
}

template <typename Combine>
void ComputeElementwise(Call& call, const Combine& combine) {
  const Shape &left = call.Input(0).shape, &right = call.Input(1).shape;
  Shape shape(std::max(left.size(), right.size()), 1);
  for (const Shape* own : {&left, &right}) {
    for (size_t back = 1; back <= own->size(); back++) {
      int64_t& extent = shape[shape.size() - back];
      if ((*own)[own->size() - back] != 1) extent = (*own)[own->size() - back];
    }
  }
  Shape a_strides = BroadcastStrides(left, shape), b_strides = BroadcastStrides(right, shape);
  const float *a = call.Floats(0), *b = call.Floats(1);
  float* out = call.MakeFloats(shape);
  if (CountOf(shape) == 0) return;
  // Axes that both operands walk in one go become one.
  Shape extents, a_steps, b_steps;
  for (size_t axis = 0; axis < shape.size(); axis++) {
    if (shape[axis] == 1) continue;
    const bool joins = !extents.empty() && a_steps.back() == a_strides[axis] * shape[axis] && b_steps.back() == b_strides[axis] * shape[axis];
    if (joins) {
      extents.back() *= shape[axis];
      a_steps.back() = a_strides[axis];
      b_steps.back() = b_strides[axis];
    } else {
      extents.push_back(shape[axis]);
      a_steps.push_back(a_strides[axis]);
      b_steps.push_back(b_strides[axis]);
    }
  }
  const size_t width = extents.empty() ? 1 : static_cast<size_t>(extents.back());
  const bool a_moves = !extents.empty() && a_steps.back() != 0, b_moves = !extents.empty() && b_steps.back() != 0;
  const auto run = [&](const float* x, const float* y, float* z, size_t count) {
    if (a_moves && b_moves) {
#pragma omp simd
      for (size_t i = 0; i < count; i++) z[i] = combine(x[i], y[i]);
    } else if (a_moves) {
      const float constant = *y;
#pragma omp simd
      for (size_t i = 0; i < count; i++) z[i] = combine(x[i], constant);
    } else {
      const float constant = *x;
#pragma omp simd
      for (size_t i = 0; i < count; i++) z[i] = combine(constant, b_moves ? y[i] : *y);
    }
  };
  if (extents.size() <= 1) {
    ParallelFor(width, kGrain, [&](size_t begin, size_t end) {
      run(a + (a_moves ? begin : 0), b + (b_moves ? begin : 0), out + begin, end - begin);
    });
    return;
  }
  extents.pop_back();
  a_steps.pop_back();
  b_steps.pop_back();
  // Both offsets in one walk: that of b is carried beside.
  const size_t rows = static_cast<size_t>(CountOf(extents));
  ParallelFor(rows, GrainOf(kGrain, width), [&](size_t begin, size_t end) {
    Shape b_offsets(end - begin);
    Walk(extents, b_steps, begin, end, [&](size_t row, int64_t offset) { b_offsets[row - begin] = offset; });
    Walk(extents, a_steps, begin, end,
         [&](size_t row, int64_t offset) { run(a + offset, b + b_offsets[row - begin], out + row * width, width); });
  });
}

}  // namespace

void ComputeAdd(Call& call) {
  ComputeElementwise(call, [](float x, float y) { return x + y; });
}
void ComputeSubtract(Call& call) {
  ComputeElementwise(call, [](float x, float y) { return x - y; });
}
void ComputeMultiply(Call& call) {
  ComputeElementwise(call, [](float x, float y) { return x * y; });
}

}  // namespace nlakit
